package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Users whose requests take long share a quarter of the slots, the slow lane, so that the others keep
// their interval however many mailboxes hang.
const slowShare = 4

// patience is how long a request of a user outside the slow lane may take: so many times what a page
// takes at the median, within these bounds. What half of the users do at most says nothing about it.
const (
	patienceFactor = 10
	leastPatience  = 5 * time.Second
	// slowFirst is the least limit of a request in the slow lane. Each request that is given up doubles
	// it, up to requestTimeout.
	slowFirst = 10 * time.Second
)

// errTimeout is the cause of a request that was given up.
var errTimeout = errors.New("the request took too long")

// timeLimit ends a request that takes too long.
type timeLimit struct {
	limit time.Duration
	timer *time.Timer
	ctx   context.Context
}

// newTimeLimit returns the limit and the context that it ends, with errTimeout as the cause.
func newTimeLimit(ctx context.Context, limit time.Duration) (*timeLimit, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &timeLimit{limit: limit, ctx: ctx}
	l.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w: %v", errTimeout, limit)) })
	return l, func() {
		l.timer.Stop()
		cancel(nil)
	}
}

// pause stops the time until resume starts it anew: a wait for others is not the request's.
func (l *timeLimit) pause()  { l.timer.Stop() }
func (l *timeLimit) resume() { l.timer.Reset(l.limit) }

// cause returns err, or why the request was given up if that is the reason for it.
func (l *timeLimit) cause(err error) error {
	if given := context.Cause(l.ctx); errors.Is(given, errTimeout) {
		return given
	}
	return err
}

// durations are those of the last pages, which tell how long a request may take.
type durations struct {
	last   [64]time.Duration
	count  int
	median time.Duration
}

func (d *durations) add(took time.Duration) {
	d.last[d.count%len(d.last)] = took
	d.count++
	if d.count > 8 && d.count%8 != 0 {
		return // every one of the first pages counts
	}
	sorted := d.last
	known := sorted[:min(d.count, len(sorted))]
	slices.Sort(known)
	d.median = known[len(known)/2]
}

// patience is slowFirst until something is known.
func (d *durations) patience() time.Duration {
	if d.count == 0 {
		return slowFirst
	}
	return bounded(patienceFactor*d.median, leastPatience, requestTimeout)
}

// slowSlots is how many users of the slow lane may be read at the same time.
func (p *Poller) slowSlots() int { return max(1, p.cfg.InFlight/slowShare) }

// limit sets how long each request of a user's next poll may take. While the whole tenant is in trouble
// the limit grows with the trouble's age, since the whole service can be slow.
func (p *Poller) limit(u *user, now time.Time) {
	if !u.slow {
		p.mu.Lock()
		u.limit = p.durations.patience()
		p.mu.Unlock()
	}
	if p.trouble.cause != nil {
		u.limit = max(u.limit, min(now.Sub(p.trouble.since), requestTimeout))
	}
}

// took records how long a page of a user took. A user who is answered soon leaves the slow lane.
func (p *Poller) took(u *user, d time.Duration) {
	p.mu.Lock()
	p.durations.add(d)
	patience := p.durations.patience()
	p.mu.Unlock()
	if d <= patience {
		u.slow = false
	}
}

// slowed moves a user into the slow lane if its request was given up, and gives the next one more time.
func (p *Poller) slowed(u *user, e *Error) {
	if !errors.Is(e, errTimeout) {
		return
	}
	if !u.slow {
		p.cfg.Log.Info("user is slow: its requests take longer than those of others, and share a part of the request slots from now on",
			"user", u.name, "took_longer_than", u.limit)
	}
	u.slow = true
	u.limit = bounded(2*u.limit, slowFirst, requestTimeout)
}
