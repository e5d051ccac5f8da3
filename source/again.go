package source

import (
	"context"
	"errors"
	"math/bits"
	"time"
)

// sameLink is how many failures in a row of one link make the work smaller. Until then the connector
// asks for the link again: random faults then cost one request each, and no page that was read
// (invariant 9).
const sameLink = 3

// tries returns how many failures in a row of a link end a slice. Each eightfold of pages that would
// be read again is worth another try, so that chance hardly ever ends a long slice.
func (s *slice) tries() int { return sameLink + bits.Len(uint(s.pages))/3 }

// sameLinkHeld is how many answers in a row that ask everybody to wait give the slot back. The connector
// must soon notice a mailbox that always gets such answers.
const sameLinkHeld = 2

// The first retry of a link follows at once, later ones after about as long as a request takes. A slot
// waits no longer than longestPause, and not at all after a failure that took longer than slowFailure.
const (
	shortestPause, longestPause = 50 * time.Millisecond, time.Second
	slowFailure                 = 5 * time.Second
)

// fetch returns the next page of a slice. It retries the same link while that is likely to help.
func (p *Poller) fetch(ctx context.Context, u *user, s *slice) (Page, error) {
	for {
		began := time.Now()
		page, err := p.cfg.Client.PageWithin(ctx, s.link, u.limit)
		took := time.Since(began)
		if err == nil {
			s.failures = 0
			p.took(u, took)
			return page, nil
		}
		var failed *Error
		if ctx.Err() != nil || !errors.As(err, &failed) {
			return Page{}, err
		}
		s.failures++
		if u.suspended != nil || !again(failed, s.failures, took) || p.inTrouble() {
			return Page{}, err
		}
		// Nothing speaks for a pause after the first failure, and the gate waits for the end of a hold.
		if s.failures > 1 && !wait(ctx, min(max(took, shortestPause), longestPause)) {
			return Page{}, ctx.Err()
		}
	}
}

// again reports whether the poller retries a link without giving the slot back. The link has failed so
// often in a row, the last time with e after took.
func again(e *Error, failures int, took time.Duration) bool {
	switch {
	case e.Tenant:
		return false
	case e.Action == Hold:
		return failures < sameLinkHeld && e.RetryAfter <= slowFailure
	case e.Action == Retry, e.Action == Restart, e.Action == Shrink:
		return failures < sameLink && took <= slowFailure
	default:
		return false
	}
}

// wait pauses for d. It reports whether the context outlived the pause.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// inTrouble reports whether the tenant is in trouble. Each request is a probe then, and one is enough.
func (p *Poller) inTrouble() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.troubled
}

// shrink drops a slice if one of its links has failed too often. The next slice is half as long, and its
// pages are half as large. A slice with too many pages is only too long: smaller pages would be more.
func (p *Poller) shrink(u *user, e *Error) {
	s := u.reading
	endless := errors.Is(e, ErrLinkLoop)
	if s == nil || s.failures < s.tries() && !endless {
		return
	}
	p.cfg.Metrics.refetched.Inc()
	u.reading = nil
	if endless {
		u.length = s.half()
		return
	}
	u.longestNext, u.top = s.half(), max(1, u.top/2)
}

// grow doubles what shrink halved, up to the normal size. Each new page causes it.
func (p *Poller) grow(u *user) {
	u.longestNext, u.top = min(2*u.longestNext, maxSlice), min(2*u.top, p.cfg.PageSize)
}
