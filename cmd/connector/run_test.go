package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

func TestRun_BadConfigurationIsRefusedAtOnceWithExitCode2(t *testing.T) {
	p := startConnector(t, t.Context(), config.Settings{SourcePageSize: "many"})
	<-p.ended
	_ = p.cmd.Wait()
	for line := range p.lines {
		p.last = append(p.last, line)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, name := range []string{"SOURCE_PAGE_SIZE", "AZURE_TENANT_ID", "KAFKA_BROKERS"} {
		if !strings.Contains(p.tail(), name) {
			t.Errorf("%s is not named:\n%s", name, p.tail())
		}
	}
}

func TestExecute_UnknownWordsAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"run", "now"}, {"demo", "--users", "x"}, {"demo", "--duration", "1ms"}, {"simulate", "--set", "fault"}, {"simulate", "--set", "no-such=1"}} {
		if code := execute(t.Context(), args); code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, exitUsage)
		}
	}
}

// A wrong secret stops the tenant, says so where an operator looks, and never shows the secret.
func TestRun_AWrongSecretIsToldInReadinessAndLog(t *testing.T) {
	dir := t.TempDir()
	kafka, registry := startStack(t)
	d := demo{simulation: simulation{users: 3, chats: 3, rate: 1, seed: 1}}
	sim, err := graphsim.Start(d.simulator(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	settings := d.settings(sim, dir, kafka.Brokers(), registry.URL())
	settings.AzureClientSecret = "canary-secret-value"
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}
	var logs syncBuffer
	c, err := daemon.New(cfg, version(), slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	reasons := ""
	for !strings.Contains(reasons, "AADSTS7000215") && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		reasons = strings.Join(c.NotReady(), "\n")
	}
	if !strings.Contains(reasons, "polling is stopped") || !strings.Contains(reasons, "AADSTS7000215") {
		t.Errorf("readiness says %q", reasons)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("an orderly end gave %v", err)
	}
	for _, text := range []string{reasons, logs.String()} {
		if strings.Contains(text, "canary-secret-value") {
			t.Error("the secret was printed")
		}
	}
	if !strings.Contains(logs.String(), "tenant stopped") {
		t.Errorf("the log does not say so:\n%s", logs.String())
	}
}

// A token without the role is told before Graph is asked for anything.
func TestRun_AMissingRoleIsNamedBeforeGraphIsAsked(t *testing.T) {
	dir := t.TempDir()
	kafka, registry := startStack(t)
	d := demo{simulation: simulation{users: 3, chats: 3, rate: 1, seed: 1}}
	simConfig := d.simulator(dir)
	simConfig.Access.Roles = []string{"User.Read.All"}
	sim, err := graphsim.Start(simConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	cfg, err := config.Parse(d.settings(sim, dir, kafka.Brokers(), registry.URL()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := daemon.New(cfg, version(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	reasons := ""
	for !strings.Contains(reasons, "Chat.Read.All") && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		reasons = strings.Join(c.NotReady(), "\n")
	}
	for _, want := range []string{"polling is stopped", sim.ClientID() + " lacks the application permission Chat.Read.All", "its token has: User.Read.All"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("readiness says %q, want %q", reasons, want)
		}
	}
	if asked := sim.Stats().Requests; asked != 0 {
		t.Errorf("Graph was asked %d times", asked)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("an orderly end gave %v", err)
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
