package config

//go:generate go run ./readme ../../README.md

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Settings holds every variable as text, as envconfig fills it. The fields are text because envconfig
// stops at the first value it cannot parse, and an operator wants to hear of all of them at once.
//
// Tags: default is the value of a variable that is unset or empty, example is what an error shows, doc
// is the sentence in the documentation, secret marks what is never printed.
type Settings struct {
	ConnectorName string `envconfig:"CONNECTOR_NAME" default:"teams" example:"teams" doc:"Name of this connector: its consumer group, the names of its positions, and the default offsets topic. Processes with the same name share the work."`

	AzureTenantID      string `envconfig:"AZURE_TENANT_ID" example:"8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11" doc:"Tenant id (a GUID) of the Entra tenant whose chats are read."`
	AzureClientID      string `envconfig:"AZURE_CLIENT_ID" example:"2f7d6c1e-77b0-4c5e-9f60-6f1b0f7c9a42" doc:"Application (client) id of the app registration that has Chat.Read.All."`
	AzureClientSecret  string `envconfig:"AZURE_CLIENT_SECRET" secret:"true" example:"the-secret-value" doc:"Client secret of the app registration."`
	AzureAuthorityHost string `envconfig:"AZURE_AUTHORITY_HOST" default:"https://login.microsoftonline.com" example:"https://login.microsoftonline.us" doc:"Login root, https only."`

	GraphEndpoint string `envconfig:"GRAPH_ENDPOINT" default:"https://graph.microsoft.com" example:"https://graph.microsoft.us" doc:"Root of Microsoft Graph, without a version. The token is sent nowhere else. Plain http is allowed on loopback only."`
	GraphCAFile   string `envconfig:"GRAPH_CA_FILE" example:"/etc/ssl/proxy-ca.pem" doc:"PEM file with further root certificates for Graph and the login endpoint, for proxies that inspect TLS."`
	GraphFilter   string `envconfig:"GRAPH_FILTER" example:"messageType ne 'systemEventMessage'" doc:"Sender and type clauses joined by or, as the reference page of getAllMessages lists them; joined to each window by and."`
	GraphModel    string `envconfig:"GRAPH_MODEL" example:"A" doc:"Payment model A or B. Ignored by Graph since 25 August 2025; by default it is not sent."`

	SourceUsers          string `envconfig:"SOURCE_USERS" example:"0b4f1cf6-54c8-4820-bbb7-2a1f4257ade5,ada@contoso.com" doc:"Users to poll: ids or user principal names, comma-separated; or all, for all users that SOURCE_USERS_FILTER finds (needs the role User.Read.All)."`
	SourceUsersFile      string `envconfig:"SOURCE_USERS_FILE" example:"/etc/connector/users" doc:"File with more users, one a line; blank lines and lines that begin with # are passed over. Read again at each refresh."`
	SourceGroups         string `envconfig:"SOURCE_GROUPS" example:"8f2d0e30-4b6b-4f0c-9d0e-6a5d3c1b2a10" doc:"Ids of groups whose members, also those of groups within them, are polled, comma-separated (needs the role GroupMember.Read.All)."`
	SourceExcludeUsers   string `envconfig:"SOURCE_EXCLUDE_USERS" example:"ceo@contoso.com" doc:"Users who are never polled: ids or user principal names, comma-separated. Takes effect at once, without draining."`
	SourceUsersFilter    string `envconfig:"SOURCE_USERS_FILTER" default:"assignedPlans/any(p:p/servicePlanId eq 57ff2da0-773e-42df-b2af-ffb7a2317929 and p/capabilityStatus eq 'Enabled')" example:"accountEnabled eq true" doc:"The $filter by which SOURCE_USERS=all finds users. By default those with the service plan TEAMS1; other clouds have other plans."`
	SourceUsersRefresh   string `envconfig:"SOURCE_USERS_REFRESH" default:"1h" example:"15m" doc:"How often users are discovered again, at least 1s. Who is new is polled, who is missing is polled for 48h more."`
	SourceUsersRetention string `envconfig:"SOURCE_USERS_RETENTION" default:"30d" example:"30d" doc:"How long the position of a user who is no longer found is kept, at least 3d."`
	SourceStart          string `envconfig:"SOURCE_START" default:"24h" example:"2026-01-31T00:00:00Z" doc:"Where the stream of a user without a position begins: a time, a duration back from now, or now."`
	SourcePollInterval   string `envconfig:"SOURCE_POLL_INTERVAL" default:"24h" example:"10m" doc:"From one poll of a user to the next, at least 100ms. Microsoft permits polling a Teams resource for changes once a day; anything faster is your decision."`
	SourceLookbacks      string `envconfig:"SOURCE_LOOKBACKS" default:"10m,2h,24h,48h" example:"10m,2h,24h,48h" doc:"Rungs of the lookback ladder, each at least 1s: a rung of length L re-reads, every L, everything back to L before its last mark, and so catches what became visible up to L late. Graph is documented to be up to 24h late."`
	SourceSettle         string `envconfig:"SOURCE_SETTLE" example:"2s" doc:"How far a window's end stays behind our clock and Graph's. By default 2s, and never more than half the shortest rung."`
	SourcePageSize       string `envconfig:"SOURCE_PAGE_SIZE" default:"50" example:"50" doc:"Messages a page ($top), 1 to 999. Large pages mean fewer requests and more gateway timeouts; on one the size is halved for that user."`
	SourceRate           string `envconfig:"SOURCE_RATE" default:"160" example:"160" doc:"Requests per second to Graph for a tenant, over all its users. Graph allows 200 and a sustained 83 % of it."`
	SourceInFlight       string `envconfig:"SOURCE_IN_FLIGHT" default:"64" example:"64" doc:"Users read at the same time, 1 to 1000."`

	TransformBody         string `envconfig:"TRANSFORM_BODY" default:"keep" example:"drop" doc:"keep, or drop: leave out bodies, attachment contents, subjects, summaries and unknown properties, in records and dead letters."`
	TransformExcludeChats string `envconfig:"TRANSFORM_EXCLUDE_CHATS" example:"19:3c9e92a344704332bbf5bda58f4d37b1@thread.v2" doc:"Chat ids whose messages are left out, comma-separated. They are counted."`

	KafkaBrokers            string `envconfig:"KAFKA_BROKERS" example:"kafka-0:9092,kafka-1:9092" doc:"Seed brokers, comma-separated host:port."`
	KafkaTopic              string `envconfig:"KAFKA_TOPIC" default:"teams.chat.messages" example:"teams.chat.messages" doc:"Output topic. Dead letters go to the same name with .dlq behind it."`
	KafkaOffsetsTopic       string `envconfig:"KAFKA_OFFSETS_TOPIC" example:"teams.offsets" doc:"Compacted topic that holds the positions. By default the connector's name with .offsets behind it."`
	KafkaTopicPartitions    string `envconfig:"KAFKA_TOPIC_PARTITIONS" default:"6" example:"12" doc:"Partitions of topics the connector creates, 1 to 10000. Adding partitions later breaks the order per chat for readers."`
	KafkaTopicReplication   string `envconfig:"KAFKA_TOPIC_REPLICATION" default:"-1" example:"3" doc:"Replication factor of topics the connector creates; -1 is the broker's default."`
	KafkaTopicRetention     string `envconfig:"KAFKA_TOPIC_RETENTION" example:"90d" doc:"Retention of an output topic the connector creates. By default the broker's."`
	KafkaTLS                string `envconfig:"KAFKA_TLS" default:"false" example:"true" doc:"true to speak TLS to the brokers."`
	KafkaTLSCAFile          string `envconfig:"KAFKA_TLS_CA_FILE" example:"/etc/kafka/ca.pem" doc:"PEM file with the root certificates of the brokers. By default the system's."`
	KafkaTLSCertFile        string `envconfig:"KAFKA_TLS_CERT_FILE" example:"/etc/kafka/client.pem" doc:"PEM file with the client certificate, for mutual TLS."`
	KafkaTLSKeyFile         string `envconfig:"KAFKA_TLS_KEY_FILE" example:"/etc/kafka/client.key" doc:"PEM file with the client certificate's key."`
	KafkaSASLMechanism      string `envconfig:"KAFKA_SASL_MECHANISM" example:"SCRAM-SHA-512" doc:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. By default no SASL."`
	KafkaSASLUsername       string `envconfig:"KAFKA_SASL_USERNAME" example:"connector" doc:"SASL user name."`
	KafkaSASLPassword       string `envconfig:"KAFKA_SASL_PASSWORD" secret:"true" example:"the-password" doc:"SASL password."`
	KafkaSessionTimeout     string `envconfig:"KAFKA_SESSION_TIMEOUT" default:"15s" example:"10s" doc:"After how long without a heartbeat a process counts as dead and another takes its tenant over."`
	KafkaTransactionTimeout string `envconfig:"KAFKA_TRANSACTION_TIMEOUT" default:"60s" example:"60s" doc:"After how long the broker gives up a transaction whose writer is silent. More than COMMIT_INTERVAL; the broker allows at most its transaction.max.timeout.ms."`

	SchemaRegistryURL string `envconfig:"SCHEMA_REGISTRY_URL" example:"https://registry:8081" doc:"Confluent-compatible schema registry. Without one records are written in Avro's single-object encoding."`

	Delivery        string `envconfig:"DELIVERY" default:"exactly-once" example:"idempotent" doc:"exactly-once, or idempotent for brokers without transactions (which gives up the fencing of a second writer)."`
	RecordTimestamp string `envconfig:"RECORD_TIMESTAMP" default:"event" example:"ingest" doc:"Timestamp of a record: event (last modification) or ingest (time of writing)."`
	CommitInterval  string `envconfig:"COMMIT_INTERVAL" default:"1s" example:"500ms" doc:"Longest time a transaction stays open, at least 10ms. Readers see messages when it commits."`
	CommitRecords   string `envconfig:"COMMIT_RECORDS" default:"10000" example:"10000" doc:"Records after which a transaction commits before its interval is over."`
	IndexHorizon    string `envconfig:"INDEX_HORIZON" default:"21d" example:"21d" doc:"How far back the index of written versions reaches at most. A version older than that can come again."`
	IndexMaxEntries string `envconfig:"INDEX_MAX_ENTRIES" default:"5000000" example:"5000000" doc:"Messages the index holds at most, about 50 bytes each; beyond it the oldest are forgotten, which can cost a duplicate."`
	RebuildTimeout  string `envconfig:"REBUILD_TIMEOUT" default:"2m" example:"2m" doc:"How long reading the topic back at start waits for another producer's open transaction."`

	AdminAddress    string `envconfig:"ADMIN_ADDRESS" default:":8080" example:"127.0.0.1:8080" doc:"Where /healthz, /readyz and /metrics are served; none serves nothing."`
	LogLevel        string `envconfig:"LOG_LEVEL" default:"info" example:"debug" doc:"debug, info, warn or error."`
	LogFormat       string `envconfig:"LOG_FORMAT" default:"json" example:"text" doc:"json or text, on standard error."`
	ShutdownTimeout string `envconfig:"SHUTDOWN_TIMEOUT" default:"20s" example:"20s" doc:"How long an orderly end may take after SIGTERM."`
}

// Setting describes one variable.
type Setting struct {
	Name, Default, Example, Doc string
	Secret                      bool
}

// All lists every variable in the order of the documentation.
func All() []Setting {
	t := reflect.TypeFor[Settings]()
	all := make([]Setting, t.NumField())
	for i := range all {
		tag := t.Field(i).Tag
		all[i] = Setting{
			Name: tag.Get("envconfig"), Default: tag.Get("default"), Example: tag.Get("example"),
			Doc: tag.Get("doc"), Secret: tag.Get("secret") == "true",
		}
	}
	return all
}

// Variables gives the settings as an environment.
func (s Settings) Variables() map[string]string {
	v := reflect.ValueOf(s)
	env := make(map[string]string, v.NumField())
	for i := range v.NumField() {
		env[v.Type().Field(i).Tag.Get("envconfig")] = v.Field(i).String()
	}
	return env
}

// Markdown is the table of all variables for the documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, s := range All() {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		doc := s.Doc
		if s.Secret {
			doc += " Secret."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s For example `%s`. |\n", s.Name, def, strings.ReplaceAll(doc, "|", `\|`), s.Example)
	}
	return b.String()
}

// The lines between which the table stands in a page.
const (
	tableBegins = "<!-- configuration: generated from internal/config/settings.go by go generate -->\n"
	tableEnds   = "<!-- end of configuration -->\n"
)

// InsertTable puts the present table into a page, between its two marks.
func InsertTable(page string) (string, error) {
	before, rest, begins := strings.Cut(page, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", errors.New("the page has no place for the table of variables")
	}
	return before + tableBegins + Markdown() + tableEnds + after, nil
}
