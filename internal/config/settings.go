package config

//go:generate go run ../generate/readmevariables ../../README.md
//go:generate go run ../generate/chartvalues ../../deploy/helm/teams-kafka-connector/values.schema.json

import (
	"reflect"
	"strings"
)

// Settings holds every variable as text, as envconfig fills it. The fields are text because envconfig
// stops at the first value it cannot parse, and an operator wants to hear of all of them at once.
//
// Tags: default is the value of a variable that is unset or empty, example is what an error shows, doc
// is the sentence in the documentation, secret marks what is never printed and can stand in a file. tenant
// marks what each of several tenants can have of its own: "own" is never taken from another tenant or from
// the unprefixed variable, "override" takes the place of the unprefixed variable's value.
type Settings struct {
	ConnectorName string `envconfig:"CONNECTOR_NAME" default:"teams" example:"teams" doc:"Name of this connector: its consumer group, the names of its positions, and the default offsets topic. Processes with the same name share the work."`

	GraphTenants string `envconfig:"GRAPH_TENANTS" example:"contoso,fabrikam" doc:"Aliases of several tenants, letters and digits, comma-separated. Each has variables of its own, with its alias in capitals in front (CONTOSO_AZURE_TENANT_ID). By default there is one tenant, that of AZURE_TENANT_ID."`

	AzureTenantID                  string `envconfig:"AZURE_TENANT_ID" tenant:"own" example:"8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11" doc:"Tenant id (a GUID) of the Entra tenant whose chats are read."`
	AzureClientID                  string `envconfig:"AZURE_CLIENT_ID" tenant:"own" example:"2f7d6c1e-77b0-4c5e-9f60-6f1b0f7c9a42" doc:"Application (client) id of the app registration that has Chat.Read.All, or of a user-assigned managed identity; a system-assigned one needs none."`
	GraphAuth                      string `envconfig:"GRAPH_AUTH" tenant:"override" default:"auto" example:"workload-identity" doc:"How to sign in: secret, certificate, workload-identity, managed-identity; or auto, the one of the first three whose variables are set."`
	AzureClientSecret              string `envconfig:"AZURE_CLIENT_SECRET" tenant:"own" secret:"true" example:"the-secret-value" doc:"Client secret of the app registration."`
	AzureClientCertificatePath     string `envconfig:"AZURE_CLIENT_CERTIFICATE_PATH" tenant:"own" example:"/etc/entra/client.pfx" doc:"File with the client certificate and its RSA key, PEM or PFX. Read again for each token."`
	AzureClientCertificatePassword string `envconfig:"AZURE_CLIENT_CERTIFICATE_PASSWORD" tenant:"own" secret:"true" example:"the-password" doc:"Password of the PFX file."`
	AzureFederatedTokenFile        string `envconfig:"AZURE_FEDERATED_TOKEN_FILE" tenant:"own" example:"/var/run/secrets/azure/tokens/azure-identity-token" doc:"File with the federated token of workload identity, which AKS's webhook mounts and names. Read again for each token."`
	AzureAuthorityHost             string `envconfig:"AZURE_AUTHORITY_HOST" tenant:"own" example:"https://login.microsoftonline.us" doc:"Login root, https only. By default the cloud's."`

	GraphCloud    string `envconfig:"GRAPH_CLOUD" tenant:"override" default:"global" example:"usgov" doc:"global (with GCC), usgov (L4, GCC High), dod (L5) or china: which Graph, login root and scope. China is refused, because getAllMessages does not exist there."`
	GraphEndpoint string `envconfig:"GRAPH_ENDPOINT" tenant:"override" example:"https://graph-proxy.example.com" doc:"Root of Microsoft Graph, without a version, where it is not the cloud's own. The token is sent nowhere else. Plain http is allowed on loopback only."`
	GraphCAFile   string `envconfig:"GRAPH_CA_FILE" tenant:"override" example:"/etc/ssl/proxy-ca.pem" doc:"PEM file with further root certificates for Graph and the login endpoint, for proxies that inspect TLS."`
	GraphFilter   string `envconfig:"GRAPH_FILTER" tenant:"override" example:"messageType ne 'systemEventMessage'" doc:"Sender and type clauses joined by or, as the reference page of getAllMessages lists them; joined to each window by and."`
	GraphModel    string `envconfig:"GRAPH_MODEL" tenant:"override" example:"A" doc:"Payment model A or B. Ignored by Graph since 25 August 2025; by default it is not sent."`

	SourceUsers          string `envconfig:"SOURCE_USERS" tenant:"own" example:"0b4f1cf6-54c8-4820-bbb7-2a1f4257ade5,ada@contoso.com" doc:"Users to poll: ids or user principal names, comma-separated; or all, for all users that SOURCE_USERS_FILTER finds (needs the role User.Read.All)."`
	SourceUsersFile      string `envconfig:"SOURCE_USERS_FILE" tenant:"own" example:"/etc/connector/users" doc:"File with more users, one a line; blank lines and lines that begin with # are passed over. Read again at each refresh."`
	SourceGroups         string `envconfig:"SOURCE_GROUPS" tenant:"own" example:"8f2d0e30-4b6b-4f0c-9d0e-6a5d3c1b2a10" doc:"Ids of groups whose members, also those of groups within them, are polled, comma-separated (needs the role GroupMember.Read.All)."`
	SourceExcludeUsers   string `envconfig:"SOURCE_EXCLUDE_USERS" tenant:"own" example:"ceo@contoso.com" doc:"Users who are never polled: ids or user principal names, comma-separated. Takes effect at once, without draining."`
	SourceUsersFilter    string `envconfig:"SOURCE_USERS_FILTER" tenant:"override" default:"assignedPlans/any(p:p/servicePlanId eq 57ff2da0-773e-42df-b2af-ffb7a2317929 and p/capabilityStatus eq 'Enabled')" example:"accountEnabled eq true" doc:"The $filter by which SOURCE_USERS=all finds users. By default those with the service plan TEAMS1; other clouds have other plans."`
	SourceUsersRefresh   string `envconfig:"SOURCE_USERS_REFRESH" tenant:"override" default:"1h" example:"15m" doc:"How often users are discovered again, at least 1s. Who is new is polled, who is missing is polled for 48h more."`
	SourceUsersRetention string `envconfig:"SOURCE_USERS_RETENTION" tenant:"override" default:"30d" example:"30d" doc:"How long the position of a user who is no longer found is kept, at least 3d."`
	SourceStart          string `envconfig:"SOURCE_START" tenant:"override" default:"24h" example:"2026-01-31T00:00:00Z" doc:"Where the stream of a user without a position begins: a time, a duration back from now, or now."`
	SourcePollInterval   string `envconfig:"SOURCE_POLL_INTERVAL" tenant:"override" default:"24h" example:"10m" doc:"From one poll of a user to the next, at least 100ms. Microsoft permits polling a Teams resource for changes once a day; anything faster is your decision."`
	SourceLookbacks      string `envconfig:"SOURCE_LOOKBACKS" tenant:"override" default:"10m,2h,24h,48h" example:"10m,2h,24h,48h" doc:"Rungs of the lookback ladder, each at least 1s: a rung of length L re-reads, every L, everything back to L before its last mark, and so catches what became visible up to L late. Graph is documented to be up to 24h late."`
	SourceSettle         string `envconfig:"SOURCE_SETTLE" tenant:"override" example:"2s" doc:"How far a window's end stays behind our clock and Graph's. By default 2s, and never more than half the shortest rung."`
	SourcePageSize       string `envconfig:"SOURCE_PAGE_SIZE" tenant:"override" default:"50" example:"50" doc:"Messages a page ($top), 1 to 999. Large pages mean fewer requests and more gateway timeouts; on one the size is halved for that user."`
	SourceRate           string `envconfig:"SOURCE_RATE" tenant:"override" default:"160" example:"160" doc:"Requests per second to Graph for a tenant, over all its users. Graph allows 200 and a sustained 83 % of it."`
	SourceInFlight       string `envconfig:"SOURCE_IN_FLIGHT" tenant:"override" default:"64" example:"64" doc:"Users read at the same time, 1 to 1000."`

	TransformBody         string `envconfig:"TRANSFORM_BODY" tenant:"override" default:"keep" example:"drop" doc:"keep, or drop: leave out bodies, attachment contents, subjects, summaries and unknown properties, in records and dead letters."`
	TransformExcludeChats string `envconfig:"TRANSFORM_EXCLUDE_CHATS" tenant:"override" example:"19:3c9e92a344704332bbf5bda58f4d37b1@thread.v2" doc:"Chat ids whose messages are left out, comma-separated. They are counted."`

	KafkaBrokers               string `envconfig:"KAFKA_BROKERS" example:"kafka-0:9092,kafka-1:9092" doc:"Seed brokers, comma-separated host:port."`
	KafkaTopic                 string `envconfig:"KAFKA_TOPIC" default:"teams.chat.messages" example:"teams.chat.messages" doc:"Output topic. Dead letters go to the same name with .dlq behind it."`
	KafkaOffsetsTopic          string `envconfig:"KAFKA_OFFSETS_TOPIC" example:"teams.offsets" doc:"Compacted topic that holds the positions. By default the connector's name with .offsets behind it."`
	KafkaTopicPartitions       string `envconfig:"KAFKA_TOPIC_PARTITIONS" default:"6" example:"12" doc:"Partitions of topics the connector creates, 1 to 10000. Adding partitions later breaks the order per chat for readers."`
	KafkaTopicReplication      string `envconfig:"KAFKA_TOPIC_REPLICATION" default:"-1" example:"3" doc:"Replication factor of topics the connector creates; -1 is the broker's default."`
	KafkaClientID              string `envconfig:"KAFKA_CLIENT_ID" default:"teams-kafka-connector" example:"teams-connector-prod" doc:"Name by which brokers know this client, in their logs and for quotas."`
	KafkaTopicRetention        string `envconfig:"KAFKA_TOPIC_RETENTION" example:"90d" doc:"Retention of an output topic the connector creates. By default the broker's."`
	KafkaTLS                   string `envconfig:"KAFKA_TLS" default:"false" example:"true" doc:"true to speak TLS to the brokers."`
	KafkaTLSCAFile             string `envconfig:"KAFKA_TLS_CA_FILE" example:"/etc/kafka/ca.pem" doc:"PEM file with the root certificates of the brokers. By default the system's. Read again for each connection, as the next two are."`
	KafkaTLSCertFile           string `envconfig:"KAFKA_TLS_CERT_FILE" example:"/etc/kafka/client.pem" doc:"PEM file with the client certificate, for mutual TLS."`
	KafkaTLSKeyFile            string `envconfig:"KAFKA_TLS_KEY_FILE" example:"/etc/kafka/client.key" doc:"PEM file with the client certificate's key."`
	KafkaSASLMechanism         string `envconfig:"KAFKA_SASL_MECHANISM" example:"SCRAM-SHA-512" doc:"PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER. By default no SASL."`
	KafkaSASLUsername          string `envconfig:"KAFKA_SASL_USERNAME" example:"connector" doc:"User name for PLAIN and SCRAM."`
	KafkaSASLPassword          string `envconfig:"KAFKA_SASL_PASSWORD" secret:"true" example:"the-password" doc:"Password for PLAIN and SCRAM."`
	KafkaSASLOAuthTokenURL     string `envconfig:"KAFKA_SASL_OAUTH_TOKEN_URL" example:"https://idp.example.com/oauth2/token" doc:"For OAUTHBEARER: the OAuth 2 endpoint that gives tokens for client credentials, https only but on loopback."`
	KafkaSASLOAuthClientID     string `envconfig:"KAFKA_SASL_OAUTH_CLIENT_ID" example:"connector" doc:"For OAUTHBEARER: client id at the token endpoint."`
	KafkaSASLOAuthClientSecret string `envconfig:"KAFKA_SASL_OAUTH_CLIENT_SECRET" secret:"true" example:"the-secret-value" doc:"For OAUTHBEARER: client secret at the token endpoint."`
	KafkaSASLOAuthScope        string `envconfig:"KAFKA_SASL_OAUTH_SCOPE" example:"https://contoso.servicebus.windows.net/.default" doc:"For OAUTHBEARER: scopes to ask for, separated by blanks. By default none."`
	KafkaSASLOAuthExtensions   string `envconfig:"KAFKA_SASL_OAUTH_EXTENSIONS" example:"logicalCluster=lkc-00000,identityPoolId=pool-00000" doc:"For OAUTHBEARER: SASL extensions sent to the brokers beside the token, comma-separated name=value. By default none."`
	KafkaSASLOAuthCAFile       string `envconfig:"KAFKA_SASL_OAUTH_CA_FILE" example:"/etc/idp/ca.pem" doc:"For OAUTHBEARER: PEM file with further root certificates for the token endpoint. Read again for each connection."`
	KafkaSessionTimeout        string `envconfig:"KAFKA_SESSION_TIMEOUT" default:"15s" example:"10s" doc:"After how long without a heartbeat a process counts as dead and another takes its tenant over."`
	KafkaTransactionTimeout    string `envconfig:"KAFKA_TRANSACTION_TIMEOUT" default:"60s" example:"60s" doc:"After how long the broker gives up a transaction whose writer is silent. More than COMMIT_INTERVAL; the broker allows at most its transaction.max.timeout.ms."`

	SchemaRegistryURL      string `envconfig:"SCHEMA_REGISTRY_URL" example:"https://registry:8081" doc:"Confluent-compatible schema registry; several instances of one are comma-separated and tried in turn. Without one records are written in Avro's single-object encoding."`
	SchemaRegistryMode     string `envconfig:"SCHEMA_REGISTRY_MODE" default:"register" example:"lookup" doc:"register: the schema is registered if the subject does not hold it, after its compatibility was checked. lookup: nothing is ever written, the schema must have been registered (connector schema register)."`
	SchemaRegistryUsername string `envconfig:"SCHEMA_REGISTRY_USERNAME" example:"connector" doc:"User for basic authentication at the schema registry."`
	SchemaRegistryPassword string `envconfig:"SCHEMA_REGISTRY_PASSWORD" secret:"true" example:"the-password" doc:"Password for basic authentication at the schema registry."`
	SchemaRegistryToken    string `envconfig:"SCHEMA_REGISTRY_TOKEN" secret:"true" example:"the-token" doc:"Token for bearer authentication at the schema registry, instead of user and password."`
	SchemaRegistryCAFile   string `envconfig:"SCHEMA_REGISTRY_CA_FILE" example:"/etc/registry/ca.pem" doc:"PEM file with further root certificates for the schema registry."`
	SchemaRegistryCertFile string `envconfig:"SCHEMA_REGISTRY_CERT_FILE" example:"/etc/registry/client.pem" doc:"PEM file with the client certificate for the schema registry, for mutual TLS."`
	SchemaRegistryKeyFile  string `envconfig:"SCHEMA_REGISTRY_KEY_FILE" example:"/etc/registry/client.key" doc:"PEM file with the client certificate's key."`

	Delivery        string `envconfig:"DELIVERY" default:"exactly-once" example:"idempotent" doc:"exactly-once, or idempotent for brokers without transactions (which gives up the fencing of a second writer)."`
	RecordTimestamp string `envconfig:"RECORD_TIMESTAMP" default:"event" example:"ingest" doc:"Timestamp of a record: event (last modification) or ingest (time of writing)."`
	CommitInterval  string `envconfig:"COMMIT_INTERVAL" default:"1s" example:"500ms" doc:"Longest time a transaction stays open, at least 10ms. Readers see messages when it commits."`
	CommitRecords   string `envconfig:"COMMIT_RECORDS" default:"10000" example:"10000" doc:"Records after which a transaction commits before its interval is over."`
	IndexHorizon    string `envconfig:"INDEX_HORIZON" default:"21d" example:"21d" doc:"How far back the index of written versions reaches at most. A version older than that can come again."`
	IndexMaxEntries string `envconfig:"INDEX_MAX_ENTRIES" default:"5000000" example:"5000000" doc:"Messages the index holds at most, about 50 bytes each; beyond it the oldest are forgotten, which can cost a duplicate."`
	RebuildTimeout  string `envconfig:"REBUILD_TIMEOUT" default:"2m" example:"2m" doc:"How long reading the topic back at start waits for another producer's open transaction."`

	AdminAddress    string `envconfig:"ADMIN_ADDRESS" default:":8080" example:"127.0.0.1:8080" doc:"Where /healthz, /readyz, /metrics, /status and a page for people (/) are served, to whoever reaches it; none serves nothing."`
	AdminPprof      string `envconfig:"ADMIN_PPROF" default:"false" example:"true" doc:"true to serve Go's profiles at /debug/pprof/ of ADMIN_ADDRESS as well. They show nothing of any message, but cost time."`
	LogLevel        string `envconfig:"LOG_LEVEL" default:"info" example:"debug" doc:"debug, info, warn or error."`
	LogFormat       string `envconfig:"LOG_FORMAT" default:"json" example:"text" doc:"json or text, on standard error."`
	ShutdownTimeout string `envconfig:"SHUTDOWN_TIMEOUT" default:"20s" example:"20s" doc:"How long an orderly end may take after SIGTERM."`

	// SecretFiles are the files that hold secrets, by the variable they stand for: what <variable>_FILE
	// says in the environment.
	SecretFiles map[string]string `ignored:"true"`
	// Tenants are the variables with an alias in front, by alias.
	Tenants map[string]Settings `ignored:"true"`
}

// Setting describes one variable.
type Setting struct {
	Name, Default, Example, Doc string
	// Secret is never printed, and can stand in a file that <Name>_FILE names.
	Secret bool
	// Tenant is whether each of several tenants can have a value of its own, and what it is without.
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
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		value, ok := v.Field(i).Addr().Interface().(*string)
		if !ok {
			continue // not a variable, but a map of such
		}
		visit(Setting{
			Name: tag.Get("envconfig"), Default: tag.Get("default"), Example: tag.Get("example"),
			Doc: tag.Get("doc"), Secret: tag.Get("secret") == "true", Tenant: TenantScope(tag.Get("tenant")),
		}, value)
	}
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

// prefix is what stands in front of the variables of an alias.
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
