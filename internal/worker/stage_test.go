package worker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	onstage "github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// stage is a simulated tenant in which people write, edit and delete, an embedded Kafka of three brokers to make trouble in,
// and what a stream between them needs.
type stage struct {
	kafka    *embedded.Kafka
	registry *embedded.Registry
	sim      *graphsim.Server
	client   *kgo.Client
	admin    *kadm.Client
	cfg      Config
	logs     *onstage.Log
	answers  *answers // of the brokers to the writer
	// sessionTimeout is the members'.
	sessionTimeout time.Duration
}

func newStage(t *testing.T, changes ...func(*graphsim.Config)) *stage {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{Brokers: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Close() })

	simulated := graphsim.Defaults()
	simulated.Users, simulated.Chats, simulated.Rate, simulated.Seed = 6, 8, 150, 3
	simulated.Lateness = graphsim.Lateness{}
	simulated.Content.BadItems = 0.01
	simulated.Limits = graphsim.Limits{}
	for _, change := range changes {
		change(&simulated)
	}
	sim, err := graphsim.Start(simulated)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })

	s := &stage{kafka: kafka, registry: registry, sim: sim, logs: &onstage.Log{}, answers: &answers{}, sessionTimeout: 2 * time.Second}
	client := []kgo.Opt{kgo.SeedBrokers(kafka.Brokers()...)}
	cl, err := kgo.NewClient(client...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	s.client, s.admin = cl, kadm.NewClient(cl)

	root, err := url.Parse(sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	ladder, err := source.NewLadder([]time.Duration{time.Second, 4 * time.Second}, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	metrics := source.NewMetrics(nil)
	graph := source.NewClient(root, s.http(), source.NewTokens(source.Credentials{
		Kind: source.AuthSecret, TenantID: sim.TenantID(), ClientID: sim.ClientID(), Secret: sim.ClientSecret,
		Authority: sim.AuthorityURL(), Scope: sim.URL() + "/.default", HTTP: s.http(),
	}), source.NewGate(1000), "teams-kafka-connector/test (instance 1)", metrics)
	s.cfg = Config{
		Name: "teams", Tenant: sim.TenantID(), Ladder: ladder, Encoder: s.encoder(t), Client: graph,
		Directory:    &source.Directory{Listed: sim.Users()},
		UsersRefresh: time.Hour, UsersRetention: 30 * 24 * time.Hour,
		Start: config.Start{Back: time.Hour}, PageSize: 50, InFlight: 8, Settle: 50 * time.Millisecond,
		Writer: sink.WriterConfig{
			Client:             append(slices.Clone(client), kgo.Dialer(s.answers.dial)),
			Topics:             sink.Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "teams.offsets", Partitions: 3, Replication: -1},
			TransactionalID:    sink.TransactionalID("out", sim.TenantID()),
			TransactionTimeout: 20 * time.Second,
		},
		CommitInterval: 100 * time.Millisecond, CommitRecords: 10_000, IndexMaxEntries: 100_000,
		RebuildTimeout: 20 * time.Second, FinishTimeout: 10 * time.Second, Metrics: NewMetrics(nil), SourceMetrics: metrics,
	}
	return s
}

// http is a client that trusts the simulator.
func (s *stage) http() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.sim.CAPEM())
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

func (s *stage) encoder(t *testing.T) schema.Encoder {
	t.Helper()
	registry, err := schema.NewRegistry(schema.RegistryConfig{URLs: []string{s.registry.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	registered, err := registry.Register(t.Context(), schema.Subject("out"))
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := schema.NewConfluentEncoder(registered.ID)
	if err != nil {
		t.Fatal(err)
	}
	return encoder
}

// member is a process of the connector: a member of the group that runs the tenant or waits as a spare.
type member struct {
	group  *Group
	tenant *Tenant
	stop   context.CancelFunc
	ended  chan error
	err    error
}

// join starts a member. It leaves in order when the test ends, at the latest.
func (s *stage) join(t *testing.T) *member {
	t.Helper()
	log := slog.New(slog.NewTextHandler(s.logs, nil))
	return s.joinWith(t, NewTenant(s.cfg, log))
}

// joinWith starts a member that can run several tenants.
func (s *stage) joinWith(t *testing.T, tenants ...*Tenant) *member {
	t.Helper()
	m := &member{tenant: tenants[0], ended: make(chan error, 1)}
	m.group = &Group{Client: s.cfg.Writer.Client, Name: s.cfg.Name, Topic: s.cfg.Writer.Topics.Offsets,
		SessionTimeout: s.sessionTimeout, Tenants: tenants, Log: slog.New(slog.NewTextHandler(s.logs, nil))}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	m.stop = stop
	go func() { m.ended <- m.group.Run(ctx) }()
	t.Cleanup(func() { m.leave() })
	return m
}

// leave ends a member in order, once.
func (m *member) leave() error {
	m.stop()
	if m.ended != nil {
		m.err = <-m.ended
		m.ended = nil
	}
	return m.err
}

// ensureTopics is what a process does before it joins.
func (s *stage) ensureTopics(t *testing.T) {
	t.Helper()
	if _, err := EnsureTopics(t.Context(), s.cfg); err != nil {
		t.Fatal(err)
	}
}

// within bounds everything that a test waits for.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until something holds.
func eventually(t *testing.T, ctx context.Context, what string, holds func() bool) {
	t.Helper()
	onstage.Until(t, ctx, what, holds)
}

// committed is how many records the offsets topic holds, which grows with each commit that ends a slice.
func (s *stage) committed(t *testing.T, ctx context.Context) (n int64) {
	t.Helper()
	ends, err := s.admin.ListCommittedOffsets(ctx, s.cfg.Writer.Topics.Offsets)
	if err != nil {
		t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += max(0, o.Offset) })
	return n
}

// progress waits until positions were committed more than now.
func (s *stage) progress(t *testing.T, ctx context.Context) {
	t.Helper()
	from := s.committed(t, ctx)
	eventually(t, ctx, "commits", func() bool { return s.committed(t, ctx) >= from+8 })
}

func (s *stage) judge(t *testing.T, ctx context.Context) *judge.Verdict {
	t.Helper()
	verdict, err := judge.Run(ctx, judge.Config{
		Brokers: s.kafka.Brokers(), Topic: "out", OffsetsTopic: s.cfg.Writer.Topics.Offsets,
		ConnectorName: s.cfg.Name, Tenant: s.cfg.Tenant, RegistryURL: s.registry.URL(),
		LedgerURL: s.sim.URL() + "/_sim/ledger", LedgerClient: s.http(),
	})
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return verdict
}

// settle lets people stop, waits until all there is has been read and committed, ends the members and has the outcome
// judged. What is there twice or in the wrong order stays so, however long one looks.
func (s *stage) settle(t *testing.T, ctx context.Context, members ...*member) *judge.Verdict {
	t.Helper()
	s.sim.StopTraffic()
	eventually(t, ctx, "the last message to be visible", s.sim.Quiet)
	eventually(t, ctx, "all to be in the topic", func() bool {
		verdict := s.judge(t, ctx)
		if ctx.Err() != nil {
			verdict := s.judge(t, context.WithoutCancel(ctx))
			t.Fatalf("not all got into the topic in time: %v, unseen %d\n%v\n%s", verdict, verdict.Unseen, verdict.Examples, s.logs)
		}
		return verdict.Missing == 0 && verdict.Unseen == 0
	})
	for _, m := range members {
		if err := m.leave(); err != nil {
			t.Errorf("a member ended with %v", err)
		}
	}
	return s.judge(t, ctx)
}

// mustBeRight fails the test unless every version is in the topic once.
func (s *stage) mustBeRight(t *testing.T, verdict *judge.Verdict, least int) {
	t.Helper()
	t.Log(verdict)
	if !verdict.OK() || verdict.Unseen != 0 {
		t.Errorf("%v, unseen %d\n%v\n%s", verdict, verdict.Unseen, verdict.Examples, s.logs)
	}
	if verdict.Exposed < least {
		t.Errorf("only %d versions were shown, the test shows nothing", verdict.Exposed)
	}
}
