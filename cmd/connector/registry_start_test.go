package main

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/schema"
)

// TestRun_WaitsForARegistryThatIsDownAndNeedsItNoMoreLater: the registry comes up after the connector, and goes
// away once the schema is registered; messages flow all the same.
func TestRun_WaitsForARegistryThatIsDownAndNeedsItNoMoreLater(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// A port that is free now, and most likely still when the registry comes up.
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().(*net.TCPAddr)
	if err := reserved.Close(); err != nil {
		t.Fatal(err)
	}

	s := stage.Start(t, stage.Options{Graph: stage.Tenant(4, 4, 20, 3), NoRegistry: true})
	s.Settings.SchemaRegistryURL = "http://" + address.String()
	cfg := s.Config(t)
	var logs stage.Log
	c, err := daemon.New(cfg, version(), slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stage.Run(t, c.Run)

	stage.Until(t, ctx, "readiness names the registry", func() bool {
		return strings.Contains(strings.Join(c.NotReady(), "\n"), "schema is not registered: ")
	})
	if !strings.Contains(logs.String(), "schema is not registered") || !strings.Contains(logs.String(), "connection refused") {
		t.Errorf("the log does not say so:\n%s", logs.String())
	}
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{Port: address.Port})
	if err != nil {
		t.Fatal(err)
	}
	stage.Until(t, ctx, "it is ready", func() bool { return len(c.NotReady()) == 0 })
	if _, ok := registry.Fake().GetSchema(schema.Subject(cfg.Topic), 1); !ok {
		t.Error("ready without a registered schema")
	}
	if err := registry.Close(); err != nil {
		t.Fatal(err)
	}
	written := stage.Items(c.Metrics())["written"]
	stage.Until(t, ctx, "messages flow without the registry", func() bool { return stage.Items(c.Metrics())["written"] > written+50 })
}

func TestRun_AnIncompatibleSchemaStopsTheStartWithTheRegistrysExplanation(t *testing.T) {
	const explanation = "READER_FIELD_MISSING_DEFAULT_VALUE at /fields/3"
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	settings := config.Settings{
		GraphEndpoint: "http://127.0.0.1:1", AzureTenantID: "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11", AzureClientID: "c", AzureClientSecret: "s", SourceUsers: "u",
		KafkaBrokers: strings.Join(kafka.Brokers(), ","), SchemaRegistryURL: refusing(t, explanation).URL, AdminAddress: "none",
	}
	got := command(t, environment(settings), "", "run")
	if got.code != exitUsage || !strings.Contains(got.stderr, explanation) || !strings.Contains(got.stderr, testSubject) {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}

	settings.SchemaRegistryMode = "lookup"
	got = command(t, environment(settings), "", "run")
	if got.code != exitUsage || !strings.Contains(got.stderr, schema.ErrNotRegistered.Error()) {
		t.Errorf("lookup: exit code %d\n%s", got.code, got.stderr)
	}
}

// What does not pass by itself ends the start, with the name of what is denied.
func TestRun_AMissingPermissionStopsTheStart(t *testing.T) {
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	settings := config.Settings{
		GraphEndpoint: "http://127.0.0.1:1", AzureTenantID: "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11", AzureClientID: "c", AzureClientSecret: "s", SourceUsers: "u",
		KafkaBrokers: strings.Join(kafka.Brokers(), ","), AdminAddress: "none",
	}
	got := command(t, environment(settings), "", "run")
	if got.code != exitUsage || !strings.Contains(got.stderr, "create topic teams.chat.messages: TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
}
