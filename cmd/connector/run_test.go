package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

func TestRun_BadConfigurationIsRefusedAtOnceWithExitCode2(t *testing.T) {
	p := startConnector(t, t.Context(), config.Settings{SourcePageSize: "many"})
	if code := p.Wait(t, t.Context()); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, name := range []string{"SOURCE_PAGE_SIZE", "AZURE_TENANT_ID", "KAFKA_BROKERS"} {
		if !strings.Contains(p.Tail(150), name) {
			t.Errorf("%s is not named:\n%s", name, p.Tail(150))
		}
	}
}

func TestExecute_UnknownWordsAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"nope"}, {"--nope"}, {"offsets", "nope"}, {"schema", "nope"}, {"doctor", "nope"}, {"version", "--nope"}, {"verify", "--from", "nope"}, {"run", "now"}, {"demo", "--users", "x"}, {"demo", "--duration", "1ms"}, {"simulate", "--set", "fault"}, {"simulate", "--set", "no-such=1"}} {
		if code := execute(t.Context(), args); code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, exitUsage)
		}
	}
}

// A wrong secret stops the tenant, says so where an operator looks, and never shows the secret.
func TestRun_AWrongSecretIsToldInReadinessAndLog(t *testing.T) {
	s := stage.Start(t, stage.Options{Graph: stage.Tenant(3, 3, 1, 1)})
	s.Settings.AzureClientSecret = "canary-secret-value"
	var logs stage.Log
	c, err := daemon.New(s.Config(t), version(), slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := stage.Run(t, c.Run)
	reasons := ""
	for !strings.Contains(reasons, "AADSTS7000215") && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
		reasons = strings.Join(c.NotReady(), "\n")
	}
	if !strings.Contains(reasons, "polling is stopped") || !strings.Contains(reasons, "AADSTS7000215") {
		t.Errorf("readiness says %q", reasons)
	}
	stop()
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
	tenant := stage.Tenant(3, 3, 1, 1)
	tenant.Access.Roles = []string{"User.Read.All"}
	s := stage.Start(t, stage.Options{Graph: tenant})
	sim := s.Graph
	c, err := daemon.New(s.Config(t), version(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := stage.Run(t, c.Run)
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
	stop()
}

// Durations in the log are for people, in JSON too.
func TestNewLog_WritesDurationsAsText(t *testing.T) {
	for _, text := range []bool{true, false} {
		var b bytes.Buffer
		newLog(&b, config.Config{LogText: text}).Info("user suspended", "retry_in", 90*time.Second)
		if want := "1m30s"; !strings.Contains(b.String(), want) {
			t.Errorf("text %v: %s", text, &b)
		}
	}
}
