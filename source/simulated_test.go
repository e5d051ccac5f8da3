package source

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/offsets"
)

// simulated is the Graph simulator in virtual time. It is made outside of the bubble, so that a test can prepare it, and
// called in the same process.
type simulated struct {
	sim    *graphsim.Server
	graph  http.RoundTripper
	client *Client
	now    func() time.Time

	mu       sync.Mutex
	polls    map[string]int // slices begun, by user
	requests int            // for messages
	items    map[string]int // how often each was delivered
}

// busy is a tenant in which something is said all the time, all of it within the documented limits.
func busy(users int) graphsim.Config {
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Rate = users, 2
	cfg.Quirks.EmptyPage, cfg.Quirks.ShortPage = 0, 0 // pages that cost a request more
	return cfg
}

func simulate(t *testing.T, cfg graphsim.Config) *simulated {
	t.Helper()
	s := &simulated{polls: make(map[string]int), items: make(map[string]int)}
	s.now = func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) } // when every bubble begins
	cfg.Now = func() time.Time { return s.now() }
	s.sim, s.client = inProcess(t, cfg)
	s.now = time.Now
	s.graph = s.sim.Transport(200 * time.Millisecond)
	s.client.http.Transport = s
	return s
}

// RoundTrip takes a fifth of a second for a request.
func (s *simulated) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.Split(r.URL.Path, "/")
	if strings.Contains(r.URL.Path, "getAllMessages") {
		s.mu.Lock()
		s.requests++
		if !strings.Contains(r.URL.RawQuery, "skip") {
			s.polls[path[3]]++
		}
		s.mu.Unlock()
	}
	return s.graph.RoundTrip(r)
}

// poller polls at a rate from positions and keeps those that are reached.
func (s *simulated) poller(rate float64, ladder Ladder, positions, reached map[string]offsets.Position) *Poller {
	s.client.gate = NewGate(rate)
	return NewPoller(PollerConfig{
		Client: s.client, Ladder: ladder, PageSize: 50, Settle: 2 * time.Second, InFlight: 64,
		Deliver: func(_ context.Context, d Delivery) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, item := range d.Items {
				s.items[string(item)]++
			}
			if d.Position != nil {
				reached[d.User] = *d.Position
			}
			return nil
		},
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
	}, positions)
}

// run polls for as long as told, and returns the positions reached.
func (s *simulated) run(t *testing.T, rate float64, interval, length time.Duration, positions map[string]offsets.Position) map[string]offsets.Position {
	t.Helper()
	reached := maps.Clone(positions)
	p := s.poller(rate, mustLadder(t, interval, DefaultRungs...), positions, reached)
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	_ = p.Run(ctx) // ends with the context
	return reached
}

// awkward is a tenant with every fault and every quirk of a page, but for slow bodies, which go by the real clock, and links
// abroad, which suspend a user (tested on their own), and readings that end early, which nobody can tell from whole ones, so that
// what only such readings hold is lost (it has its own test).
func awkward(users int) graphsim.Config {
	cfg := busy(users)
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.5, 0.5, 0.1
	cfg.Lateness = graphsim.Lateness{Max: 24 * time.Hour, Share: 0.4, Shape: 3}
	cfg.History = graphsim.History{Messages: 20 * users, Reach: 10 * 24 * time.Hour}
	cfg.Faults = graphsim.EveryFault(0.01)
	cfg.Faults.Slow = 0
	cfg.Faults.Revoke, cfg.Faults.TokenThrottle, cfg.Faults.RetryAfter = 0.002, 0.2, 30*time.Second
	cfg.Quirks = graphsim.Quirks{EmptyPage: 0.05, ShortPage: 0.05, Duplicates: 0.05, LoopingLink: 0.01, StaleToken: 0.02,
		NullLink: 0.5, BareLink: 0.1, SkipLink: 0.1, LaggingCopy: 0.05, TimeSkew: 0.05, DateJitter: 0.05, ErrorForm: 0.5, DeletedEmpty: 0.5, Gzip: 0.5}
	cfg.Directory = graphsim.Directory{}
	return cfg
}
