package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/sink"
)

// twoTenants are two simulated tenants, contoso and fabrikam, and the settings that stream both into one topic.
type twoTenants struct {
	sims     []*graphsim.Server
	settings config.Settings
}

func startTwoTenants(t *testing.T, change func(*graphsim.Config)) *twoTenants {
	t.Helper()
	two := &twoTenants{}
	var shared stage.Options
	for i, alias := range []string{"contoso", "fabrikam"} {
		shared.Graph = stage.Tenant(8, 12, 40, uint64(23+i))
		if change != nil {
			change(shared.Graph)
		}
		s := stage.Start(t, shared)
		shared.Kafka, shared.Registry = s.Kafka, s.Registry
		two.sims = append(two.sims, s.Graph)
		one := s.Settings
		own := config.Settings{
			AzureTenantID: one.AzureTenantID, AzureClientID: one.AzureClientID, AzureClientSecret: one.AzureClientSecret,
			AzureAuthorityHost: one.AzureAuthorityHost, GraphEndpoint: one.GraphEndpoint, GraphCAFile: one.GraphCAFile,
			SourceUsers: one.SourceUsers,
		}
		if i == 0 {
			two.settings = one
			two.settings.ConnectorName, two.settings.GraphTenants = "two", "contoso,fabrikam"
			two.settings.AzureTenantID, two.settings.AzureClientID, two.settings.AzureClientSecret, two.settings.AzureAuthorityHost = "", "", "", ""
			two.settings.GraphEndpoint, two.settings.GraphCAFile, two.settings.SourceUsers = "", "", ""
			two.settings.LogFormat = "text"
			two.settings.Tenants = make(map[string]config.Settings)
		}
		two.settings.Tenants[alias] = own
	}
	if two.sims[0].TenantID() == two.sims[1].TenantID() {
		t.Fatal("both simulators are the same tenant")
	}
	return two
}

func (two *twoTenants) config(t *testing.T) config.Config {
	t.Helper()
	return stage.Parse(t, two.settings)
}

// settle ends the traffic and judges the topic of both tenants against both ledgers, until all that is visible was
// read and committed; nil if that does not come to pass.
func (two *twoTenants) settle(t *testing.T, ctx context.Context) *judge.Verdict {
	t.Helper()
	for _, sim := range two.sims {
		sim.StopTraffic()
	}
	for _, sim := range two.sims {
		for !sim.Quiet() && ctx.Err() == nil {
			wait(ctx, 50*time.Millisecond)
		}
	}
	cfg := two.config(t)
	var last *judge.Verdict
	for {
		wait(ctx, stage.Longest)
		var ledger bytes.Buffer
		for _, sim := range two.sims {
			if err := sim.WriteLedger(&ledger); err != nil {
				t.Fatal(err)
			}
		}
		verdict, err := judge.Run(ctx, judge.Config{
			Brokers: cfg.Brokers, Topic: cfg.Topic, DeadLetterTopic: cfg.DeadLetters(), OffsetsTopic: cfg.OffsetsTopic,
			ConnectorName: cfg.Name, RegistryURL: two.settings.SchemaRegistryURL, Ledger: &ledger,
		})
		if err != nil {
			t.Errorf("%v; the last verdict was %v", err, last)
			return nil
		}
		if last = verdict; verdict.Missing == 0 && verdict.Unseen == 0 {
			return verdict
		}
	}
}

// own fails the test if a token of one tenant was shown to the other's servers: each takes its own alone.
func (two *twoTenants) own(t *testing.T) {
	t.Helper()
	for i, sim := range two.sims {
		stats := sim.Stats()
		if stats.Outcomes["200"] == 0 || stats.Outcomes["401"] != 0 {
			t.Errorf("tenant %d: Graph answered %v", i, stats.Outcomes)
		}
		if len(stats.TokenOutcomes) != 1 || stats.TokenOutcomes["200"] == 0 {
			t.Errorf("tenant %d: the login service answered %v", i, stats.TokenOutcomes)
		}
	}
}

func TestRun_TwoTenantsInOneProcessShareATopicAndNothingElse(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	two := startTwoTenants(t, nil)
	var logs stage.Log
	c, err := daemon.New(two.config(t), version(), slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop := stage.Run(t, c.Run)
	verdict := two.settle(t, ctx)
	if verdict == nil {
		t.Fatalf("not settled; not ready: %v\n%s", c.NotReady(), logs.String())
	}
	ready := c.NotReady()
	counts := tenantCounts(t, c.Metrics())
	stop()
	t.Logf("%v", verdict)
	if !verdict.OK() || verdict.Unseen != 0 || verdict.InTopic < 1000 {
		t.Errorf("%v, unseen %d\n%v", verdict, verdict.Unseen, verdict.Examples)
	}
	two.own(t)
	if len(ready) != 0 {
		t.Errorf("not ready: %v", ready)
	}
	for i, alias := range []string{"contoso", "fabrikam"} {
		id := two.sims[i].TenantID()
		if counts[id] == 0 {
			t.Errorf("no items are counted for tenant %s: %v", id, counts)
		}
		if !strings.Contains(logs.String(), "tenant="+id+" alias="+alias) {
			t.Errorf("the log does not name %s and its tenant id", alias)
		}
	}
}

// tenantCounts are the items by the label that names the tenant.
func tenantCounts(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if family.GetName() == "teams_connector_items_total" && label.GetName() == "tenant" {
					counts[label.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return counts
}

// A tenant that cannot sign in is told by its alias and keeps nobody from polling the other; when its secret's file
// is corrected, it resumes without a restart.
func TestRun_ATenantWithAWrongSecretStopsAloneUntilItsFileIsPutRight(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	two := startTwoTenants(t, nil)
	file := filepath.Join(t.TempDir(), "secret")
	rotate := func(secret string) {
		next := file + ".next"
		if err := os.WriteFile(next, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	rotate("canary-secret-value")
	own := two.settings.Tenants["fabrikam"]
	good := own.AzureClientSecret
	own.AzureClientSecret, own.SecretFiles = "", map[string]string{"AZURE_CLIENT_SECRET": file}
	two.settings.Tenants["fabrikam"] = own

	var logs stage.Log
	c, err := daemon.New(two.config(t), version(), slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop := stage.Run(t, c.Run)
	reasons := ""
	for ctx.Err() == nil && !(strings.Contains(reasons, "AADSTS7000215") && tenantCounts(t, c.Metrics())[two.sims[0].TenantID()] > 0) {
		wait(ctx, 20*time.Millisecond)
		reasons = strings.Join(c.NotReady(), "\n")
	}
	if want := fmt.Sprintf("tenant fabrikam (%s): polling is stopped", two.sims[1].TenantID()); !strings.Contains(reasons, want) {
		t.Errorf("readiness says %q, want %q", reasons, want)
	}
	if strings.Contains(reasons, "contoso") {
		t.Errorf("readiness says of the other tenant: %q", reasons)
	}
	rotate(good)
	for ctx.Err() == nil && (len(c.NotReady()) > 0 || tenantCounts(t, c.Metrics())[two.sims[1].TenantID()] == 0) {
		wait(ctx, 50*time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Errorf("still not ready: %v", c.NotReady())
	}
	stop()
	for _, text := range []string{reasons, logs.String()} {
		if strings.Contains(text, "canary-secret-value") || strings.Contains(text, good) {
			t.Error("a secret was printed")
		}
	}
}

// Two processes own a tenant each; one is killed with its transaction open. The other takes its tenant over: neither
// tenant's open transaction keeps the other from reading the topic back whole (invariants 1 to 5).
func TestRun_TwoTenantsSpreadOverTwoProcessesOutliveOneOfThem(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	// Every message has one version. A killed process may have been shown one that it had no time to commit; if it
	// were replaced before the successor reads, Graph would show it to nobody again, and the judge, who cannot tell
	// the two processes' readings apart, would call it missing.
	two := startTwoTenants(t, func(c *graphsim.Config) { c.Edits, c.Reactions, c.Deletions = 0, 0, 0 })
	two.settings.KafkaSessionTimeout = "3s"
	// A partition for each tenant and, with two processes, a partition for each process.
	two.settings.KafkaTopicPartitions = "2"
	if sink.PartitionOf([]byte(two.sims[0].TenantID()), 2) == sink.PartitionOf([]byte(two.sims[1].TenantID()), 2) {
		t.Fatal("both tenants are on one partition: choose other seeds")
	}
	first := startConnector(t, ctx, two.settings)
	first.own(t, ctx, 2)
	for round := range 4 {
		second := startConnector(t, ctx, two.settings)
		second.own(t, ctx, 1)
		wait(ctx, time.Duration(300+200*round)*time.Millisecond) // somewhere in its transactions
		first.end(t, ctx, syscall.SIGKILL)
		second.own(t, ctx, 2)
		first = second
	}
	verdict := two.settle(t, ctx)
	if verdict == nil {
		first.end(t, ctx, syscall.SIGKILL)
		t.Fatalf("not settled:\n%s", first.Tail(150))
	}
	if code := first.end(t, ctx, syscall.SIGTERM); code != exitOK {
		t.Errorf("SIGTERM: exit code %d\n%s", code, first.Tail(150))
	}
	t.Logf("4 kills: %v", verdict)
	if !verdict.OK() || verdict.Unseen != 0 || verdict.InTopic < 1000 {
		t.Errorf("%v, unseen %d\n%v", verdict, verdict.Unseen, verdict.Examples)
	}
	two.own(t)
}

// own returns when the process has taken so many different tenants in its life.
func (p *connectorProcess) own(t *testing.T, ctx context.Context, tenants int) {
	t.Helper()
	for p.owned() < tenants {
		p.waitFor(t, ctx, "tenant belongs to this process")
	}
}

// owned is how many tenants the process has taken, as far as its log has been read.
func (p *connectorProcess) owned() int {
	tenants := make(map[string]bool)
	for _, line := range p.Lines()[:p.next] {
		if _, rest, taken := strings.Cut(line, `msg="tenant belongs to this process" tenant=`); taken {
			tenant, _, _ := strings.Cut(rest, " ")
			tenants[tenant] = true
		}
	}
	return len(tenants)
}
