package daemon

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// History of 8,000 messages, which eight users share, with room for 1,000 messages in the index: each
// version is written once, in order (invariants 2 and 3).
func TestDaemon_HistoryLargerThanTheIndexIsWrittenOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("8,000 messages of history")
	}
	tenant := stage.Tenant(8, 12, 20, 3)
	tenant.History = graphsim.History{Messages: 8000, Reach: 60 * 24 * time.Hour}
	s := stage.Start(t, stage.Options{Graph: tenant, Settings: func(settings *config.Settings) {
		settings.SourceStart, settings.IndexMaxEntries = "61d", "1000"
	}})
	var log stage.Log
	cfg := s.Config(t)
	d, err := New(cfg, "test", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop := stage.Run(t, d.Run)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	// read returns the time up to which every user has been read.
	read := func() time.Time {
		tenants := d.Status(ctx).Tenants
		if len(tenants) != 1 || tenants[0].Freshness.Oldest == nil || tenants[0].Users.History > 0 {
			return time.Time{}
		}
		return *tenants[0].Freshness.Oldest
	}
	if err := s.Settle(ctx, read); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	stop()
	verdict, err := s.Judge(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Missing+verdict.Duplicated+verdict.Reordered != 0 || verdict.InTopic < 7000 {
		t.Errorf("%+v\n%s", verdict, log.String())
	}
	t.Logf("%d versions in the topic, items %v", verdict.InTopic, stage.Items(d.registry))
}
