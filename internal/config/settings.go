package config

//go:generate go run ../generate/variables ../../README.md ../../docs/configuration.md
//go:generate go run ../generate/chartvalues ../../deploy/helm/teams-kafka-connector/values.schema.json

import (
	"reflect"
	"strings"
)

// Settings holds every variable as text, as envconfig fills it. The fields are text because envconfig
// stops at the first value it cannot parse, and an operator wants to hear of all of them at once.
//
// Everything else that is known of a variable comes from its tags and from consequences: the help, the
// documentation and the chart's schema are generated from them, and the parser reads the range.
//
//   - default is the value of a variable that is unset or empty.
//   - type and range say what is accepted: "1s to 1h" for durations and integers, "a, b" for a choice or
//     a boolean. For other types the range is prose.
//   - main marks the variables in the table of the README.
//   - example is what an error shows, doc is the sentence in the documentation.
//   - secret marks what is never printed and can be in a file.
//   - tenant marks what can differ by tenant. The value "own" is never taken from another tenant or from
//     the unprefixed variable; "override" replaces the value of the unprefixed variable.
//
// A blank field names the group of the fields that follow.
type Settings struct {
	_ struct{} `group:"Graph"`

	AzureTenantID                  string `envconfig:"AZURE_TENANT_ID" tenant:"own" example:"8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11" type:"GUID" main:"true" doc:"ID of the Entra tenant whose chats are read."`
	AzureClientID                  string `envconfig:"AZURE_CLIENT_ID" tenant:"own" example:"2f7d6c1e-77b0-4c5e-9f60-6f1b0f7c9a42" type:"text" main:"true" doc:"Application (client) ID of the app registration that has Chat.Read.All, or of a user-assigned managed identity. A system-assigned managed identity needs none."`
	AzureClientSecret              string `envconfig:"AZURE_CLIENT_SECRET" tenant:"own" secret:"true" example:"the-secret-value" type:"secret" main:"true" doc:"Client secret of the app registration."`
	AzureClientCertificatePath     string `envconfig:"AZURE_CLIENT_CERTIFICATE_PATH" tenant:"own" example:"/etc/entra/client.pfx" type:"file" doc:"File with the client certificate and its RSA key, PEM or PFX. Read again for each token."`
	AzureClientCertificatePassword string `envconfig:"AZURE_CLIENT_CERTIFICATE_PASSWORD" tenant:"own" secret:"true" example:"the-password" type:"secret" doc:"Password of the PFX file."`
	AzureFederatedTokenFile        string `envconfig:"AZURE_FEDERATED_TOKEN_FILE" tenant:"own" example:"/var/run/secrets/azure/tokens/azure-identity-token" type:"file" doc:"File with the federated token of workload identity, which the webhook of AKS mounts and names. Read again for each token."`
	AzureAuthorityHost             string `envconfig:"AZURE_AUTHORITY_HOST" tenant:"own" example:"https://login.microsoftonline.us" type:"URL" range:"an https root" doc:"Root of the login service. By default that of GRAPH_CLOUD."`
	GraphAuth                      string `envconfig:"GRAPH_AUTH" tenant:"override" default:"auto" example:"workload-identity" type:"choice" range:"auto, secret, certificate, workload-identity, managed-identity" doc:"How to sign in. auto uses the secret, the certificate or the workload identity, whichever is set."`
	GraphTenants                   string `envconfig:"GRAPH_TENANTS" example:"contoso,fabrikam" type:"list" range:"aliases: a letter and up to 29 letters or digits" doc:"Aliases of several tenants, comma-separated. Each tenant has its own variables with the alias in capitals in front, such as CONTOSO_AZURE_TENANT_ID. By default there is one tenant, that of AZURE_TENANT_ID."`
	GraphCloud                     string `envconfig:"GRAPH_CLOUD" tenant:"override" default:"global" example:"usgov" type:"choice" range:"global, usgov, dod" doc:"Microsoft cloud, which sets the Graph root, the login root and the scope: global (with GCC), usgov (L4, GCC High) or dod (L5). china is refused because getAllMessages does not exist there."`
	GraphEndpoint                  string `envconfig:"GRAPH_ENDPOINT" tenant:"override" example:"https://graph-proxy.example.com" type:"URL" range:"an https root; http on loopback only" doc:"Root of Microsoft Graph, without a version, if it is not that of GRAPH_CLOUD. The token is sent nowhere else."`
	GraphCAFile                    string `envconfig:"GRAPH_CA_FILE" tenant:"override" example:"/etc/ssl/proxy-ca.pem" type:"file" range:"PEM certificates" doc:"File with additional root certificates for Graph and the login service, for proxies that inspect TLS."`
	GraphFilter                    string `envconfig:"GRAPH_FILTER" tenant:"override" example:"messageType ne 'systemEventMessage'" type:"text" range:"clauses that getAllMessages allows, joined by or" doc:"Sender and type clauses, as the reference page of getAllMessages lists them. The connector joins them to each window by and."`
	GraphModel                     string `envconfig:"GRAPH_MODEL" tenant:"override" example:"A" type:"choice" range:"A, B" doc:"Payment model. Graph has ignored it since August 25, 2025; by default it is not sent."`

	_ struct{} `group:"Users"`

	SourceUsers          string `envconfig:"SOURCE_USERS" tenant:"own" example:"0b4f1cf6-54c8-4820-bbb7-2a1f4257ade5,ada@contoso.com" type:"list" range:"IDs or user principal names; or all" main:"true" doc:"Users to poll, comma-separated; or all, for all users that SOURCE_USERS_FILTER finds (needs the role User.Read.All)."`
	SourceUsersFile      string `envconfig:"SOURCE_USERS_FILE" tenant:"own" example:"/etc/connector/users" type:"file" range:"one user a line" doc:"File with more users. Blank lines and lines that begin with # are ignored. Read again at each refresh."`
	SourceGroups         string `envconfig:"SOURCE_GROUPS" tenant:"own" example:"8f2d0e30-4b6b-4f0c-9d0e-6a5d3c1b2a10" type:"list" range:"GUIDs" doc:"IDs of groups whose members are polled, including members of nested groups, comma-separated (needs the role GroupMember.Read.All)."`
	SourceExcludeUsers   string `envconfig:"SOURCE_EXCLUDE_USERS" tenant:"own" example:"ceo@contoso.com" type:"list" range:"IDs or user principal names" doc:"Users who are never polled, comma-separated. Takes effect at once, without draining."`
	SourceUsersFilter    string `envconfig:"SOURCE_USERS_FILTER" tenant:"override" default:"assignedPlans/any(p:p/servicePlanId eq 57ff2da0-773e-42df-b2af-ffb7a2317929 and p/capabilityStatus eq 'Enabled')" example:"accountEnabled eq true" type:"text" range:"an OData $filter for /users" doc:"Filter by which SOURCE_USERS=all finds users. By default users with the service plan TEAMS1; other clouds have other plans."`
	SourceUsersRefresh   string `envconfig:"SOURCE_USERS_REFRESH" tenant:"override" default:"1h" example:"15m" type:"duration" range:"1s to 1d" doc:"How often the connector looks for users. New users are polled from then on; users no longer found are polled for another 48h."`
	SourceUsersRetention string `envconfig:"SOURCE_USERS_RETENTION" tenant:"override" default:"30d" example:"30d" type:"duration" range:"3d to 3650d" doc:"How long the connector keeps the position of a user who is no longer found."`

	_ struct{} `group:"Pace"`

	SourceStart        string `envconfig:"SOURCE_START" tenant:"override" default:"24h" example:"2026-01-31T00:00:00Z" type:"time" range:"RFC 3339, a duration back from now, or now; not in the future" main:"true" doc:"Where to start reading for a user without a position."`
	SourcePollInterval string `envconfig:"SOURCE_POLL_INTERVAL" tenant:"override" default:"24h" example:"10m" type:"duration" range:"100ms to 30d" main:"true" doc:"Time from one poll of a user to the next. Microsoft permits polling a Teams resource for changes once a day; polling faster is your decision."`
	SourceLookbacks    string `envconfig:"SOURCE_LOOKBACKS" tenant:"override" default:"10m,2h,24h,48h" example:"10m,2h,24h,48h" type:"durations" range:"1s to 365d" doc:"Rungs of the lookback ladder, comma-separated. A rung of length L re-reads, every L, everything back to L before its last mark, and so catches messages that became visible up to L late. Graph is documented to be up to 24h late."`
	SourceSettle       string `envconfig:"SOURCE_SETTLE" tenant:"override" example:"2s" type:"duration" range:"0s to 1h" doc:"How far the end of a window stays behind the local clock and the clock of Graph. By default 2s, and never more than half the shortest rung."`
	SourcePageSize     string `envconfig:"SOURCE_PAGE_SIZE" tenant:"override" default:"50" example:"50" type:"integer" range:"1 to 999" doc:"Messages per page ($top). Large pages mean fewer requests and more gateway timeouts, which halve the size for that user."`
	SourceRate         string `envconfig:"SOURCE_RATE" tenant:"override" default:"160" example:"160" type:"integer" range:"1 to 1000" doc:"Requests per second to Graph for a tenant, over all its users. Graph allows 200, and 83 % of that sustained."`
	SourceInFlight     string `envconfig:"SOURCE_IN_FLIGHT" tenant:"override" default:"64" example:"64" type:"integer" range:"1 to 1000" doc:"Users read at the same time, a quarter of them at most users whose requests take long."`

	_ struct{} `group:"Kafka"`

	KafkaBrokers               string `envconfig:"KAFKA_BROKERS" example:"kafka-0:9092,kafka-1:9092" type:"list" range:"host:port" main:"true" doc:"Seed brokers, comma-separated."`
	KafkaTopic                 string `envconfig:"KAFKA_TOPIC" default:"teams.chat.messages" example:"teams.chat.messages" type:"topic" range:"1 to 240 letters, digits, dots, dashes or underscores" main:"true" doc:"Output topic. The dead-letter topic has the same name with .dlq behind it."`
	KafkaOffsetsTopic          string `envconfig:"KAFKA_OFFSETS_TOPIC" example:"teams.offsets" type:"topic" range:"1 to 240 letters, digits, dots, dashes or underscores" doc:"Compacted topic that stores the positions. By default CONNECTOR_NAME with .offsets behind it."`
	KafkaTopicPartitions       string `envconfig:"KAFKA_TOPIC_PARTITIONS" default:"6" example:"12" type:"integer" range:"1 to 10000" doc:"Partitions of the topics that the connector creates. Adding partitions later breaks the order within a chat for readers."`
	KafkaTopicReplication      string `envconfig:"KAFKA_TOPIC_REPLICATION" default:"-1" example:"3" type:"integer" range:"-1 to 100" doc:"Replication factor of the topics that the connector creates. -1 means the default of the broker."`
	KafkaTopicRetention        string `envconfig:"KAFKA_TOPIC_RETENTION" example:"90d" type:"duration" range:"1s to 36500d" doc:"Retention of an output topic that the connector creates. By default that of the broker."`
	KafkaClientID              string `envconfig:"KAFKA_CLIENT_ID" default:"teams-kafka-connector" example:"teams-connector-prod" type:"text" doc:"Name of this client in logs and quotas of the brokers."`
	KafkaTLS                   string `envconfig:"KAFKA_TLS" default:"false" example:"true" type:"boolean" range:"true, false" doc:"Whether to connect to the brokers over TLS."`
	KafkaTLSCAFile             string `envconfig:"KAFKA_TLS_CA_FILE" example:"/etc/kafka/ca.pem" type:"file" range:"PEM certificates" doc:"File with additional root certificates for the brokers. Read again for each connection, as the next two are."`
	KafkaTLSCertFile           string `envconfig:"KAFKA_TLS_CERT_FILE" example:"/etc/kafka/client.pem" type:"file" range:"a PEM certificate" doc:"File with the client certificate, for mutual TLS."`
	KafkaTLSKeyFile            string `envconfig:"KAFKA_TLS_KEY_FILE" example:"/etc/kafka/client.key" type:"file" range:"a PEM key" doc:"File with the key of the client certificate."`
	KafkaSASLMechanism         string `envconfig:"KAFKA_SASL_MECHANISM" example:"SCRAM-SHA-512" type:"choice" range:"PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER" main:"true" doc:"How to sign in to the brokers. By default without SASL."`
	KafkaSASLUsername          string `envconfig:"KAFKA_SASL_USERNAME" example:"connector" type:"text" doc:"Username for PLAIN and SCRAM."`
	KafkaSASLPassword          string `envconfig:"KAFKA_SASL_PASSWORD" secret:"true" example:"the-password" type:"secret" doc:"Password for PLAIN and SCRAM."`
	KafkaSASLOAuthTokenURL     string `envconfig:"KAFKA_SASL_OAUTH_TOKEN_URL" example:"https://idp.example.com/oauth2/token" type:"URL" range:"https; http on loopback only" doc:"For OAUTHBEARER: OAuth 2 endpoint that issues tokens for client credentials."`
	KafkaSASLOAuthClientID     string `envconfig:"KAFKA_SASL_OAUTH_CLIENT_ID" example:"connector" type:"text" doc:"For OAUTHBEARER: client ID at the token endpoint."`
	KafkaSASLOAuthClientSecret string `envconfig:"KAFKA_SASL_OAUTH_CLIENT_SECRET" secret:"true" example:"the-secret-value" type:"secret" doc:"For OAUTHBEARER: client secret at the token endpoint."`
	KafkaSASLOAuthScope        string `envconfig:"KAFKA_SASL_OAUTH_SCOPE" example:"https://contoso.servicebus.windows.net/.default" type:"text" range:"scopes, separated by spaces" doc:"For OAUTHBEARER: scopes to request. By default none."`
	KafkaSASLOAuthExtensions   string `envconfig:"KAFKA_SASL_OAUTH_EXTENSIONS" example:"logicalCluster=lkc-00000,identityPoolId=pool-00000" type:"list" range:"name=value; names are letters" doc:"For OAUTHBEARER: SASL extensions sent to the brokers with the token, comma-separated. By default none."`
	KafkaSASLOAuthCAFile       string `envconfig:"KAFKA_SASL_OAUTH_CA_FILE" example:"/etc/idp/ca.pem" type:"file" range:"PEM certificates" doc:"For OAUTHBEARER: file with additional root certificates for the token endpoint. Read again for each connection."`
	KafkaSessionTimeout        string `envconfig:"KAFKA_SESSION_TIMEOUT" default:"15s" example:"10s" type:"duration" range:"500ms to 1h" doc:"Time without a heartbeat after which another process takes over the tenants of this one."`
	KafkaTransactionTimeout    string `envconfig:"KAFKA_TRANSACTION_TIMEOUT" default:"60s" example:"60s" type:"duration" range:"1s to 15m" doc:"Time after which the broker aborts a transaction whose writer is silent. Must be longer than COMMIT_INTERVAL; the broker allows no more than its transaction.max.timeout.ms."`

	_ struct{} `group:"Registry"`

	SchemaRegistryURL      string `envconfig:"SCHEMA_REGISTRY_URL" example:"https://registry:8081" type:"list" range:"http or https URLs" main:"true" doc:"Confluent-compatible schema registry; several instances of one registry are comma-separated and tried in turn. Without a registry, records are written in the single-object encoding of Avro."`
	SchemaRegistryMode     string `envconfig:"SCHEMA_REGISTRY_MODE" default:"register" example:"lookup" type:"choice" range:"register, lookup" doc:"register: the connector checks compatibility and registers its schema if the subject lacks it. lookup: the connector writes nothing; register the schema beforehand (connector schema register)."`
	SchemaRegistryUsername string `envconfig:"SCHEMA_REGISTRY_USERNAME" example:"connector" type:"text" doc:"Username for basic authentication at the schema registry."`
	SchemaRegistryPassword string `envconfig:"SCHEMA_REGISTRY_PASSWORD" secret:"true" example:"the-password" type:"secret" doc:"Password for basic authentication at the schema registry."`
	SchemaRegistryToken    string `envconfig:"SCHEMA_REGISTRY_TOKEN" secret:"true" example:"the-token" type:"secret" doc:"Token for bearer authentication at the schema registry, instead of username and password."`
	SchemaRegistryCAFile   string `envconfig:"SCHEMA_REGISTRY_CA_FILE" example:"/etc/registry/ca.pem" type:"file" range:"PEM certificates" doc:"File with additional root certificates for the schema registry."`
	SchemaRegistryCertFile string `envconfig:"SCHEMA_REGISTRY_CERT_FILE" example:"/etc/registry/client.pem" type:"file" range:"a PEM certificate" doc:"File with the client certificate for the schema registry, for mutual TLS."`
	SchemaRegistryKeyFile  string `envconfig:"SCHEMA_REGISTRY_KEY_FILE" example:"/etc/registry/client.key" type:"file" range:"a PEM key" doc:"File with the key of the client certificate."`

	_ struct{} `group:"Delivery and index"`

	Delivery        string `envconfig:"DELIVERY" default:"exactly-once" example:"idempotent" type:"choice" range:"exactly-once, idempotent" doc:"exactly-once; or idempotent for brokers without transactions, which gives up the fencing of a second writer."`
	RecordTimestamp string `envconfig:"RECORD_TIMESTAMP" default:"event" example:"ingest" type:"choice" range:"event, ingest" doc:"Timestamp of a record: event (last modification of the message) or ingest (time of writing)."`
	CommitInterval  string `envconfig:"COMMIT_INTERVAL" default:"1s" example:"500ms" type:"duration" range:"10ms to 5m" doc:"Longest time a transaction stays open. Readers see messages when it commits."`
	CommitRecords   string `envconfig:"COMMIT_RECORDS" default:"10000" example:"10000" type:"integer" range:"1 to 1000000" doc:"Records after which a transaction commits before its interval is over."`
	IndexMaxEntries string `envconfig:"INDEX_MAX_ENTRIES" default:"5000000" example:"5000000" type:"integer" range:"1000 to 1000000000" doc:"Messages that the index of written versions is to hold at most, about 50 bytes each. If history needs more, the connector reads it in parts; if regular polls do, the index grows beyond, with a warning."`
	RebuildTimeout  string `envconfig:"REBUILD_TIMEOUT" default:"2m" example:"2m" type:"duration" range:"1s to 1h" doc:"How long reading the topic back at start waits for the open transaction of another producer."`

	_ struct{} `group:"Privacy"`

	TransformBody         string `envconfig:"TRANSFORM_BODY" tenant:"override" default:"keep" example:"drop" type:"choice" range:"keep, drop" doc:"drop leaves out bodies, attachment contents, subjects, summaries and unknown properties, in records and dead letters."`
	TransformExcludeChats string `envconfig:"TRANSFORM_EXCLUDE_CHATS" tenant:"override" example:"19:3c9e92a344704332bbf5bda58f4d37b1@thread.v2" type:"list" range:"chat IDs" doc:"Chats whose messages are left out, comma-separated. The messages are counted."`

	_ struct{} `group:"Operations"`

	ConnectorName   string `envconfig:"CONNECTOR_NAME" default:"teams" example:"teams" type:"text" range:"1 to 100 letters, digits, dots, dashes or underscores" doc:"Name of this connector: its consumer group, the names of its positions, and the default offsets topic. Processes with the same name share the work."`
	AdminAddress    string `envconfig:"ADMIN_ADDRESS" default:":8080" example:"127.0.0.1:8080" type:"address" range:"host:port, :port or none" doc:"Address that serves /healthz, /readyz, /metrics, /status and a page for people (/) without a login. none serves nothing."`
	AdminPprof      string `envconfig:"ADMIN_PPROF" default:"false" example:"true" type:"boolean" range:"true, false" doc:"Whether to serve the profiles of Go at /debug/pprof/ of ADMIN_ADDRESS as well. They show nothing of any message, but cost time."`
	LogLevel        string `envconfig:"LOG_LEVEL" default:"info" example:"debug" type:"choice" range:"debug, info, warn, error" doc:"Lowest level that is logged."`
	LogFormat       string `envconfig:"LOG_FORMAT" default:"json" example:"text" type:"choice" range:"json, text" doc:"Format of the log, which goes to standard error."`
	ShutdownTimeout string `envconfig:"SHUTDOWN_TIMEOUT" default:"20s" example:"20s" type:"duration" range:"100ms to 10m" doc:"How long an orderly shutdown may take after SIGTERM."`

	// SecretFiles are the files that hold secrets, by the variable they stand for: what <variable>_FILE
	// says in the environment.
	SecretFiles map[string]string `ignored:"true"`
	// Tenants are the variables with an alias in front, by alias.
	Tenants map[string]Settings `ignored:"true"`
}

// Setting describes one variable.
type Setting struct {
	Name, Default, Example, Doc string
	// Group is the section of the documentation. Type and Range say what is accepted.
	Group, Type, Range string
	// Main reports whether the README lists the variable.
	Main bool
	// Secret is never printed, and can stand in a file that <Name>_FILE names.
	Secret bool
	// Tenant is whether each of several tenants can have its own value, and what it is without.
	Tenant TenantScope
}

// TenantScope says whose a variable is when there are several tenants.
type TenantScope string

// The scopes.
const (
	Shared   TenantScope = ""         // one value for all
	Own      TenantScope = "own"      // each tenant's own; never another's
	Override TenantScope = "override" // each tenant's own, or else the value that all share
)

// All lists every variable in the order of the documentation.
func All() []Setting {
	var all []Setting
	new(Settings).each(func(s Setting, _ *string) { all = append(all, s) })
	return all
}

// each visits every variable.
func (s *Settings) each(visit func(Setting, *string)) {
	v := reflect.ValueOf(s).Elem()
	group := ""
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			group = field.Tag.Get("group")
			continue
		}
		value, ok := v.Field(i).Addr().Interface().(*string)
		if !ok {
			continue // a map of variables
		}
		visit(newSetting(group, field.Tag), value)
	}
}

func newSetting(group string, tag reflect.StructTag) Setting {
	return Setting{
		Name: tag.Get("envconfig"), Default: tag.Get("default"), Example: tag.Get("example"),
		Doc: tag.Get("doc"), Group: group, Type: tag.Get("type"), Range: tag.Get("range"),
		Main: tag.Get("main") == "true", Secret: tag.Get("secret") == "true", Tenant: TenantScope(tag.Get("tenant")),
	}
}

// named returns the description of a variable.
func named(name string) Setting {
	for _, s := range All() {
		if s.Name == name {
			return s
		}
	}
	panic("config: no variable is named " + name)
}

// fileSuffix behind a secret's name makes the name of the variable that says which file holds it.
const fileSuffix = "_FILE"

// FileVariable is the name of the variable that says which file holds a secret; empty for what is not secret.
func (s Setting) FileVariable() string {
	if !s.Secret {
		return ""
	}
	return s.Name + fileSuffix
}

// prefix is what comes before the variables of an alias.
func prefix(alias string) string {
	if alias == "" {
		return ""
	}
	return strings.ToUpper(alias) + "_"
}

// Variables gives the settings as an environment.
func (s Settings) Variables() map[string]string {
	env := make(map[string]string)
	s.variables("", env)
	for alias, own := range s.Tenants {
		own.variables(prefix(alias), env)
	}
	return env
}

func (s Settings) variables(prefix string, env map[string]string) {
	s.each(func(setting Setting, value *string) {
		if prefix == "" || *value != "" {
			env[prefix+setting.Name] = *value
		}
	})
	for name, file := range s.SecretFiles {
		env[prefix+name+fileSuffix] = file
	}
}
