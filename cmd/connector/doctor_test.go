package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/doctor"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/transform"
)

// ward is everything that the doctor looks at, sound until a case changes it.
type ward struct {
	sim      graphsim.Config
	acls     []kfake.ACL
	kafka    []kfake.Opt
	settings config.Settings

	listens  string // where a broker listens that says another address
	cluster  *kfake.Cluster
	graph    *graphsim.Server
	registry *embedded.Registry
}

const wardPassword = "canary-kafka-password"

func newWard() *ward {
	allow := func(resource kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, operations ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, operation := range operations {
			acls = append(acls, kfake.ACL{Resource: resource, Name: name, Pattern: pattern, Operation: operation, Allow: true})
		}
		return acls
	}
	w := &ward{sim: graphsim.Defaults()}
	w.sim.Users, w.sim.Chats, w.sim.Rate, w.sim.Seed = 4, 4, 0, 5
	for _, topic := range []string{"out", "out.dlq", "doc.offsets"} {
		w.acls = append(w.acls, allow(kmsg.ACLResourceTypeTopic, topic, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationRead,
			kmsg.ACLOperationWrite, kmsg.ACLOperationCreate, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs)...)
	}
	w.acls = append(w.acls, allow(kmsg.ACLResourceTypeGroup, "doc", kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe)...)
	w.acls = append(w.acls, allow(kmsg.ACLResourceTypeTransactionalId, "teams-kafka-connector/out/", kmsg.ACLResourcePatternTypePrefixed,
		kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe)...)
	return w
}

// without takes an operation on a resource out of what the account may do.
func (w *ward) without(resource kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) {
	w.acls = slices.DeleteFunc(w.acls, func(a kfake.ACL) bool {
		return a.Resource == resource && (name == "" || a.Name == name) && (len(operations) == 0 || slices.Contains(operations, a.Operation))
	})
}

// open starts everything.
func (w *ward) open(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	w.sim.Dir = dir
	graph, err := graphsim.Start(w.sim)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = graph.Close() })
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("PLAIN", "connector", wardPassword, w.acls...)}, w.kafka...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Close() })
	w.graph, w.cluster, w.registry = graph, cluster, registry
	w.settings = config.Settings{
		ConnectorName: "doc", KafkaTopic: "out",
		GraphEndpoint: graph.URL(), GraphCAFile: dir + "/ca.pem", AzureAuthorityHost: graph.AuthorityURL(), AzureTenantID: graph.TenantID(),
		AzureClientID: graph.ClientID(), AzureClientSecret: graph.ClientSecret(), SourceUsers: strings.Join(graph.Users(), ","),
		KafkaBrokers: strings.Join(cluster.ListenAddrs(), ","), KafkaSASLMechanism: "PLAIN", KafkaSASLUsername: "connector", KafkaSASLPassword: wardPassword,
		SchemaRegistryURL: registry.URL(), AdminAddress: "none",
	}
}

// admin is a client that may do everything.
func (w *ward) admin(t *testing.T) *kadm.Client {
	t.Helper()
	cfg := w.config(t)
	cfg.SASL.Username, cfg.SASL.Password = "admin", config.NewSecret("admin")
	cl, err := kgo.NewClient(daemon.KafkaOptions(cfg, version(), slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// topic makes a topic with settings as "name=value".
func (w *ward) topic(t *testing.T, name string, partitions int32, settings ...string) {
	t.Helper()
	configs := make(map[string]*string)
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		configs[name] = &value
	}
	resp, err := w.admin(t).CreateTopic(t.Context(), partitions, 1, configs, name)
	if err != nil || resp.Err != nil {
		t.Fatal(err, resp.Err)
	}
}

// position stores that a user was read up to so long ago.
func (w *ward) position(t *testing.T, user string, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago).UnixMilli()
	p := offsets.Position{Start: at - 1, Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: at}}}
	r := offsets.Record("doc.offsets", offsets.Key{Connector: "doc", Tenant: w.graph.TenantID(), User: user}, p)
	cl, err := kgo.NewClient(daemon.KafkaOptions(w.config(t), version(), slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func (w *ward) config(t *testing.T) config.Config {
	t.Helper()
	cfg, err := config.Parse(w.settings)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// examine runs the doctor and returns the findings by name.
func (w *ward) examine(t *testing.T) map[string]doctor.Finding {
	t.Helper()
	examined, err := daemon.Examined(w.config(t), version())
	if err != nil {
		t.Fatal(err)
	}
	if examined.Registry != nil {
		defer examined.Registry.Close()
	}
	found := make(map[string]doctor.Finding)
	if err := doctor.Examine(t.Context(), examined, func(f doctor.Finding) {
		found[strings.TrimSpace(f.Tenant+" "+f.Check)] = f
		for _, secret := range []string{wardPassword, w.settings.AzureClientSecret, "canary-"} {
			if secret != "" && strings.Contains(f.Seen+f.Remedy, secret) {
				t.Errorf("%s shows a secret", f.Check)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDoctor_FindsNothingWhereNothingIsWrong(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, *ward){
		"before the first run": func(*testing.T, *ward) {},
		"with topics": func(t *testing.T, w *ward) {
			w.topic(t, "out", 3, "cleanup.policy=delete")
			w.topic(t, "out.dlq", 3, "max.message.bytes=16777216")
			w.topic(t, "doc.offsets", 3, "cleanup.policy=compact")
		},
		"everybody, without transactions and registry": func(t *testing.T, w *ward) {
			w.settings.SourceUsers, w.settings.Delivery, w.settings.SchemaRegistryURL = "all", "idempotent", ""
			w.settings.SourceGroups = strings.Join(w.graph.Groups()[:1], ",")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard()
			w.open(t)
			prepare(t, w)
			found := w.examine(t)
			for _, check := range doctor.Names()[1:] {
				f, looked := found[check]
				skipped := f.Verdict == doctor.Skipped && f.Remedy == "" && !strings.Contains(f.Seen, "did not succeed")
				if !looked || f.Verdict != doctor.OK && !skipped {
					t.Errorf("%s: %+v", check, f)
				}
			}
			if details, err := w.admin(t).ListTopics(t.Context()); err != nil || name == "before the first run" && len(details) > 0 {
				t.Errorf("topics were made: %v %v", details.Names(), err)
			}
			if subjects := w.registry.Fake(); subjects.SubjectExists("out-value") {
				t.Error("the schema was registered")
			}
		})
	}
}

// Each check finds what it is for, and says how to fix it.
func TestDoctor_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	sound := func(*ward) {}
	nothing := func(*testing.T, *ward) {}
	for name, test := range map[string]struct {
		build        func(*ward)             // before everything is started
		change       func(*testing.T, *ward) // after
		check        string
		verdict      doctor.Verdict
		seen, remedy string
		alsoSkipped  string
		untouched    string // is ok all the same
	}{
		"wrong secret": {sound, func(_ *testing.T, w *ward) { w.settings.AzureClientSecret = "canary-secret" },
			"token", doctor.Fail, "AADSTS7000215", "credential", "messages", "topic-output"},
		"no Chat.Read.All": {func(w *ward) { w.sim.Access.Roles = []string{"User.Read.All"} }, nothing,
			"token", doctor.Fail, "Chat.Read.All", "Chat.Read.All", "users", "schema"},
		"no User.Read.All": {func(w *ward) { w.sim.Access.Roles = []string{"Chat.Read.All"} }, func(_ *testing.T, w *ward) { w.settings.SourceUsers = "all" },
			"users", doctor.Fail, "403", "User.Read.All", "messages", "token"},
		"nobody": {sound, func(_ *testing.T, w *ward) {
			w.settings.SourceUsers, w.settings.SourceExcludeUsers = w.graph.Users()[0], w.graph.Users()[0]
		}, "users", doctor.Fail, "nobody", "SOURCE_EXCLUDE_USERS", "messages", "token"},
		"payment required": {func(w *ward) { w.sim.Access.Payment = "subscription" }, nothing,
			"messages", doctor.Fail, "payment required", "licensing", "", "users"},
		"every user refused": {func(w *ward) { w.sim.Access.Forbidden = 1 }, nothing,
			"messages", doctor.Fail, "access denied", "request-id", "", "users"},
		"one user unknown": {sound, func(_ *testing.T, w *ward) { w.settings.SourceUsers = "0-nobody@example.com," + w.graph.Users()[0] },
			"messages", doctor.Warn, "user not found", "exclude", "", "clock"},
		"Graph is down": {func(w *ward) { w.sim.Faults.InternalError = 1 }, nothing,
			"messages", doctor.Fail, "service is unavailable", "errors.md", "", "topic-output"},
		"throttled": {func(w *ward) { w.sim.Faults.ThrottleFraction, w.sim.Faults.RetryAfter = 1, 100*time.Millisecond }, nothing,
			"messages", doctor.Warn, "throttled", "SOURCE_RATE", "clock", "token"},
		"clock half a minute behind": {func(w *ward) { w.sim.DateSkew = 30 * time.Second }, nothing,
			"clock", doctor.Warn, "30s behind", "NTP", "", "messages"},
		"clock ten minutes ahead": {func(w *ward) { w.sim.DateSkew = -10 * time.Minute }, nothing,
			"clock", doctor.Fail, "10m0s ahead", "NTP", "", "kafka"},
		"no broker": {sound, func(_ *testing.T, w *ward) { w.settings.KafkaBrokers = "127.0.0.1:1" },
			"kafka", doctor.Fail, "refused", "KAFKA_BROKERS", "transactions", "schema"},
		"TLS asked of a broker without": {sound, func(_ *testing.T, w *ward) { w.settings.KafkaTLS = "true" },
			"kafka", doctor.Fail, "deadline exceeded", "KAFKA_TLS", "topic-output", "messages"},
		"wrong password": {sound, func(_ *testing.T, w *ward) { w.settings.KafkaSASLPassword = "canary-wrong" },
			"kafka-sign-in", doctor.Fail, "PLAIN as user connector, without TLS: ", "KAFKA_SASL_PASSWORD", "kafka-brokers", "kafka"},
		"a mechanism the brokers do not have": {sound, func(_ *testing.T, w *ward) { w.settings.KafkaSASLMechanism = "SCRAM-SHA-512" },
			"kafka-sign-in", doctor.Fail, "SCRAM-SHA-512", "KAFKA_SASL_MECHANISM", "kafka-brokers", "kafka"},
		"an address nobody reaches": {func(w *ward) { w.kafka = append(w.kafka, kfake.ListenFn(w.elsewhere)) }, func(_ *testing.T, w *ward) {
			w.settings.KafkaBrokers = w.listens
		}, "kafka-brokers", doctor.Fail, "broker 0 at", "advertised.listeners", "topic-output", "kafka-sign-in"},
		"brokers without transactions": {func(w *ward) { w.kafka = append(w.kafka, kfake.MaxVersions(untransactional())) }, nothing,
			"kafka-version", doctor.Fail, "InitProducerID", "DELIVERY=idempotent", "transactions", "kafka-brokers"},
		"may not write": {func(w *ward) { w.without(kmsg.ACLResourceTypeTopic, "out", kmsg.ACLOperationWrite) }, func(t *testing.T, w *ward) { w.topic(t, "out", 1) },
			"access-topics", doctor.Fail, "lacks Write on topic out", "--operation Write --topic out", "partitions", "access-group"},
		"may not see a topic": {func(w *ward) { w.without(kmsg.ACLResourceTypeTopic, "out.dlq") }, func(t *testing.T, w *ward) { w.topic(t, "out.dlq", 1) },
			"access-topics", doctor.Fail, "Read, Write, Describe, DescribeConfigs on topic out.dlq", "--topic out.dlq", "", "access-group"},
		"may not join": {func(w *ward) { w.without(kmsg.ACLResourceTypeGroup, "") }, nothing,
			"access-group", doctor.Fail, "may not join the consumer group doc", "--operation Read --group doc", "", "access-topics"},
		"no transactional id": {func(w *ward) { w.without(kmsg.ACLResourceTypeTransactionalId, "", kmsg.ACLOperationWrite) }, nothing,
			"access-transactional-id", doctor.Fail, "may not write with the transactional id teams-kafka-connector/out/", "--resource-pattern-type prefixed", "", "access-topics"},
		"no throw-away transactional id": {func(w *ward) { w.without(kmsg.ACLResourceTypeTransactionalId, "") }, nothing,
			"transactions", doctor.Warn, "not tried", "prefix", "", "access-topics"},
		"transactions too long": {func(w *ward) {
			w.kafka = append(w.kafka, kfake.BrokerConfigs(map[string]string{"transaction.max.timeout.ms": "30000"}))
		}, nothing, "transactions", doctor.Fail, "KAFKA_TRANSACTION_TIMEOUT is 1m0s", "transaction.max.timeout.ms", "", "access-transactional-id"},
		"may not create": {func(w *ward) { w.without(kmsg.ACLResourceTypeTopic, "doc.offsets", kmsg.ACLOperationCreate) }, nothing,
			"topic-offsets", doctor.Fail, "may not create", "cleanup.policy=compact", "", "topic-output"},
		"output is compacted": {sound, func(t *testing.T, w *ward) { w.topic(t, "out", 1, "cleanup.policy=compact") },
			"topic-output", doctor.Fail, "compaction keeps one message a chat", "cleanup.policy=delete", "partitions", "topic-offsets"},
		"output is kept too short": {sound, func(t *testing.T, w *ward) { w.topic(t, "out", 1, "retention.ms=3600000") },
			"topic-output", doctor.Fail, "the broker would delete", "retention.ms=432000000", "", "topic-offsets"},
		"output is deleted by size": {sound, func(t *testing.T, w *ward) { w.topic(t, "out", 1, "retention.bytes=1073741824", "retention.ms=-1") },
			"topic-output", doctor.Warn, "once a partition has 1073741824 bytes", "retention.bytes=-1", "", "partitions"},
		"output takes small records": {sound, func(t *testing.T, w *ward) { w.topic(t, "out", 1, "max.message.bytes=10000") },
			"topic-output", doctor.Warn, "goes to the dead letters", "max.message.bytes=1048576", "", "partitions"},
		"nothing can be written": {sound, func(t *testing.T, w *ward) { w.topic(t, "out", 1, "min.insync.replicas=2") },
			"topic-output", doctor.Fail, "Nothing can be written", "min.insync.replicas=1", "", "topic-offsets"},
		"dead letters take small records": {sound, func(t *testing.T, w *ward) { w.topic(t, "out.dlq", 1) },
			"topic-dead-letters", doctor.Warn, "suspends its user", "max.message.bytes=16777216", "", "topic-output"},
		"a policy refuses new topics": {sound, func(_ *testing.T, w *ward) {
			w.cluster.ControlKey(kmsg.CreateTopics.Int16(), func(asked kmsg.Request) (kmsg.Response, error, bool) {
				w.cluster.KeepControl()
				resp := asked.ResponseKind().(*kmsg.CreateTopicsResponse)
				for _, topic := range asked.(*kmsg.CreateTopicsRequest).Topics {
					refused := kmsg.NewCreateTopicsResponseTopic()
					refused.Topic, refused.ErrorCode = topic.Topic, kerr.PolicyViolation.Code
					refused.ErrorMessage = kmsg.StringPtr("topics need at least 3 replicas")
					resp.Topics = append(resp.Topics, refused)
				}
				return resp, nil, true
			})
		}, "topic-output", doctor.Fail, "topics need at least 3 replicas", "KAFKA_TOPIC_REPLICATION", "", "kafka-brokers"},
		"dead letters are compacted": {sound, func(t *testing.T, w *ward) { w.topic(t, "out.dlq", 1, "cleanup.policy=compact") },
			"topic-dead-letters", doctor.Fail, "overwrite each other", "cleanup.policy=delete", "", "topic-output"},
		"offsets are deleted": {sound, func(t *testing.T, w *ward) { w.topic(t, "doc.offsets", 1, "cleanup.policy=delete") },
			"topic-offsets", doctor.Fail, "must be exactly compact", "cleanup.policy=compact", "", "topic-output"},
		"old records are refused": {sound, func(t *testing.T, w *ward) {
			w.topic(t, "out", 1, "message.timestamp.before.max.ms=3600000", "retention.ms=-1")
		},
			"topic-output", doctor.OK, "older than 59m0s (the topic's bound of timestamps in the past) get the time of writing", "", "", "partitions"},
		"records are kept for ten days": {sound, func(t *testing.T, w *ward) { w.topic(t, "out", 1, "retention.ms=864000000") },
			"topic-output", doctor.OK, "older than 120h0m0s (half of retention.ms) get the time of writing", "", "", "partitions"},
		"a user twelve days behind": {sound, func(t *testing.T, w *ward) {
			w.topic(t, "out", 1, "retention.ms=864000000")
			w.topic(t, "doc.offsets", 1, "cleanup.policy=compact")
			w.position(t, w.graph.Users()[0], 12*24*time.Hour)
			w.position(t, w.graph.Users()[1], time.Hour)
		}, "positions", doctor.Warn, "1 of 2 users have not been read for longer than 120h0m0s", "ce_time", "", "topic-output"},
		"partitions were added": {sound, func(t *testing.T, w *ward) {
			w.topic(t, "out", 2)
			w.write(t, 40)
			if resp, err := w.admin(t).UpdatePartitions(t.Context(), 8, "out"); err != nil || resp.Error() != nil {
				t.Fatal(err, resp.Error())
			}
		}, "partitions", doctor.Warn, "partitions were added since", "new KAFKA_TOPIC", "", "topic-output"},
		"no registry": {sound, func(_ *testing.T, w *ward) { _ = w.registry.Close() },
			"registry", doctor.Fail, "refused", "SCHEMA_REGISTRY_URL", "schema", "topic-output"},
		"the registry refuses": {sound, func(_ *testing.T, w *ward) {
			w.registry.Fake().Intercept(func(rw http.ResponseWriter, _ *http.Request) bool {
				http.Error(rw, `{"error_code":40101,"message":"Unauthorized"}`, http.StatusUnauthorized)
				return true
			})
		}, "registry", doctor.Fail, "401", "password or token", "schema", "topic-output"},
		"another schema": {sound, func(_ *testing.T, w *ward) {
			w.registry.Fake().SeedSchema("out-value", 1, 7, sr.Schema{Schema: `"string"`})
			w.registry.Fake().Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasPrefix(r.URL.Path, "/compatibility/") {
					return false
				}
				rw.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
				_, _ = rw.Write([]byte(`{"is_compatible":false,"messages":["READER_FIELD_MISSING_DEFAULT_VALUE"]}`))
				return true
			})
		}, "schema", doctor.Fail, "READER_FIELD_MISSING_DEFAULT_VALUE", "KAFKA_TOPIC", "", "registry"},
		"nothing may be registered": {sound, func(_ *testing.T, w *ward) { w.settings.SchemaRegistryMode = "lookup" },
			"schema", doctor.Fail, "does not hold the schema", "connector schema register", "", "registry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard()
			test.build(w)
			w.open(t)
			test.change(t, w)
			found := w.examine(t)
			f := found[test.check]
			if f.Verdict != test.verdict || !strings.Contains(f.Seen, test.seen) || !strings.Contains(f.Remedy, test.remedy) {
				t.Errorf("%s: %+v", test.check, f)
			}
			if test.alsoSkipped != "" && found[test.alsoSkipped].Verdict != doctor.Skipped {
				t.Errorf("%s: %+v", test.alsoSkipped, found[test.alsoSkipped])
			}
			if found[test.untouched].Verdict != doctor.OK {
				t.Errorf("%s: %+v", test.untouched, found[test.untouched])
			}
		})
	}
}

// elsewhere listens in one place and says that it listens where nobody does.
func (w *ward) elsewhere(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	w.listens = l.Addr().String()
	return elsewhere{l}, nil
}

type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// write puts records of the connector's kind into the output topic, each of another chat.
func (w *ward) write(t *testing.T, records int) {
	t.Helper()
	cl, err := kgo.NewClient(append(daemon.KafkaOptions(w.config(t), version(), slog.New(slog.DiscardHandler)), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range records {
		r := &kgo.Record{Topic: "out", Key: fmt.Appendf(nil, "19:chat-%d", i), Headers: []kgo.RecordHeader{{Key: transform.HeaderID, Value: []byte("x")}}}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer whose transaction is open notices nothing (invariant 4): the doctor is run against systems that work.
func TestDoctor_FencesNobody(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.open(t)
	for _, name := range []string{"out", "out.dlq", "doc.offsets"} {
		w.topic(t, name, 1)
	}
	cfg := w.config(t)
	writer, err := sink.OpenWriter(t.Context(), sink.WriterConfig{Client: daemon.KafkaOptions(cfg, version(), slog.New(slog.DiscardHandler)), Topics: sink.Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "doc.offsets"},
		Limits: sink.Limits{OutputBytes: 1 << 20}, TransactionalID: sink.TransactionalID("out", w.graph.TenantID()), TransactionTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for round := range 3 {
		if err := writer.Write(t.Context(), &kgo.Record{Topic: "out", Key: []byte("k")}); err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			if err := writer.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if f := w.examine(t)["access-transactional-id"]; f.Verdict != doctor.OK {
			t.Errorf("%+v", f)
		}
		if round != 1 {
			if err := writer.Commit(t.Context()); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
	ends, err := w.admin(t).ListCommittedOffsets(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup("out", 0); end.Offset != 6 { // three records, three markers
		t.Errorf("the topic ends at %d", end.Offset)
	}
}

func TestDoctor_NamesTheTenantThatIsIll(t *testing.T) {
	t.Parallel()
	two := startTwoTenants(t, func(c *graphsim.Config) { c.Rate, c.History.Messages = 0, 0 })
	ill := two.settings.Tenants["fabrikam"]
	ill.AzureClientSecret = "canary-secret"
	two.settings.Tenants["fabrikam"] = ill
	found := (&ward{settings: two.settings}).examine(t)
	for name, verdict := range map[string]doctor.Verdict{
		"contoso token": doctor.OK, "contoso messages": doctor.OK, "contoso clock": doctor.OK,
		"fabrikam token": doctor.Fail, "fabrikam messages": doctor.Skipped, "topic-output": doctor.OK,
	} {
		if found[name].Verdict != verdict {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
}

func TestDoctor_ExitCodesAndJSON(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.open(t)
	ill := w.settings
	ill.AzureClientSecret = "canary-secret"
	invalid := w.settings
	invalid.SourcePageSize = "many"
	for name, test := range map[string]struct {
		settings config.Settings
		code     int
		first    doctor.Verdict
		token    doctor.Verdict
	}{
		"sound":                 {w.settings, exitOK, doctor.OK, doctor.OK},
		"ill":                   {ill, exitFailed, doctor.OK, doctor.Fail},
		"invalid configuration": {invalid, exitUsage, doctor.Fail, doctor.Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed := command(t, environment(test.settings), "", "doctor", "--json")
			var list []map[string]any
			if err := json.Unmarshal([]byte(printed.stdout), &list); err != nil {
				t.Fatalf("%v\n%s", err, printed.stdout)
			}
			var names []string
			for _, f := range list {
				name, _ := f["check"].(string)
				names = append(names, name)
				for _, key := range []string{"check", "verdict", "seen"} {
					if f[key] == "" {
						t.Errorf("%s is empty: %v", key, f)
					}
				}
			}
			if !slices.Equal(names, doctor.Names()) {
				t.Errorf("checks %v, want %v", names, doctor.Names())
			}
			if printed.code != test.code || list[0]["verdict"] != string(test.first) || list[1]["verdict"] != string(test.token) {
				t.Errorf("exit code %d, want %d: %v\n%s", printed.code, test.code, list[:2], printed.stderr)
			}
			text := command(t, environment(test.settings), "", "doctor")
			if text.code != test.code || !strings.Contains(text.stdout, " skipped\n") || !strings.Contains(text.stdout, string(test.token)+" ") {
				t.Errorf("exit code %d\n%s", text.code, text.stdout)
			}
			if strings.Contains(printed.stdout+printed.stderr+text.stdout+text.stderr, "canary-") {
				t.Error("a secret was printed")
			}
		})
	}
}

// untransactional are the versions of brokers that know neither idempotence nor transactions.
func untransactional() *kversion.Versions {
	versions := kversion.Stable()
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.TxnOffsetCommit} {
		versions.SetMaxKeyVersion(key.Int16(), -1)
	}
	return versions
}

// A broker of Apache Kafka answers one question about versions, and hangs up on a client whose next request is not its sign-in.
func TestDoctor_ABrokerThatHangsUpOnWhoDoesNotSignInIsThere(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.open(t)
	var asked atomic.Int32
	w.cluster.ControlKey(int16(kmsg.ApiVersions), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		if asked.Add(1) == 2 {
			return nil, errors.New("not signed in"), true
		}
		return nil, nil, false
	})
	found := w.examine(t)
	if asked.Load() < 2 {
		t.Fatal("nobody was hung up on")
	}
	for _, check := range []string{"kafka", "kafka-sign-in", "kafka-brokers"} {
		if found[check].Verdict != doctor.OK {
			t.Errorf("%+v", found[check])
		}
	}
}

func TestDoctor_NamesTheTopicThatIsNotShown(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.without(kmsg.ACLResourceTypeTopic, "out.dlq", kmsg.ACLOperationDescribeConfigs)
	w.open(t)
	for _, topic := range []string{"out", "out.dlq", "doc.offsets"} {
		w.topic(t, topic, 3)
	}
	if f := w.examine(t)["topic-dead-letters"]; f.Verdict != doctor.Fail || !strings.Contains(f.Seen, "describe topic out.dlq: TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("%+v", f)
	}
}
