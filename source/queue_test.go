package source

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/offsets"
)

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
	users, rate := size()
	tenant := simulate(t, busy(users))
	synctest.Test(t, func(t *testing.T) {
		positions := make(map[string]offsets.Position, users)
		for _, user := range tenant.sim.Users() {
			positions[user] = read(time.Now())
		}
		// The budget allows a pass of all users in 625 s, so that with an interval of 5 min somebody is
		// always overdue. The first interval nobody is due.
		const interval, length = 5 * time.Minute, 35 * time.Minute
		tenant.run(t, rate, interval, length, positions)
		optimum := rate * (length - interval).Seconds()
		part := float64(tenant.requests) / optimum
		if part < 0.95 {
			t.Errorf("%d requests in half an hour are %.3f of what the budget allows", tenant.requests, part)
		}
		least, most := tenant.requests, 0
		for user := range positions {
			least, most = min(least, tenant.polls[user]), max(most, tenant.polls[user])
		}
		t.Logf("%d users, %v requests/s: %.4f of the budget used, everybody polled %d to %d times, %d items", users, rate, part, least, most, tenant.sim.Stats().Items)
		// 30 min are 2.88 passes.
		if least < 2 || most > 3 {
			t.Errorf("users were polled %d to %d times, want 2 or 3", least, most)
		}
	})
}

func TestQueue_HistoryAndLivePollsShareTheBudget(t *testing.T) {
	users, rate := size()
	cfg := busy(users / 5)
	cfg.History = graphsim.History{Messages: users / 5, Reach: 3 * 365 * 24 * time.Hour}
	tenant := simulate(t, cfg)
	live, past := tenant.sim.Users()[:users/10], tenant.sim.Users()[users/10:]
	synctest.Test(t, func(t *testing.T) {
		positions := make(map[string]offsets.Position)
		for _, user := range live {
			positions[user] = read(time.Now())
		}
		for _, user := range past {
			positions[user] = offsets.Position{Start: time.Now().Add(-3 * 365 * 24 * time.Hour).UnixMilli()}
		}
		// Live polls need two fifths of the budget.
		interval := time.Duration(float64(len(live)) / (0.4 * rate) * float64(time.Second))
		length := 11 * interval
		reached := tenant.run(t, rate, interval, length, positions)
		part := float64(tenant.requests) / (rate * length.Seconds())
		if part < 0.95 {
			t.Errorf("%.3f of the budget is used", part)
		}
		t.Logf("%d live users, %d with 3 years to read, %v requests/s: %.4f of the budget used, %d items", len(live), len(past), rate, part, tenant.sim.Stats().Items)
		for _, user := range live {
			// Longer rungs come due now and then; a window is one slice all the same.
			if n := tenant.polls[user]; n < 9 || n > 11 {
				t.Fatalf("a live user was polled %d times in 11 intervals", n)
			}
		}
		// All move through the past side by side.
		first, last := int64(1<<62), int64(0)
		for _, user := range past {
			p := reached[user]
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
	users, rate := size()
	users /= 10
	tenant := simulate(t, busy(users))
	synctest.Test(t, func(t *testing.T) {
		positions := make(map[string]offsets.Position, users)
		for i, user := range tenant.sim.Users() {
			positions[user] = read(time.Now().Add(-time.Duration(i) * 3 * time.Hour / time.Duration(users)))
		}
		for range 12 {
			positions = tenant.run(t, rate, 3*time.Hour, time.Hour, positions)
		}
		for user := range positions {
			if n := tenant.polls[user]; n < 3 || n > 5 {
				t.Fatalf("%s was polled %d times in 12 hours, with an interval of 3", user, n)
			}
		}
	})
}

func TestPoller_AGapIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }}
		var log strings.Builder
		now := time.Now()
		stale := read(now.Add(-30 * 24 * time.Hour))
		history := offsets.Position{Start: now.Add(-90 * 24 * time.Hour).UnixMilli()} // the past is nobody's gap
		p := NewPoller(PollerConfig{
			Client: g.client(),
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
