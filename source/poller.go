package source

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/offsets"
)

// The pauses after a failure, in which a user waits in the queue and no goroutine sleeps.
const (
	retryFirst, retryLongest     = 500 * time.Millisecond, time.Minute
	suspendFirst, suspendLongest = time.Minute, 6 * time.Hour
	tenantFirst, tenantLongest   = 15 * time.Second, 15 * time.Minute
)

// removedPause keeps a user waiting whose removal is on its way.
const removedPause = time.Minute

// reportPerUser is what each user adds to the time between two looks at all of them.
const reportPerUser = 100 * time.Microsecond

// failuresToSuspend is after how many failures in a row, of whatever kind and with no new page between them, a user is called suspended.
const failuresToSuspend = 8

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
	Reach   func(from, to int64) int64
	Log     *slog.Logger
	Metrics *Metrics
}

// Poller polls the users of one tenant.
type Poller struct {
	cfg     PollerConfig
	queue   *queue
	users   map[string]*user // all who are polled; belongs to the dispatching goroutine
	results chan *user
	changed chan struct{}   // there are changes
	stop    backoff.BackOff // pauses while the tenant is stopped
	items   atomic.Uint64
	past    atomic.Int64 // milliseconds of history read since the last report
	pace    pace         // belongs to the dispatching goroutine

	resumed  atomic.Uint64 // calls of Resume,
	released uint64        // and those carried out; belongs to the dispatching goroutine
	// delivering counts the deliveries under way.
	delivering atomic.Int32

	mu       sync.Mutex
	changes  []change
	status   Status
	gaps     []Gap
	stopped  *Error
	until    time.Time // no poll starts before, while the tenant is stopped
	progress progress
	bounded  time.Time // the end of the last hold that is shorter than Graph asked for
}

// change is a user who comes, or with a nil position goes.
type change struct {
	name string
	pos  *offsets.Position
}

// NewPoller makes a poller for users at their positions.
func NewPoller(cfg PollerConfig, positions map[string]offsets.Position) *Poller {
	p := &Poller{
		cfg:     cfg,
		queue:   newQueue(),
		users:   make(map[string]*user, len(positions)),
		results: make(chan *user, cfg.InFlight),
		changed: make(chan struct{}, 1),
		stop: backoff.NewExponentialBackOff(backoff.WithInitialInterval(tenantFirst),
			backoff.WithMaxInterval(tenantLongest), backoff.WithMaxElapsedTime(0)),
	}
	for name, pos := range positions {
		p.admit(name, pos)
	}
	return p
}

func (p *Poller) admit(name string, pos offsets.Position) {
	u := &user{name: name, pos: pos, top: p.cfg.PageSize, length: maxSlice}
	u.due = p.due(u)
	u.wanted = u.due
	p.users[name] = u
	p.schedule(u)
}

// due is when the user's position is to be read on: now, if at once.
func (p *Poller) due(u *user) time.Time {
	if due := p.cfg.Ladder.Due(u.pos, p.cfg.Settle); due > 0 {
		return time.UnixMilli(due)
	}
	return time.Now()
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
		limit, opens := p.limit(now)
		for len(reading) < limit {
			u := p.queue.take(now)
			if u == nil {
				break
			}
			p.cfg.Metrics.wait.Observe(now.Sub(u.due).Seconds())
			reading[u] = standing{u.newest(p.cfg.Ladder), u.reached(), u.wanted, u.suspended != nil}
			polling, cancel := context.WithCancel(ctx)
			u.cancel = cancel
			group.Go(func() error {
				defer cancel()
				err := p.poll(polling, ctx, u)
				if err != nil && (ctx.Err() != nil || polling.Err() == nil) {
					return err
				}
				p.results <- u
				return nil
			})
		}
		wake := p.queue.next()
		if opens.After(wake) {
			wake = opens
		}
		timer.Reset(max(0, wake.Sub(now)))
		if len(reading) >= limit && limit > 0 {
			timer.Stop() // a result comes first
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case u := <-p.results:
			delete(reading, u)
			u.cancel = nil
			if !u.gone {
				p.schedule(u)
			}
		case <-p.changed:
			p.apply()
		case <-timer.C:
		case <-report.C:
			p.report(reading)
			report.Reset(time.Second + time.Duration(len(p.users))*reportPerUser)
		}
	}
}

// limit is how many polls may be under way: none while the tenant is stopped, and a single probe
// when the pause is over, until one succeeds.
func (p *Poller) limit(now time.Time) (limit int, opens time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == nil && p.cfg.Client.gate.Probing() {
		return 1, p.cfg.Client.gate.Held()
	}
	if p.stopped == nil {
		return p.cfg.InFlight, time.Time{}
	}
	if now.Before(p.until) {
		return 0, p.until
	}
	return 1, time.Time{}
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

// poll reads one slice of one user and leaves the user with the time of its next poll. Only an error
// that ends the whole poller is returned. Requests end with ctx; what they brought lives as long as the
// poller, because it is still on its way to Kafka when the poll is over.
func (p *Poller) poll(ctx, life context.Context, u *user) error {
	u.resumed = p.resumed.Load()
	err := p.readSlice(ctx, life, u)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed *Error
	var refused *Refusal
	var later *Later
	switch {
	case err == nil:
		p.succeeded(u)
		return nil
	case errors.As(err, &later):
		p.postpone(u, later.From)
		return nil
	case errors.Is(err, ErrRemoved):
		u.due = time.Now().Add(removedPause) // it will be gone by then
		return nil
	case errors.As(err, &failed):
	case errors.As(err, &refused):
		failed = itemRefused.fail("", refused.Err)
	default:
		return err
	}
	p.failed(u, failed)
	return nil
}

func (p *Poller) succeeded(u *user) {
	p.cfg.Metrics.polls.WithLabelValues("done").Inc()
	p.recovered(u)
	u.top = min(p.cfg.PageSize, u.top*2)
	u.due = p.due(u)
	// Marks go by the slower of both clocks. If that is Graph's, they alone would make the user due at
	// once, again and again.
	if earliest := u.began.Add(p.cfg.Ladder.Interval()); u.pos.Window == nil && u.reading == nil && u.due.Before(earliest) {
		u.due = earliest
	}
	u.wanted = u.due
	p.resumeTenant()
}

// recovered forgets a user's failures.
func (p *Poller) recovered(u *user) {
	if u.suspended != nil {
		p.cfg.Log.Info("user is polled again", "user", u.name)
	}
	u.suspended, u.failures, u.pause = nil, 0, nil
}

// failed decides what follows from a failure. The user waits in the queue; nobody else waits for it.
func (p *Poller) failed(u *user, e *Error) {
	p.cfg.Metrics.polls.WithLabelValues(e.Action.String()).Inc()
	now := time.Now()
	p.mu.Lock()
	p.progress.failed = e
	p.mu.Unlock()
	switch e.Action {
	case Hold:
		u.due = p.cfg.Client.gate.Held()
		p.warnOfBound(e, u.due)
		return // no fault of the user's: no pause of its own, nothing forgotten
	case StopTenant:
		u.due = now
		p.stopTenant(e)
		return
	case Restart:
		p.cfg.Metrics.refetched.Inc()
		if u.reading != nil {
			u.length = u.reading.half()
		}
		u.reading = nil
	case Shrink:
		p.cfg.Metrics.refetched.Inc()
		u.reading = nil
		u.top = max(1, u.top/2)
	case Suspend:
		u.reading = nil
	}
	if e.Action != Retry {
		p.resumeTenant() // the answer concerned the user, so the tenant was let in
	}
	u.failures++
	suspended := e.Action == Suspend || u.failures >= failuresToSuspend
	if u.pause == nil || suspended && u.suspended == nil {
		first, longest := retryFirst, retryLongest
		if e.Action == Suspend {
			first, longest = suspendFirst, suspendLongest
		}
		u.pause = backoff.NewExponentialBackOff(backoff.WithInitialInterval(first),
			backoff.WithMaxInterval(longest), backoff.WithMaxElapsedTime(0))
	}
	pause := u.pause.NextBackOff()
	u.due = now.Add(pause)
	if suspended {
		if u.suspended == nil {
			p.cfg.Log.Warn("user is suspended", "user", u.name, "error", e, "retry_in", pause.Round(time.Second))
		}
		if u.suspended == nil {
			u.suspendedAt = now
		}
		u.suspended = e
	}
}

// warnOfBound says, once for all requests that failed together, that Graph asked for a longer wait than
// the client obeys.
func (p *Poller) warnOfBound(e *Error, until time.Time) {
	if !e.Bounded {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.Sub(p.bounded) < maxRetryAfter/2 {
		return
	}
	p.bounded = until
	p.cfg.Log.Warn("Graph asks to wait for more than an hour; asking again after an hour", "error", e, "until", until.UTC())
}

// stopTenant stops polling for everyone, once for all polls that failed together.
func (p *Poller) stopTenant(e *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.stopped != nil && now.Before(p.until) {
		return
	}
	pause := p.stop.NextBackOff()
	if p.stopped == nil {
		p.status.StoppedSince = now
	}
	p.stopped, p.until = e, now.Add(pause)
	p.status.Stopped = e
	p.cfg.Log.Error("polling is stopped for the tenant", "error", e, "retry_in", pause.Round(time.Second))
}

// resumeTenant ends a stop.
func (p *Poller) resumeTenant() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == nil {
		return
	}
	p.stopped, p.status.Stopped = nil, nil
	p.stop.Reset()
	p.cfg.Log.Info("tenant is polled again")
}
