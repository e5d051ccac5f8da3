package source

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/offsets"
)

// reportPerUser is what each user adds to the time between two looks at all of them.
const reportPerUser = 100 * time.Microsecond

// Delivery is a page's worth of items of one user, or the end of a slice.
type Delivery struct {
	User string
	// Items are good until Deliver returns.
	Items [][]byte
	// From and To bound the slice: the first instant asked for, and the first no longer asked for,
	// in milliseconds.
	From, To int64
	// ReadBefore is the instant up to which the user had been read before the present window, in
	// milliseconds, 0 if this is the first: an item older than that came late.
	ReadBefore int64
	// Position, when it is there, is the user's position once this delivery and all before it are
	// durable.
	Position *offsets.Position
	// Unanswered, when it is there, is why nothing of the slice was read: Graph does not answer for it
	// although it answers elsewhere in the mailbox. The position passes it.
	Unanswered error
}

// Refusal is the error of a Deliver that cannot take an item of one user. The user is suspended and its
// position stays before the slice.
type Refusal struct{ Err error }

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// ErrRemoved is the error of a Deliver for a user who is no longer polled.
var ErrRemoved = errors.New("user is no longer polled")

// PollerConfig is what a Poller needs.
type PollerConfig struct {
	Client   *Client
	Ladder   Ladder
	Query    Query
	PageSize int
	// Settle is how far a window's end stays behind both clocks.
	Settle time.Duration
	// InFlight bounds the slices that are read at the same time.
	InFlight int
	// Deliver takes what was read; it returns when the delivery is in the open transaction. It is
	// called from many goroutines, for one user in order, with a context that ends with Run. A *Refusal suspends
	// the user, a *Later makes it wait; any other error ends Run.
	Deliver func(context.Context, Delivery) error
	// Reach returns the first instant from one instant up to another whose items Deliver would answer with
	// a *Later, or the latter if it would take all. It is asked for users that such an answer made wait; nil
	// is as good as one that takes all.
	Reach func(from, to int64) int64
	// Blocked are users who cannot be polled until an operator acts. They are never asked for, and count
	// as suspended.
	Blocked []SuspendedUser
	Log     *slog.Logger
	Metrics *Metrics
}

// Poller polls the users of one tenant.
type Poller struct {
	cfg     PollerConfig
	queue   *queue
	users   map[string]*user // all who are polled; belongs to the dispatching goroutine
	results chan outcome
	changed chan struct{} // there are changes
	lively  chan struct{} // a page arrived while the tenant is in trouble
	trouble trouble
	bounded time.Time // the end of the last hold that is shorter than Graph asked for
	items   atomic.Uint64
	past    atomic.Int64 // milliseconds of history read since the last report
	pace    pace         // belongs to the dispatching goroutine
	leaps   int          // of Graph's clock that were followed; belongs to the dispatching goroutine
	doubt   string       // why the clocks are in doubt, as the log says; belongs to the dispatching goroutine

	resumed  atomic.Uint64 // calls of Resume,
	released uint64        // and those carried out; belongs to the dispatching goroutine
	// delivering counts the deliveries under way.
	delivering atomic.Int32

	mu        sync.Mutex
	changes   []change
	status    Status
	gaps      []Gap
	progress  progress
	evidence  *evidence
	durations durations
	troubled  bool // the tenant is in trouble
}

// change is a user who comes, or with a nil position goes.
type change struct {
	name string
	pos  *offsets.Position
}

// NewPoller makes a poller for users at their positions.
func NewPoller(cfg PollerConfig, positions map[string]offsets.Position) *Poller {
	p := &Poller{
		cfg:      cfg,
		queue:    newQueue(),
		users:    make(map[string]*user, len(positions)),
		results:  make(chan outcome, cfg.InFlight),
		changed:  make(chan struct{}, 1),
		lively:   make(chan struct{}, 1),
		evidence: newEvidence(),
	}
	for name, pos := range positions {
		p.admit(name, pos)
	}
	return p
}

func (p *Poller) admit(name string, pos offsets.Position) {
	u := &user{name: name, pos: pos, length: maxSlice, longestNext: maxSlice, top: p.cfg.PageSize}
	u.due = p.due(u)
	u.wanted = u.due
	p.users[name] = u
	p.schedule(u)
}

// Add begins to poll a user at a position, and changes nothing for one who is polled already.
func (p *Poller) Add(name string, pos offsets.Position) { p.change(change{name, &pos}) }

// Remove ends the polling of a user at once; a request under way is cut off. A delivery may still be
// under way when it returns.
func (p *Poller) Remove(name string) { p.change(change{name: name}) }

func (p *Poller) change(c change) {
	p.mu.Lock()
	p.changes = append(p.changes, c)
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// apply carries the changes out.
func (p *Poller) apply() {
	p.mu.Lock()
	changes := p.changes
	p.changes = nil
	p.mu.Unlock()
	for _, c := range changes {
		u, polled := p.users[c.name]
		switch {
		case c.pos != nil && !polled:
			p.admit(c.name, *c.pos)
		case c.pos == nil && polled:
			delete(p.users, c.name)
			p.mu.Lock()
			p.evidence.forget(c.name)
			p.mu.Unlock()
			u.gone = true // the queue drops it when it comes to the front
			if u.cancel != nil {
				u.cancel()
			}
		}
	}
	p.release()
}

// Run polls until the context ends or Deliver fails, and returns when no poll is under way any more.
func (p *Poller) Run(ctx context.Context) error {
	p.mu.Lock()
	p.progress.page = time.Now()
	p.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.dispatch(ctx, group) })
	return group.Wait()
}

// Status returns a snapshot.
func (p *Poller) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// dispatch starts polls as they fall due and takes the users back as the polls end.
func (p *Poller) dispatch(ctx context.Context, group *errgroup.Group) error {
	reading := make(map[*user]standing) // the users being read
	timer := time.NewTimer(0)
	defer timer.Stop()
	// All users are looked at, so with many of them it is done less often.
	report := time.NewTimer(0)
	defer report.Stop()
	for {
		now := time.Now()
		for len(reading) < p.cfg.InFlight {
			u := p.next(now, reading)
			if u == nil {
				break
			}
			reading[u] = p.begin(ctx, group, u, now)
		}
		timer.Reset(max(0, p.wake(reading).Sub(now)))
		if len(reading) >= p.cfg.InFlight || len(reading) > 0 && p.cfg.Client.gate.Probing() {
			timer.Stop() // a result comes first
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-p.results:
			delete(reading, o.user)
			o.user.cancel = nil
			if !o.user.gone {
				p.settle(o)
			}
			p.followClock()
		case <-p.lively:
			p.resume()
			p.giveUp(reading)
		case <-p.changed:
			p.apply()
		case <-timer.C:
		case <-report.C:
			p.report(reading)
			report.Reset(time.Second + time.Duration(len(p.users))*reportPerUser)
		}
	}
}

// begin starts a user's poll and returns how far the user was before it.
func (p *Poller) begin(ctx context.Context, group *errgroup.Group, u *user, now time.Time) standing {
	p.cfg.Metrics.wait.Observe(now.Sub(u.due).Seconds())
	before := standing{newest: u.newest(p.cfg.Ladder), reached: u.reached(), wanted: u.wanted, slow: u.slow}
	if u.suspended != nil {
		suspension := u.suspension()
		before.suspended = &suspension
	}
	if p.trouble.cause != nil {
		before.probe = now
	}
	polling, cancel := context.WithCancel(ctx)
	u.cancel = cancel
	u.resumed = p.resumed.Load()
	p.limit(u, now)
	group.Go(func() error {
		defer cancel()
		err := p.readSlice(polling, ctx, u)
		if ctx.Err() != nil || polling.Err() == nil && !known(err) {
			return cmp.Or(ctx.Err(), err)
		}
		p.results <- outcome{u, err}
		return nil
	})
	return before
}

// room reports whether one more user of the slow lane may be read.
func (p *Poller) room(reading map[*user]standing) bool {
	slow := 0
	for _, before := range reading {
		if before.slow {
			slow++
		}
	}
	return slow < p.slowSlots()
}

// next takes the user to poll now, nil if none may be: nobody is polled while Graph asks everybody to wait,
// one user at a time after a wait that was cut short (invariant 6), and one at a time while the tenant is in
// trouble (invariant 8).
func (p *Poller) next(now time.Time, reading map[*user]standing) *user {
	gate := p.cfg.Client.gate
	if now.Before(gate.Held()) || gate.Probing() && len(reading) > 0 {
		return nil
	}
	if p.trouble.cause == nil {
		return p.queue.take(now, p.room(reading))
	}
	if now.Before(p.trouble.until) {
		return nil
	}
	u := p.probe(now, p.room(reading))
	if u != nil {
		p.trouble.probes++
		p.trouble.until = now.Add(p.trouble.pause(now))
	}
	return u
}

// wake returns when next can give a user that it does not give now.
func (p *Poller) wake(reading map[*user]standing) time.Time {
	wake := p.queue.next(p.room(reading))
	if len(p.trouble.waiting) > 0 {
		wake = time.Time{}
	}
	for _, opens := range []time.Time{p.trouble.until, p.cfg.Client.gate.Held()} {
		if opens.After(wake) {
			wake = opens
		}
	}
	return wake
}

// each calls f for every user that is not being read.
func (p *Poller) each(f func(*user)) {
	p.queue.each(f)
	for _, u := range p.trouble.waiting {
		if !u.gone {
			f(u)
		}
	}
}

// horizon is where history ends and live polls begin: history is what reaches back further than the longest rung. It is
// read by the furthest-behind user first, by turns with the live polls that are due.
func (p *Poller) horizon(now time.Time) int64 {
	return now.Add(-p.cfg.Ladder.Longest() - p.cfg.Ladder.Interval()).UnixMilli()
}

// schedule puts a user into the queue.
func (p *Poller) schedule(u *user) {
	if u.waits {
		p.wait(u)
		return
	}
	horizon := p.horizon(time.Now())
	u.history = u.suspended == nil && (u.pos.Window != nil && u.pos.Window.Done < horizon ||
		len(u.pos.Marks) == 0 && u.pos.Start < horizon)
	p.queue.put(u)
}
