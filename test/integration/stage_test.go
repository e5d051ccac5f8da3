//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/process"
)

// The stage lives through days of polling in seconds, as the demo does: messages are at most lateness late,
// and the rungs stand to that as the default rungs stand to Graph's 24 hours.
const (
	lateness = 2 * time.Second
	rungs    = "1s,2s,4s"
	longest  = 4 * time.Second
)

// stage is a tenant in which a good deal happens, and the connector's settings to stream it into a cluster
// under its own names.
type stage struct {
	cluster  *kafka.Cluster
	sim      *graphsim.Server
	registry string
	settings config.Settings
}

// newStage starts a simulator and an embedded registry. The name keeps topics and groups of several stages on one
// cluster apart; change may be nil.
func newStage(t *testing.T, cluster *kafka.Cluster, name string, change func(*graphsim.Config)) *stage {
	t.Helper()
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Close() })
	return newStageWith(t, cluster, registry.URL(), name, change)
}

// newStageWith is newStage with a registry that runs already.
func newStageWith(t *testing.T, cluster *kafka.Cluster, registry, name string, change func(*graphsim.Config)) *stage {
	t.Helper()
	dir := t.TempDir()
	cfg := graphsim.Defaults()
	cfg.Dir, cfg.Seed = dir, 7
	cfg.Users, cfg.Chats, cfg.Rate = 12, 20, 50
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.3, 0.4, 0.08
	cfg.Lateness = graphsim.Lateness{Max: lateness, Share: 0.4, Shape: 2}
	cfg.History = graphsim.History{Messages: 600, Reach: 3 * time.Hour}
	cfg.Content.BadItems = 0.004
	if change != nil {
		change(&cfg)
	}
	sim, err := graphsim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return &stage{cluster: cluster, sim: sim, registry: registry, settings: config.Settings{
		ConnectorName: name,
		GraphEndpoint: sim.URL(), GraphCAFile: dir + "/ca.pem",
		AzureAuthorityHost: sim.AuthorityURL(), AzureTenantID: sim.TenantID(),
		AzureClientID: sim.ClientID(), AzureClientSecret: sim.ClientSecret(),
		SourceUsers: strings.Join(sim.Users(), ","), SourceStart: "4h",
		SourcePollInterval: "400ms", SourceLookbacks: rungs,
		KafkaBrokers: strings.Join(cluster.Brokers(), ","), KafkaTopic: name + ".messages", KafkaTopicPartitions: "4",
		KafkaSessionTimeout: "2s", KafkaTransactionTimeout: "20s", CommitInterval: "200ms",
		SchemaRegistryURL: registry, AdminAddress: "none", LogFormat: "text",
	}}
}

// faults makes Graph awkward.
func faults(cfg *graphsim.Config) {
	cfg.Faults = graphsim.EveryFault(0.006)
	cfg.Faults.RetryAfter, cfg.Faults.SlowFor = time.Second, 500*time.Millisecond
	cfg.Quirks.EmptyPage, cfg.Quirks.ShortPage, cfg.Quirks.Duplicates = 0.03, 0.03, 0.03
	cfg.Quirks.StaleToken, cfg.Quirks.TimeSkew = 0.01, 0.02
}

// start starts a connector in its own process.
func (s *stage) start(t *testing.T) *process.Process {
	t.Helper()
	cmd := exec.Command(binary, "run")
	cmd.Env = s.connectorEnvironment()
	return process.Start(t, "connector "+s.settings.ConnectorName, cmd)
}

// connectorEnvironment is the connector's environment.
func (s *stage) connectorEnvironment() []string {
	environment := []string{"HOME=" + os.Getenv("HOME")}
	for name, value := range s.settings.Variables() {
		if value != "" {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// transactionalID is the one the connector uses for this stage's tenant.
func (s *stage) transactionalID() string {
	return "teams-kafka-connector/" + s.settings.KafkaTopic + "/" + s.settings.AzureTenantID
}

// offsetsTopic is the name of the topic of the positions.
func (s *stage) offsetsTopic() string { return s.settings.ConnectorName + ".offsets" }

// judge lets the independent reader compare what is in the topics with what the simulator has shown. It
// reads past the security of the connector's own listener.
func (s *stage) judge(t *testing.T, ctx context.Context) *judge.Verdict {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.sim.CAPEM())
	verdict, err := judge.Run(ctx, judge.Config{
		Brokers: s.cluster.Brokers(), Topic: s.settings.KafkaTopic, OffsetsTopic: s.offsetsTopic(),
		ConnectorName: s.settings.ConnectorName, Tenant: s.settings.AzureTenantID, RegistryURL: s.registry,
		LedgerURL:    s.sim.URL() + "/_sim/ledger",
		LedgerClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

// settle stops the traffic, waits until all that was written is in the topic, ends the connector in order and returns
// the verdict. What is there twice or in the wrong order stays so, however long one looks.
func (s *stage) settle(t *testing.T, ctx context.Context, p *process.Process) *judge.Verdict {
	t.Helper()
	s.sim.StopTraffic()
	for !s.sim.Quiet() && ctx.Err() == nil {
		pause(ctx, 50*time.Millisecond)
	}
	for settled := false; !settled; {
		pause(ctx, longest)
		if ctx.Err() != nil {
			t.Fatalf("what was written did not all get into the topic in time: %v\n%s", s.judge(t, context.WithoutCancel(ctx)), p.Tail(60))
		}
		verdict := s.judge(t, ctx)
		settled = verdict.Missing == 0 && verdict.Unseen == 0 && verdict.InTopic > 0
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(t, ctx); code != 0 {
		t.Errorf("SIGTERM: exit code %d, want 0\n%s", code, p.Tail(60))
	}
	return s.judge(t, ctx)
}

// mustBeRight fails the test unless nothing is missing, duplicated, reordered or otherwise wrong.
func mustBeRight(t *testing.T, verdict *judge.Verdict, least int) {
	t.Helper()
	t.Logf("Kafka %s: %v", kafka.Version(), verdict)
	if !verdict.OK() || verdict.Unseen != 0 {
		t.Errorf("%v, unseen %d\n%v", verdict, verdict.Unseen, verdict.Examples)
	}
	if verdict.InTopic < least {
		t.Errorf("only %d versions are in the topic, want at least %d for the test to show anything", verdict.InTopic, least)
	}
}

// within bounds a test.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// pause lets time pass in which others do what is being tested.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// eventually tries until there is no error, and fails the test with the last one when the context ends.
func eventually(t *testing.T, ctx context.Context, what string, try func() error) {
	t.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		pause(ctx, 100*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// commits waits until the offsets topic has grown by so many records: that many positions were committed.
func (s *stage) commits(t *testing.T, ctx context.Context, more int64) {
	t.Helper()
	from := int64(-1)
	eventually(t, ctx, "positions to be committed", func() error {
		ends, err := s.cluster.Admin().ListEndOffsets(ctx, s.offsetsTopic())
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return err
		}
		sum := int64(0)
		for _, partition := range ends[s.offsetsTopic()] {
			sum += partition.Offset
		}
		if from < 0 {
			from = sum
		}
		if sum < from+more {
			return fmt.Errorf("%d of %d", sum-from, more)
		}
		return nil
	})
}
