package daemon

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// onStage is a daemon with everything it talks to, all in this process.
type onStage struct {
	*stage.Stage
	daemon *Daemon
	log    stage.Log
}

// open wires a daemon on a stage, without running it. change changes the simulated Graph; nil leaves it as it is.
func open(t *testing.T, change func(*graphsim.Config)) *onStage {
	t.Helper()
	tenant := stage.Tenant(8, 12, 60, 3)
	tenant.Content.BadItems = 0.03
	if change != nil {
		change(tenant)
	}
	s := &onStage{Stage: stage.Start(t, stage.Options{Graph: tenant})}
	var err error
	if s.daemon, err = New(s.Config(t), "test", slog.New(slog.NewTextHandler(&s.log, nil))); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the daemon until the test ends; it must end in order.
func (s *onStage) run(t *testing.T) {
	t.Helper()
	stage.Run(t, s.daemon.Run)
	stage.Run(t, func(ctx context.Context) error { return s.daemon.rates.keep(ctx, s.daemon.tallies) })
}

// look returns the status as it arrives: what JSON cannot hold is not there.
func (s *onStage) look(t *testing.T) admin.Status {
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stage.Until(t, ctx, what, holds)
}
