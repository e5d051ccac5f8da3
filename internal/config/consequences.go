package config

// Sentences that several variables share.
const (
	stopsTenant   = "The login service refuses to issue a token: polling stops for the tenant, `/readyz` and `/status` give the reason, and the connector tries again after pauses of up to 15 minutes."
	notReadable   = "Refused at start if the file cannot be read. If it cannot be read later, the connector keeps using its last contents and logs that once."
	brokerRefuses = "The connector exits with code 2 if the brokers refuse the sign-in, and says so."
	noTrust       = "Without the right certificate the connection fails; `connector doctor` names the certificate that is not trusted."
	oauthRefuses  = "The token endpoint refuses to issue a token, so the connector cannot sign in to the brokers; `connector doctor` shows the endpoint's answer."
	registryOut   = "The connector exits with code 2 if the registry refuses the sign-in."
	created       = "Has no effect on topics that exist. Too large a value for the cluster: the topic is not created, and the error names what the broker refused."
)

// consequences says for each variable what happens if its value is accepted but wrong. That a value out of
// range is refused at start holds for all of them and is said once, in docs/configuration.md.
var consequences = map[string]string{
	"AZURE_TENANT_ID":     stopsTenant + " A domain name is refused because the ID is part of every key.",
	"AZURE_CLIENT_ID":     stopsTenant,
	"AZURE_CLIENT_SECRET": stopsTenant,
	"AZURE_CLIENT_CERTIFICATE_PATH": "Refused at start if it holds no certificate with an RSA key. A certificate that the app registration " +
		"does not know stops polling for the tenant.",
	"AZURE_CLIENT_CERTIFICATE_PASSWORD": "Refused at start, because the file cannot be opened.",
	"AZURE_FEDERATED_TOKEN_FILE":        "Refused at start if the file cannot be read. " + stopsTenant,
	"AZURE_AUTHORITY_HOST":              "The root of another cloud is refused at start. With any other wrong host no token is issued, and `/readyz` gives the reason `login`.",
	"GRAPH_AUTH":                        "Refused at start if the variables it needs are not set, and with `auto` if the variables of two kinds are set.",
	"GRAPH_TENANTS":                     "Refused at start if an alias occurs twice, if a tenant lacks its own variables, or if unprefixed users or groups are set as well.",
	"GRAPH_CLOUD":                       "Refused at start if `GRAPH_ENDPOINT` or `AZURE_AUTHORITY_HOST` belongs to another cloud. " + stopsTenant,
	"GRAPH_ENDPOINT":                    "Every request fails: `/readyz` gives the reason `graph` or `response`. Links that lead to another root are refused.",
	"GRAPH_CA_FILE":                     "Refused at start if it holds no certificate. " + noTrust,
	"GRAPH_FILTER":                      "Refused at start if a clause is not on the list. Messages that it excludes are not read, and no later run reads them unless positions are moved back.",
	"GRAPH_MODEL":                       "Nothing today. Graph answers 402 if it asks for payment, and polling stops for the tenant.",

	"SOURCE_USERS":           "A user whom Graph does not know is suspended and listed in `/status`; all others are polled.",
	"SOURCE_USERS_FILE":      notReadable,
	"SOURCE_GROUPS":          "A group that cannot be read makes the discovery of users fail: users known before are polled on, and a warning is logged.",
	"SOURCE_EXCLUDE_USERS":   "A name that matches no user has no effect. The messages of an excluded user are read only from the mailboxes of others. With principal names, users wait after a restart until a discovery has told who has them; ids exclude without one.",
	"SOURCE_USERS_FILTER":    "A filter that Graph refuses makes the discovery of users fail. One that finds too few users leaves the others unread.",
	"SOURCE_USERS_REFRESH":   "Too long: new users are polled late. Too short: discovery takes requests away from messages.",
	"SOURCE_USERS_RETENTION": "Too short: a user who comes back after it starts anew at `SOURCE_START`.",

	"SOURCE_START":         "Too late: older messages are never read. Too early: the first run takes longer. It has no effect on users with a position; `connector offsets rewind` moves those.",
	"SOURCE_POLL_INTERVAL": "Shorter than a day: the connector logs once that Microsoft permits one poll a day. So short that a round takes longer: users are polled as fast as `SOURCE_RATE` allows.",
	"SOURCE_LOOKBACKS":     "Ladders that are too short miss messages that become visible later. Longer rungs cost more requests, more memory for the index and more retention of the topic.",
	"SOURCE_SETTLE":        "Refused at start if it is more than half the shortest rung. Too short: more messages are only found by the next rung.",
	"SOURCE_PAGE_SIZE":     "Too large: gateway timeouts (504), after which the connector asks that user for smaller pages. Too small: more requests.",
	"SOURCE_RATE":          "Too high: Graph throttles (429), and the connector slows down by itself. Too low: users are polled late. Tenants of one application may add up to 830.",
	"SOURCE_IN_FLIGHT":     "Too low: the rate is not used. Too high: more memory.",

	"KAFKA_BROKERS": "The connector waits and tries again: `/readyz` gives the reason `kafka`, and the log has a warning.",
	"KAFKA_TOPIC": "Another name is another topic: it is created, and reading resumes at the stored positions, so it lacks what was written before. " +
		"A compacted topic is refused with exit code 2.",
	"KAFKA_OFFSETS_TOPIC":            "Another name is another set of positions: every user starts anew at `SOURCE_START`. Refused if it is not exactly compacted.",
	"KAFKA_TOPIC_PARTITIONS":         created,
	"KAFKA_TOPIC_REPLICATION":        created,
	"KAFKA_TOPIC_RETENTION":          created + " A retention that is too short for the lookback ladder is refused with exit code 2.",
	"KAFKA_CLIENT_ID":                "Logs and quotas of the brokers use the wrong name.",
	"KAFKA_TLS":                      "The connection fails if the brokers expect the other; `connector doctor` says which.",
	"KAFKA_TLS_CA_FILE":              "Refused at start without `KAFKA_TLS=true`, or if it holds no certificate. " + noTrust,
	"KAFKA_TLS_CERT_FILE":            "Refused at start if it does not match the key. The brokers close the connection if they do not trust it.",
	"KAFKA_TLS_KEY_FILE":             "Refused at start if it does not match the certificate.",
	"KAFKA_SASL_MECHANISM":           brokerRefuses,
	"KAFKA_SASL_USERNAME":            brokerRefuses,
	"KAFKA_SASL_PASSWORD":            brokerRefuses,
	"KAFKA_SASL_OAUTH_TOKEN_URL":     oauthRefuses,
	"KAFKA_SASL_OAUTH_CLIENT_ID":     oauthRefuses,
	"KAFKA_SASL_OAUTH_CLIENT_SECRET": oauthRefuses,
	"KAFKA_SASL_OAUTH_SCOPE":         oauthRefuses,
	"KAFKA_SASL_OAUTH_EXTENSIONS":    brokerRefuses,
	"KAFKA_SASL_OAUTH_CA_FILE":       "Refused at start if it holds no certificate. " + noTrust,
	"KAFKA_SESSION_TIMEOUT":          "Outside the bounds of the brokers (`group.min.session.timeout.ms`, `group.max.session.timeout.ms`) they refuse the membership, and `/readyz` gives the reason `group`. Too short: needless takeovers. Too long: slow ones.",
	"KAFKA_TRANSACTION_TIMEOUT":      "Refused at start if it is not longer than `COMMIT_INTERVAL`. Longer than `transaction.max.timeout.ms`: the brokers refuse the producer; `connector doctor` checks it.",

	"SCHEMA_REGISTRY_URL":      "The connector waits and tries again: `/readyz` gives the reason `registry`. Refused at start if it contains a username.",
	"SCHEMA_REGISTRY_MODE":     "`lookup` with a schema that is not registered: exit code 2. `register` without the permission to write: exit code 2.",
	"SCHEMA_REGISTRY_USERNAME": registryOut,
	"SCHEMA_REGISTRY_PASSWORD": registryOut,
	"SCHEMA_REGISTRY_TOKEN":    registryOut + " Refused at start beside a username or a password.",
	"SCHEMA_REGISTRY_CA_FILE":  "Refused at start without an https URL, or if it holds no certificate. " + noTrust,
	"SCHEMA_REGISTRY_CERT_FILE": "Refused at start without an https URL, or if it does not match the key. The registry closes the connection if it does not " +
		"trust the certificate.",
	"SCHEMA_REGISTRY_KEY_FILE": "Refused at start if it does not match the certificate.",

	"DELIVERY":         "`exactly-once` without transactions: the brokers refuse the producer. `idempotent`: a second writer is not fenced, and duplicates are possible.",
	"RECORD_TIMESTAMP": "`event` records keep old timestamps, by which brokers delete and consumers seek. Records that the topic would refuse or soon delete get the present time instead.",
	"COMMIT_INTERVAL":  "Too long: readers see messages late. Too short: more transactions, which brokers store and coordinate.",
	"COMMIT_RECORDS":   "Too low: more transactions. Too high: more memory, and more to write again after a crash.",
	"INDEX_MAX_ENTRIES": "Too low: history is slower, because the topic is read back more often, and the index grows beyond it, with a warning, if regular polls need more. " +
		"Too high: the process runs out of memory.",
	"REBUILD_TIMEOUT": "Shorter than another producer's open transaction lasts: the start fails and is tried again.",

	"TRANSFORM_BODY":          "`keep` writes bodies to the topic, where they stay for its retention. What `drop` left out is not in the topic; only reading again brings it back.",
	"TRANSFORM_EXCLUDE_CHATS": "The messages of a chat with a mistyped ID are written. Those of an excluded chat are counted and lost unless they are read again.",

	"CONNECTOR_NAME": "Another name is another consumer group and another set of positions: every user starts anew at `SOURCE_START`. " +
		"Two names on one output topic fence each other.",
	"ADMIN_ADDRESS":    "An address that cannot be bound ends the process at start.",
	"ADMIN_PPROF":      "Anybody who reaches `ADMIN_ADDRESS` can take profiles.",
	"LOG_LEVEL":        "`error` hides the warnings that say why a tenant makes no progress.",
	"LOG_FORMAT":       "The log collector does not parse the lines.",
	"SHUTDOWN_TIMEOUT": "Longer than the orchestrator waits before SIGKILL: the last transaction is aborted, and the next owner writes its records again.",
}
