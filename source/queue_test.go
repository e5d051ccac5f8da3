package source

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/teams-kafka/connector/offsets"
)

// idle is a Graph that takes a fifth of a second to say that there is nothing new. It counts polls by user.
type idle struct {
	mu    sync.Mutex
	polls map[string]int
	total int
}

func (g *idle) RoundTrip(r *http.Request) (*http.Response, error) {
	user, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1.0/users/"), "/")
	g.mu.Lock()
	g.polls[user]++
	g.total++
	g.mu.Unlock()
	<-time.After(200 * time.Millisecond)
	return &http.Response{StatusCode: 200, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body: io.NopCloser(strings.NewReader(emptyPage)), Request: r}, nil
}

func (g *idle) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(1000 * time.Hour)}, nil
}

// run polls for as long as told, and returns the positions reached.
func (g *idle) run(t *testing.T, rate float64, interval, length time.Duration, positions map[string]offsets.Position) map[string]offsets.Position {
	t.Helper()
	var mu sync.Mutex
	reached := maps.Clone(positions)
	root := &url.URL{Scheme: "https", Host: "graph.test"}
	tokens := &Tokens{make: func() (azcore.TokenCredential, error) { return g, nil }}
	p := NewPoller(PollerConfig{
		Client: NewClient(root, &http.Client{Transport: g}, tokens, NewGate(rate), "test (instance 1)", NewMetrics(nil)),
		Ladder: mustLadder(t, interval, DefaultRungs...), PageSize: 50, Settle: 2 * time.Second, InFlight: 64,
		Deliver: func(_ context.Context, d Delivery) error {
			if d.Position != nil {
				mu.Lock()
				reached[d.User] = *d.Position
				mu.Unlock()
			}
			return nil
		},
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
	}, positions)
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	_ = p.Run(ctx) // ends with the context
	return reached
}

// size is how many users a test of the queue has, and the rate that goes with them: 100,000 at 160 requests/s, or a
// tenth of both.
func size() (users int, rate float64) {
	if testing.Short() {
		return 10_000, 16
	}
	return 100_000, 160
}

func read(now time.Time) offsets.Position {
	p := offsets.Position{Start: now.Add(-time.Hour).UnixMilli()}
	for _, rung := range DefaultRungs {
		p.Marks = append(p.Marks, offsets.Mark{Rung: rung, At: now.UnixMilli()})
	}
	return p
}

func TestQueue_KeepsUpWithTheBudgetAndServesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		users, rate := size()
		positions := make(map[string]offsets.Position, users)
		for i := range users {
			positions[fmt.Sprint("u", i)] = read(time.Now())
		}
		// The budget allows a pass of all users in 625 s, so that with an interval of 5 min somebody is
		// always overdue. The first interval nobody is due.
		const interval, length = 5 * time.Minute, 35 * time.Minute
		g := &idle{polls: make(map[string]int, users)}
		g.run(t, rate, interval, length, positions)
		optimum := rate * (length - interval).Seconds()
		if part := float64(g.total) / optimum; part < 0.95 {
			t.Errorf("%d requests in half an hour are %.3f of what the budget allows", g.total, part)
		}
		least, most := g.total, 0
		for user := range positions {
			least, most = min(least, g.polls[user]), max(most, g.polls[user])
		}
		// 30 min are 2.88 passes.
		if least < 2 || most > 3 {
			t.Errorf("users were polled %d to %d times, want 2 or 3", least, most)
		}
	})
}

func TestQueue_HistoryAndLivePollsShareTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		users, rate := size()
		live, past := users/10, users/10
		positions := make(map[string]offsets.Position)
		for i := range live {
			positions[fmt.Sprint("live", i)] = read(time.Now())
		}
		for i := range past {
			positions[fmt.Sprint("past", i)] = offsets.Position{Start: time.Now().Add(-3 * 365 * 24 * time.Hour).UnixMilli()}
		}
		// Live polls need two fifths of the budget.
		interval := time.Duration(float64(live) / (0.4 * rate) * float64(time.Second))
		length := 11 * interval
		g := &idle{polls: make(map[string]int)}
		reached := g.run(t, rate, interval, length, positions)
		if part := float64(g.total) / (rate * length.Seconds()); part < 0.95 {
			t.Errorf("%.3f of the budget is used", part)
		}
		for i := range live {
			// Longer rungs come due now and then; a poll is one request all the same.
			if n := g.polls[fmt.Sprint("live", i)]; n < 9 || n > 11 {
				t.Fatalf("a live user was polled %d times in 11 intervals", n)
			}
		}
		// All move through the past side by side.
		first, last := int64(1<<62), int64(0)
		for i := range past {
			p := reached[fmt.Sprint("past", i)]
			done := p.Start
			if p.Window != nil {
				done = p.Window.Done
			}
			first, last = min(first, done), max(last, done)
		}
		if apart := time.Duration(last-first) * time.Millisecond; apart > 2*maxSlice {
			t.Errorf("the user furthest ahead is %v ahead of the one furthest behind", apart)
		}
	})
}

func TestQueue_RestartsEveryHourNeitherStarveNorOverpollAnyone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		users, rate := size()
		users /= 10
		positions := make(map[string]offsets.Position, users)
		for i := range users {
			positions[fmt.Sprint("u", i)] = read(time.Now().Add(-time.Duration(i) * 3 * time.Hour / time.Duration(users)))
		}
		g := &idle{polls: make(map[string]int, users)}
		for range 12 {
			positions = g.run(t, rate, 3*time.Hour, time.Hour, positions)
		}
		for user := range positions {
			if n := g.polls[user]; n < 3 || n > 5 {
				t.Fatalf("%s was polled %d times in 12 hours, with an interval of 3", user, n)
			}
		}
	})
}

func TestPoller_AGapIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &idle{polls: make(map[string]int)}
		var log strings.Builder
		now := time.Now()
		stale := read(now.Add(-30 * 24 * time.Hour))
		history := offsets.Position{Start: now.Add(-90 * 24 * time.Hour).UnixMilli()} // the past is nobody's gap
		p := NewPoller(PollerConfig{
			Client: NewClient(&url.URL{Scheme: "https", Host: "graph.test"}, &http.Client{Transport: g}, &Tokens{make: func() (azcore.TokenCredential, error) { return g, nil }}, NewGate(100), "test (instance 1)", NewMetrics(nil)),
			Ladder: mustLadder(t, time.Hour, DefaultRungs...), PageSize: 50, InFlight: 1,
			Deliver: func(context.Context, Delivery) error { return nil },
			Log:     slog.New(slog.NewTextHandler(&log, nil)), Metrics: NewMetrics(nil),
		}, map[string]offsets.Position{"stale": stale, "fresh": read(now.Add(-20 * 24 * time.Hour)), "history": history})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		_ = p.Run(ctx)
		gaps := p.Status().Gaps
		if len(gaps) != 1 || gaps[0].User != "stale" || gaps[0].From != stale.Marks[0].At ||
			gaps[0].To < now.Add(-Retention).UnixMilli() || gaps[0].To > now.Add(-Retention+time.Minute).UnixMilli() {
			t.Errorf("gaps: %+v", gaps)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "user=stale") {
			t.Errorf("%d errors in the log: %s", n, log.String())
		}
	})
}
