package source

import (
	"context"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

// askClock is how often a tenant without a window to read asks Graph for nothing but its clock.
const askClock = time.Minute

// plan returns the user's next window. If the clocks leave none, it asks Graph for its clock, so that a
// wrong estimate cannot last; ok is false if they leave none still.
func (p *Poller) plan(ctx context.Context, u *user) (w offsets.Window, ok bool, err error) {
	if w, ok = p.window(u); ok {
		return w, true, nil
	}
	// While the clocks are in doubt every user asks, because whoever answered last may be the one that is wrong.
	now := time.Now()
	if clock := &p.cfg.Client.clock; clock.silent(now) < min(askClock, p.cfg.Ladder.Interval()) && clock.doubt(now) == "" {
		return w, false, nil
	}
	at := u.newest(p.cfg.Ladder)
	page, err := p.cfg.Client.PageWithin(ctx, p.cfg.Client.MessagesURL(u.name, at, at+1, 1, p.cfg.Query), u.limit)
	if err != nil {
		return w, false, err
	}
	page.Release()
	p.arrived(u)
	w, ok = p.window(u)
	return w, ok, nil
}

// window returns the next window by the present clocks. A position that this machine's clock
// has not reached, but Graph's has, shows that this machine's clock is behind: then Graph's alone counts.
func (p *Poller) window(u *user) (offsets.Window, bool) {
	p.rewind(u)
	now := time.Now()
	clock := &p.cfg.Client.clock
	w, ok := p.cfg.Ladder.Next(u.pos, clock.end(now, p.cfg.Settle))
	if graph, certain := clock.certain(now); !ok && certain {
		w, ok = p.cfg.Ladder.Next(u.pos, graph.Add(-p.cfg.Settle).UnixMilli())
	}
	return w, ok
}

// rewind moves a position back that Graph's clock has not reached (invariant 1), unless the clock is in
// doubt.
func (p *Poller) rewind(u *user) {
	graph, certain := p.cfg.Client.clock.certain(time.Now())
	if !certain {
		return
	}
	// One second of tolerance: the estimate moves by as much, the header having whole seconds.
	if back, changed := p.cfg.Ladder.Rewound(u.pos, graph.Add(time.Second).UnixMilli()); changed {
		p.cfg.Log.Warn("position is ahead of Graph's clock; moved back", "user", u.name, "by", p.cfg.Ladder.Longest())
		p.cfg.Metrics.rewound.Inc()
		u.pos, u.reading = back, nil
	}
}

// due returns when the user's position is to be read on. It is an instant of the monotonic clock and no
// more than an interval away, so that no step of a clock makes a user wait for longer.
func (p *Poller) due(u *user) time.Time {
	now := time.Now()
	at := p.cfg.Ladder.Due(u.pos, p.cfg.Settle)
	if at == 0 {
		return now
	}
	// end is settle behind the clocks.
	left := time.Duration(at-p.cfg.Client.clock.end(now, p.cfg.Settle))*time.Millisecond - p.cfg.Settle
	return now.Add(bounded(left, 0, p.cfg.Ladder.Interval()+p.cfg.Settle))
}

// followClock schedules the waiting users anew if Graph's clock turned out to be another: while the
// machine was suspended, users may have fallen due.
func (p *Poller) followClock() {
	leaps := p.cfg.Client.clock.leapt()
	if leaps == p.leaps {
		return
	}
	p.leaps = leaps
	var users []*user
	p.queue.each(func(u *user) {
		if u.in != nil && u.suspended == nil && u.failures == 0 && u.row.failures == 0 {
			users = append(users, u)
		}
	})
	for _, u := range users {
		if due := p.due(u); due.Before(u.due) {
			p.queue.remove(u)
			u.due, u.wanted = due, due
			p.schedule(u)
		}
	}
}

// reportClock logs once when the clocks come into doubt and once when they no longer are, sets the
// metrics, and returns why they are in doubt.
func (p *Poller) reportClock(now time.Time) string {
	doubt := p.cfg.Client.clock.doubt(now)
	switch {
	case doubt != "" && p.doubt == "":
		p.cfg.Log.Warn("clock in doubt", "reason", doubt)
	case doubt == "" && p.doubt != "":
		p.cfg.Log.Info("clock no longer in doubt")
	}
	p.doubt = doubt
	ahead, known := p.cfg.Client.clock.skew()
	p.cfg.Metrics.clock(doubt != "", ahead, known)
	return doubt
}
