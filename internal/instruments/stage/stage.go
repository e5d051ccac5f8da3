package stage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// A stage compresses days of polling into seconds. Messages are at most lateness late, and the
// lookbacks have the same proportion to it as the connector's defaults to Graph's 24 hours.
const (
	lateness  = 2 * time.Second
	interval  = "400ms"
	lookbacks = "1s,2s,4s"
	// Longest is the longest lookback. What was visible that long ago can have been read twice.
	Longest = 4 * time.Second
)

// Options say what a stage consists of. The zero value is a Graph with the tenant of [Tenant], a
// Kafka of one broker, and a registry.
type Options struct {
	Graph      *graphsim.Config       // nil: Tenant()
	Brokers    int                    // 0: 1
	Kafka      *embedded.Kafka        // a cluster to share with another stage; nil: its own
	Registry   *embedded.Registry     // a registry to share; nil: its own
	NoRegistry bool                   // no registry at all
	Name       string                 // CONNECTOR_NAME; empty: stage
	Settings   func(*config.Settings) // changes the environment; nil: as it is
}

// Stage is what a connector talks to.
type Stage struct {
	Graph    *graphsim.Server
	Kafka    *embedded.Kafka
	Registry *embedded.Registry // nil without one
	Dir      string             // holds the certificate authority of Graph
	// Settings is the environment of a connector on this stage, without an admin address.
	Settings config.Settings

	closing []func()
}

// Tenant returns the configuration of a small tenant in which much happens: edits, reactions,
// deletions, late copies, some history, and an item now and then that cannot be a record.
func Tenant(users, chats int, rate float64, seed uint64) *graphsim.Config {
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Seed = users, chats, rate, seed
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.3, 0.4, 0.08
	cfg.Lateness = graphsim.Lateness{Max: lateness, Share: 0.4, Shape: 2}
	cfg.History = graphsim.History{Messages: 1500, Reach: 3 * time.Hour}
	cfg.Content.BadItems = 0.004
	return &cfg
}

// Faulty turns on every fault and most quirks of a simulated Graph, each rarely.
func Faulty(cfg *graphsim.Config) {
	cfg.Faults = graphsim.EveryFault(0.006)
	cfg.Faults.RetryAfter, cfg.Faults.SlowFor = time.Second, 500*time.Millisecond
	cfg.Quirks.EmptyPage, cfg.Quirks.ShortPage, cfg.Quirks.Duplicates = 0.03, 0.03, 0.03
	cfg.Quirks.StaleToken, cfg.Quirks.TimeSkew, cfg.Quirks.Gzip = 0.01, 0.02, 0.5
}

// Open starts a stage. The caller closes it.
func Open(options Options) (*Stage, error) {
	s := &Stage{Kafka: options.Kafka, Registry: options.Registry}
	if err := s.open(options); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stage) open(options Options) (err error) {
	if s.Dir, err = os.MkdirTemp("", "connector-stage-"); err != nil {
		return fmt.Errorf("stage: create a temporary folder: %w", err)
	}
	s.closing = append(s.closing, func() { _ = os.RemoveAll(s.Dir) })
	if s.Kafka == nil {
		if s.Kafka, err = embedded.StartKafka(embedded.KafkaOptions{Brokers: options.Brokers}); err != nil {
			return err
		}
		s.closing = append(s.closing, s.Kafka.Close)
	}
	if s.Registry == nil && !options.NoRegistry {
		if s.Registry, err = embedded.StartRegistry(embedded.RegistryOptions{}); err != nil {
			return err
		}
		s.closing = append(s.closing, func() { _ = s.Registry.Close() })
	}
	tenant := options.Graph
	if tenant == nil {
		tenant = Tenant(8, 12, 60, 3)
	}
	simulated := *tenant
	simulated.Dir = s.Dir
	if s.Graph, err = graphsim.Start(simulated); err != nil {
		return err
	}
	s.closing = append(s.closing, func() { _ = s.Graph.Close() })
	s.Settings = s.environment(options)
	return nil
}

// environment returns the variables of a connector on this stage.
func (s *Stage) environment(options Options) config.Settings {
	settings := config.Settings{
		ConnectorName: "stage",
		GraphEndpoint: s.Graph.URL(), GraphCAFile: filepath.Join(s.Dir, "ca.pem"),
		AzureAuthorityHost: s.Graph.AuthorityURL(), AzureTenantID: s.Graph.TenantID(),
		AzureClientID: s.Graph.ClientID(), AzureClientSecret: s.Graph.ClientSecret(),
		SourceUsers: strings.Join(s.Graph.Users(), ","), SourceStart: "4h",
		SourcePollInterval: interval, SourceLookbacks: lookbacks,
		KafkaBrokers: strings.Join(s.Kafka.Brokers(), ","), KafkaTopicPartitions: "4",
		CommitInterval: "200ms", AdminAddress: "none",
	}
	if options.Name != "" {
		settings.ConnectorName = options.Name
	}
	if s.Registry != nil {
		settings.SchemaRegistryURL = s.Registry.URL()
	}
	if options.Settings != nil {
		options.Settings(&settings)
	}
	return settings
}

// Close stops what the stage started, the last first. A second call does nothing.
func (s *Stage) Close() {
	for i := len(s.closing) - 1; i >= 0; i-- {
		s.closing[i]()
	}
	s.closing = nil
}

// HTTP returns a client that trusts the simulated Graph.
func (s *Stage) HTTP() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Graph.CAPEM())
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

// Judge compares the topic of a connector with what the simulated Graph has shown.
func (s *Stage) Judge(ctx context.Context, cfg config.Config) (*judge.Verdict, error) {
	client := s.HTTP()
	defer client.CloseIdleConnections()
	return judge.Run(ctx, judge.Config{
		Brokers: cfg.Brokers, Topic: cfg.Topic, DeadLetterTopic: cfg.DeadLetters(), OffsetsTopic: cfg.OffsetsTopic,
		ConnectorName: cfg.Name, Tenant: cfg.Tenants[0].ID, RegistryURL: s.Settings.SchemaRegistryURL,
		LedgerURL: s.Graph.URL() + "/_sim/ledger", LedgerClient: client, Samples: 3,
	})
}

// Settle stops the traffic and waits until every version can have been read twice: until everything
// is visible, and read, the time up to which every user has been read, is [Longest] after that.
func (s *Stage) Settle(ctx context.Context, read func() time.Time) error {
	s.Graph.StopTraffic()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var quiet time.Time // since when everything has been visible
	for {
		if quiet.IsZero() && s.Graph.Quiet() {
			quiet = time.Now()
		}
		if !quiet.IsZero() && read().After(quiet.Add(Longest)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
