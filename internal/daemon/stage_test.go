package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// stage is a daemon with everything it talks to, all in this process. What is nil starts with open.
type stage struct {
	sim      graphsim.Config
	settings func(*config.Settings) // changes what the daemon is configured with

	graph    *graphsim.Server
	kafka    *embedded.Kafka
	registry *embedded.Registry
	daemon   *Daemon
	log      syncBuffer
}

// newStage describes a small tenant in which a good deal happens, days of polling in seconds.
func newStage() *stage {
	s := &stage{sim: graphsim.Defaults(), settings: func(*config.Settings) {}}
	s.sim.Users, s.sim.Chats, s.sim.Rate, s.sim.Seed = 8, 12, 60, 3
	s.sim.Edits, s.sim.Reactions, s.sim.Deletions = 0.3, 0.4, 0.08
	s.sim.Lateness = graphsim.Lateness{Max: 2 * time.Second, Share: 0.4, Shape: 2}
	s.sim.History = graphsim.History{Messages: 1500, Reach: 3 * time.Hour}
	s.sim.Content.BadItems = 0.03
	return s
}

// open starts what is missing and wires the daemon, without running it.
func (s *stage) open(t *testing.T) {
	t.Helper()
	var err error
	s.sim.Dir = t.TempDir()
	if s.graph, err = graphsim.Start(s.sim); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.graph.Close() })
	if s.kafka == nil {
		if s.kafka, err = embedded.StartKafka(embedded.KafkaOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.kafka.Close)
	}
	if s.registry, err = embedded.StartRegistry(embedded.RegistryOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.registry.Close() })
	settings := config.Settings{
		ConnectorName: "stage", LogLevel: "debug",
		GraphEndpoint: s.graph.URL(), GraphCAFile: s.sim.Dir + "/ca.pem", AzureAuthorityHost: s.graph.AuthorityURL(),
		AzureTenantID: s.graph.TenantID(), AzureClientID: s.graph.ClientID(), AzureClientSecret: s.graph.ClientSecret(),
		SourceUsers: strings.Join(s.graph.Users(), ","), SourceStart: "4h",
		SourcePollInterval: "400ms", SourceLookbacks: "1s,2s,4s",
		KafkaBrokers: strings.Join(s.kafka.Brokers(), ","), KafkaTopicPartitions: "4",
		SchemaRegistryURL: s.registry.URL(), CommitInterval: "200ms", AdminAddress: "none",
	}
	s.settings(&settings)
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}
	if s.daemon, err = New(cfg, "test", slog.New(slog.NewTextHandler(&s.log, nil))); err != nil {
		t.Fatal(err)
	}
}

// run runs the daemon until the test ends; it must end in order.
func (s *stage) run(t *testing.T) {
	t.Helper()
	running, stop := context.WithCancel(context.Background())
	ended, sampled := make(chan error, 1), make(chan error, 1)
	go func() { ended <- s.daemon.Run(running) }()
	go func() { sampled <- s.daemon.rates.keep(running, s.daemon.tallies) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := <-sampled; err != nil {
			t.Error(err)
		}
	})
}

// look returns the status as it arrives: what JSON cannot hold is not there.
func (s *stage) look(t *testing.T) admin.Status {
	t.Helper()
	text, err := json.Marshal(s.daemon.Status(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	var status admin.Status
	if err := json.Unmarshal(text, &status); err != nil {
		t.Fatal(err)
	}
	return status
}

// until waits for a condition, as long as a minute.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it did not come about that %s", what)
		case <-tick.C:
		}
	}
}

// syncBuffer collects a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
