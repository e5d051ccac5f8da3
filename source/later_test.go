package source

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/teams-kafka/connector/offsets"
)

// A user whose items cannot be taken yet waits, without failing, without asking Graph meanwhile and without
// holding up anybody, and resumes where the rest begins: a slice ends before what cannot be taken.
func TestPoller_AUserWaitsUntilItsItemsCanBeTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		var taken atomic.Int64 // items of the user's past before this instant can be taken
		taken.Store(now.Add(-30 * 24 * time.Hour).UnixMilli())
		g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, page("", `{"id":"1"}`) }}
		d := &delivered{items: make(map[string][]string), positions: make(map[string]offsets.Position)}
		metrics := NewMetrics(nil)
		p := NewPoller(PollerConfig{
			Client: g.client(), Ladder: mustLadder(t, time.Minute, time.Minute, 2*time.Minute), PageSize: 50, Settle: 2 * time.Second, InFlight: 1,
			Deliver: func(ctx context.Context, v Delivery) error {
				if limit := taken.Load(); v.User == "late" && v.To > limit {
					return &Later{From: limit}
				}
				return d.deliver(ctx, v)
			},
			Reach: func(from, to int64) int64 { return min(to, max(from, taken.Load())) },
			Log:   slog.New(slog.DiscardHandler), Metrics: metrics,
		}, map[string]offsets.Position{"late": {Start: now.Add(-10 * 24 * time.Hour).UnixMilli()}, "other": {Start: now.Add(-time.Minute).UnixMilli()}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		defer func() { cancel(); <-ended }()

		<-time.After(10 * time.Minute)
		synctest.Wait()
		if n := g.polls(); n["late"] != 1 || n["other"] < 9 {
			t.Errorf("requests %v, want 1 of the user that waits and a poll each minute of the other", n)
		}
		if s := p.Status(); len(s.Suspended) != 0 || s.Users != 2 || testutil.ToFloat64(metrics.polls.WithLabelValues(Suspend.String())) != 0 {
			t.Errorf("status %+v, want 2 users and none suspended", s)
		}

		p.Resume() // in vain: the user still has to wait, which costs no request
		<-time.After(time.Minute)
		synctest.Wait()
		if n := g.polls(); n["late"] != 1 {
			t.Errorf("%d requests of the user that still waits, want 1", n["late"])
		}

		half := now.Add(-8*24*time.Hour - 30*time.Minute).UnixMilli() // within the first slice
		taken.Store(half)
		p.Resume()
		<-time.After(time.Minute)
		synctest.Wait()
		if pos, ok := d.position("late"); !ok || pos.Window == nil || pos.Window.Done != half {
			t.Errorf("position %+v, want it read up to %d", pos, half)
		}

		taken.Store(now.Add(time.Hour).UnixMilli())
		p.Resume()
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if pos, ok := d.position("late"); !ok || len(pos.Marks) == 0 {
			t.Errorf("history did not come to its end: %+v", pos)
		}
		if n := g.polls(); n["late"] > 40 {
			t.Errorf("%d requests for ten days of history", n["late"])
		}
	})
}

// Resume can come between a delivery's answer and the user's return to the queue.
func TestPoller_AResumeDuringTheDeliveryIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, page("", `{"id":"1"}`) }}
		d := &delivered{items: make(map[string][]string), positions: make(map[string]offsets.Position)}
		var p *Poller
		asked := false
		p = NewPoller(PollerConfig{
			Client: g.client(), Ladder: mustLadder(t, time.Hour, time.Minute, 2*time.Minute), PageSize: 50, Settle: 2 * time.Second, InFlight: 1,
			Deliver: func(ctx context.Context, v Delivery) error {
				if !asked {
					asked = true
					p.Resume()
					return &Later{From: v.From}
				}
				return d.deliver(ctx, v)
			},
			Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
		}, map[string]offsets.Position{"u": {Start: time.Now().Add(-time.Minute).UnixMilli()}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = p.Run(ctx)
		if _, ok := d.position("u"); !ok {
			t.Error("the user waits for ever")
		}
	})
}
