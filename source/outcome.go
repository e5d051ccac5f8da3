package source

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// The pauses after a failure, in which a user waits in the queue and no goroutine sleeps.
const (
	retryFirst, retryLongest     = 500 * time.Millisecond, time.Minute
	ownFirst, ownLongest         = 5 * time.Second, 10 * time.Minute
	suspendFirst, suspendLongest = time.Minute, 6 * time.Hour
)

// suspectPause keeps a user waiting whose answer may be the tenant's, until others have been asked.
const suspectPause = 15 * time.Second

// heldOften is how many times the hold that it caused a user waits that causes one again and again, once
// that is known to be its own trouble: its holds then take less than one percent of the tenant's time.
const heldOften = 120

// removedPause keeps a user waiting whose removal is on its way.
const removedPause = time.Minute

// ownFailures and failuresToSuspend are after how many failures in a row a user is called suspended: if
// they are known to be its own, and in any case.
const ownFailures, failuresToSuspend = 3, 8

// outcome is how a poll ended.
type outcome struct {
	user *user
	err  error // an *Error, a *Refusal, a *Later, ErrRemoved, or that of a poll that was cut off
}

// known reports whether an error is one of those that an outcome can have, and does not end the poller.
func known(err error) bool {
	var failed *Error
	var refused *Refusal
	var later *Later
	return err == nil || errors.As(err, &later) || errors.Is(err, ErrRemoved) || errors.As(err, &failed) || errors.As(err, &refused)
}

// settle leaves a user with the time of its next poll. Like all that follows from an outcome it is called
// from the dispatching goroutine.
func (p *Poller) settle(o outcome) {
	u := o.user
	var failed *Error
	var refused *Refusal
	var later *Later
	switch {
	case o.err == nil:
		p.succeeded(u)
	case errors.As(o.err, &later):
		p.postpone(u, later.From)
	case errors.Is(o.err, ErrRemoved):
		u.due = time.Now().Add(removedPause) // it will be gone by then
	case errors.As(o.err, &failed):
		p.failed(u, failed)
	case errors.As(o.err, &refused):
		p.failed(u, itemRefused.fail("", refused.Err))
	}
	if !u.blameless {
		p.schedule(u)
	}
}

func (p *Poller) succeeded(u *user) {
	p.cfg.Metrics.polls.WithLabelValues("done").Inc()
	if u.narrowing == nil {
		was := u.suspended
		p.recovered(u)
		p.relieve(was)
	}
	u.due = p.due(u)
	// Marks go by the slower of both clocks. If that is Graph's, they alone would make the user due at
	// once, again and again. A window that ends where Graph's clock only seemed to be counts for nothing.
	leapt := u.leaps != p.cfg.Client.clock.leapt()
	if earliest := u.began.Add(p.cfg.Ladder.Interval()); !leapt && u.pos.Window == nil && u.reading == nil && u.due.Before(earliest) {
		u.due = earliest
	}
	if u.early { // not an interval: the clocks may be right again soon
		u.due = time.Now().Add(min(askClock, p.cfg.Ladder.Interval()))
	}
	u.wanted = u.due
}

// relieve makes everybody due who is suspended for the reason that a user was suspended for until now, if
// nobody who waits is well: a service that denies every user, and then no longer does, is left alone by
// some of them for hours.
func (p *Poller) relieve(was *Error) {
	if was == nil {
		return
	}
	var alike []*user
	everybody := true
	p.each(func(u *user) {
		everybody = everybody && u.suspended != nil
		if u.suspended != nil && errors.Is(u.suspended.Reason, was.Reason) {
			alike = append(alike, u)
		}
	})
	if !everybody || len(alike) == 0 {
		return
	}
	p.cfg.Log.Info("everybody was suspended; those who were for the reason that has passed are polled again", "reason", was.Reason, "users", len(alike))
	now := time.Now()
	for _, u := range alike {
		if p.queue.remove(u) {
			u.due, u.pause = now, nil
			p.schedule(u)
		}
	}
}

// recovered forgets a user's failures.
func (p *Poller) recovered(u *user) {
	if u.suspended != nil && u.told {
		p.cfg.Log.Info("user resumed", "user", u.name)
	}
	u.suspended, u.told, u.failures, u.row, u.pause = nil, false, 0, row{}, nil
}

// failed decides what follows from a failure: whose trouble it is, and until when the user waits. Nobody
// else waits for it unless it is the tenant's.
func (p *Poller) failed(u *user, e *Error) {
	p.cfg.Metrics.polls.WithLabelValues(e.Action.String()).Inc()
	p.mu.Lock()
	p.progress.failed = e
	p.mu.Unlock()
	p.warnOfBound(e, p.cfg.Client.gate.Held())
	switch {
	case e.Tenant:
		p.blame(e)
		p.waitOut(u)
	case e.Action == Hold:
		p.held(u, e)
	case p.narrow(u, e):
	case e.Action == StopTenant:
		p.refused(u, e)
	case e.Action == Retry || e.Action == Shrink:
		p.unanswered(u, e)
	default:
		p.broken(u, e)
	}
}

// held follows an answer that asks everybody to wait, which everybody does (invariant 6). A user that is
// answered so while others hardly ever are would hold back the tenant for ever: it is suspended
// (invariants 8 and 9). If all are throttled, nobody is.
func (p *Poller) held(u *user, e *Error) {
	p.mu.Lock()
	p.evidence.extend(&u.row)
	p.evidence.failed++
	own := p.evidence.own(u.row)
	others, _ := p.evidence.others(u.row)
	p.mu.Unlock()
	now := time.Now()
	opens := p.cfg.Client.gate.Held()
	if opens.Before(now) {
		opens = now
	}
	wait := e.RetryAfter
	if wait == 0 {
		wait = opens.Sub(now)
	}
	switch {
	case own:
		p.suspend(u, e, max(suspendFirst, heldOften*wait), suspendLongest)
	case others > 0:
		// Others show meanwhile whether they are let in.
		u.due = opens.Add(min(time.Duration(u.row.failures)*wait, retryLongest))
	default:
		u.due = opens
	}
}

// warnOfBound says, once for all requests that failed together, that Graph asked for a longer wait than
// the client obeys.
func (p *Poller) warnOfBound(e *Error, until time.Time) {
	if !e.Bounded || until.Sub(p.bounded) < maxRetryAfter/2 {
		return
	}
	p.bounded = until
	p.cfg.Log.Warn("Graph asks to wait for more than an hour; asking again after an hour", "error", e, "until", until.UTC())
}

// refused follows an answer that can concern the user or the tenant, such as 402. It is the tenant's if
// others get the same; until that is known, the user waits alone (invariant 8).
func (p *Poller) refused(u *user, e *Error) {
	p.mu.Lock()
	alone := p.evidence.apart[u.name]
	everybody := p.evidence.failure(u.name, e.Reason, enoughDefinite, len(p.users))
	p.mu.Unlock()
	switch {
	case everybody || p.trouble.stopped():
		p.blame(e)
		p.waitOut(u)
	case alone:
		u.failures++
		p.suspend(u, e, suspendFirst, suspendLongest)
	default:
		p.suspect(u, e)
	}
}

// unanswered follows a failure of the service or of the way to it. If it is everybody's, users wait for
// its end and not for pauses of their own.
func (p *Poller) unanswered(u *user, e *Error) {
	u.failures++
	p.shrink(u, e)
	p.mu.Lock()
	p.evidence.extend(&u.row)
	everybody := p.evidence.failure(u.name, e.class(), enoughByChance, len(p.users))
	own := p.evidence.own(u.row)
	others, _ := p.evidence.others(u.row)
	p.mu.Unlock()
	switch {
	case everybody || p.trouble.cause != nil:
		p.blame(e)
		p.waitOut(u)
		return
	case (own || others > 0 && errors.Is(e, errTimeout)) && u.row.failures >= ownFailures:
		// A request that was given up took many times what others take: it is not put down to chance.
		p.suspend(u, e, ownFirst, ownLongest)
	case u.failures >= failuresToSuspend && others == 0:
		p.suspend(u, e, retryFirst, retryLongest)
	default:
		p.retry(u)
	}
	p.slowed(u, e)
}

// broken follows a failure that concerns the user alone.
func (p *Poller) broken(u *user, e *Error) {
	p.mu.Lock()
	if e.Action == Suspend {
		p.evidence.exclude(u.name)
	}
	p.mu.Unlock()
	if p.refutes(e) {
		p.resume()
	}
	u.failures++
	p.shrink(u, e)
	switch {
	case e.Action == Suspend:
		u.reading = nil
		p.suspend(u, e, suspendFirst, suspendLongest)
	case u.failures >= ownFailures && errors.Is(e, ErrLinkLoop):
		p.suspend(u, e, suspendFirst, suspendLongest) // each time costs up to maxPages requests
	case u.failures >= failuresToSuspend:
		p.suspend(u, e, retryFirst, retryLongest)
	default:
		p.retry(u)
	}
}

// retry makes the user wait for a moment.
func (p *Poller) retry(u *user) { u.due = time.Now().Add(u.backOff(retryFirst, retryLongest)) }

// suspect makes a user wait whose answer can be the tenant's.
func (p *Poller) suspect(u *user, e *Error) {
	if u.suspended == nil {
		u.suspendedAt = time.Now()
	}
	u.suspended = e
	u.due = time.Now().Add(suspectPause)
}

// suspend leaves a user alone for growing pauses.
func (p *Poller) suspend(u *user, e *Error, first, longest time.Duration) {
	p.leave(u, e, u.backOff(first, longest))
}

// leave leaves a user alone for a while.
func (p *Poller) leave(u *user, e *Error, pause time.Duration) {
	now := time.Now()
	if u.suspended == nil {
		u.suspendedAt = now
	}
	if !u.told {
		p.cfg.Log.Warn("user suspended", "user", u.name, "error", e, "retry_in", pause.Round(time.Second))
	}
	u.suspended, u.told = e, true
	u.due = now.Add(pause)
}

// backOff returns a user's next pause. Pauses grow for as long as they have the same bounds.
func (u *user) backOff(first, longest time.Duration) time.Duration {
	if u.pause == nil || u.longest != longest {
		u.longest = longest
		u.pause = backoff.NewExponentialBackOff(backoff.WithInitialInterval(first),
			backoff.WithMaxInterval(longest), backoff.WithMaxElapsedTime(0))
	}
	return u.pause.NextBackOff()
}
