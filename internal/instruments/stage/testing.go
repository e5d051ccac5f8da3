package stage

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teams-kafka/connector/internal/config"
)

// T is the part of *testing.T that a stage uses. The demo runs without one.
type T interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Error(args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Start opens a stage that closes when the test ends.
func Start(t T, options Options) *Stage {
	t.Helper()
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Config returns the configuration of the stage's environment.
func (s *Stage) Config(t T) config.Config {
	t.Helper()
	return Parse(t, s.Settings)
}

// Parse returns the configuration of an environment.
func Parse(t T, settings config.Settings) config.Config {
	t.Helper()
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Run runs a connector until stop is called, or the test ends. The connector must end without an
// error.
func Run(t T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// Until waits until a condition holds. It fails the test if the context's deadline passes first, and
// returns if the context is canceled.
func Until(t T, ctx context.Context, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Fatalf("waited in vain: %s", what)
			}
			return
		}
	}
}

// Log collects what several goroutines write.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Items returns the connector's own counts of items by outcome.
func Items(metrics prometheus.Gatherer) map[string]int64 {
	counts := make(map[string]int64)
	families, err := metrics.Gather()
	if err != nil {
		return counts
	}
	for _, family := range families {
		if family.GetName() != "teams_connector_items_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" {
					counts[label.GetValue()] += int64(m.GetCounter().GetValue())
				}
			}
		}
	}
	return counts
}
