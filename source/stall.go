package source

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// How long a tenant may make no progress, although users are due, before its status says so. While requests
// fail the status says so soon. A wait that Graph asks for by 429, and a slow response, are usual.
const (
	stallAfter   = time.Minute
	failingAfter = 3 * time.Second
)

// Stall says since when a tenant makes no progress although users are due, and why. It names the
// tenant's cause whatever that is: a stop, a hold, an outage, a login service that does not answer.
type Stall struct {
	// Since is when the last page arrived, or when the first user fell due after it.
	Since time.Time
	// Reason is one of the reasons of this package, Detail the whole error, RequestID Graph's ID of
	// the request, if there is one.
	Reason    error
	Detail    string
	RequestID string
	// Remedy is what to do, in Markdown; empty where nothing is needed.
	Remedy string
	// Until is when the next request can start; zero if it can start now.
	Until time.Time
}

// progress records the signs of life of a tenant: the newest page and the newest failure since then.
type progress struct {
	page   time.Time // when the last page arrived; when polling began if there was none
	failed *Error    // the newest failure since then
}

// arrived records a page of a user, which ends the tenant's trouble.
func (p *Poller) arrived(u *user) {
	p.mu.Lock()
	p.progress = progress{page: time.Now()}
	p.evidence.success(u.name)
	troubled := p.troubled
	p.mu.Unlock()
	if troubled {
		select {
		case p.lively <- struct{}{}:
		default:
		}
	}
}

// stall reports what keeps the tenant from making progress, nil if nothing does. due is since when the
// longest-waiting user has been due, zero if nobody is; suspended are the users that wait for a reason of
// their own. It is called from the dispatching goroutine with the lock held.
func (p *Poller) stall(now, due time.Time, users int, suspended []SuspendedUser) *Stall {
	if users > 0 && len(suspended) == users {
		return allSuspended(now, p.progress.page, suspended)
	}
	since := p.progress.page
	if due.After(since) {
		since = due
	}
	after := stallAfter
	if failed := p.progress.failed; failed != nil && !errors.Is(failed, ErrThrottled) {
		after = failingAfter
	}
	// A delivery that does not return waits for Kafka, which is not the source's to report.
	if due.IsZero() || now.Sub(since) < after || p.delivering.Load() > 0 {
		return nil
	}
	s := &Stall{Since: since, Reason: ErrUnavailable, Detail: "graph: no response to the requests under way"}
	_, held := p.cfg.Client.held(now)
	if cause := cmp.Or(p.trouble.cause, p.progress.failed, held); cause != nil {
		s.Reason, s.Detail, s.RequestID, s.Remedy = cause.Reason, cause.Error(), cause.RequestID, cause.Remedy
	}
	s.Until = p.trouble.until
	if held := p.cfg.Client.gate.Held(); held.After(s.Until) {
		s.Until = held
	}
	if s.Until.Before(now) {
		s.Until = time.Time{}
	}
	return s
}

// allSuspended reports the most frequent reason when no user is left to poll.
func allSuspended(now, page time.Time, suspended []SuspendedUser) *Stall {
	counts := make(map[error]int)
	for _, u := range suspended {
		counts[u.Reason]++
	}
	s := &Stall{}
	for _, u := range suspended {
		if u.Since.After(s.Since) {
			s.Since = u.Since
		}
		if s.Until.IsZero() || u.RetryAt.Before(s.Until) {
			s.Until = u.RetryAt
		}
		if s.Reason == nil || counts[u.Reason] > counts[s.Reason] {
			s.Reason, s.RequestID, s.Remedy = u.Reason, u.RequestID, u.Remedy
			s.Detail = fmt.Sprintf("all %d users are suspended, most for: %s", len(suspended), u.Detail)
		}
	}
	if page.After(s.Since) {
		s.Since = page
	}
	if now.Sub(s.Since) < stallAfter {
		return nil
	}
	return s
}
