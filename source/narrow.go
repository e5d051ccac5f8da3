package source

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Graph can answer for most of a mailbox and never for one stretch of time, one page or one item. The
// poller narrows such a place down to a millisecond and a page of one item, goes around it, and records
// the gap. Later rungs ask for it again.
//
// Whether a mailbox answers at all decides between that and a suspension. The poller asks for a single
// millisecond elsewhere in the mailbox.

const (
	// gapAfter is how long a place that was narrowed down must fail until the poller goes around it, and
	// gapAfterHistory the same for a place that no later rung reads again. With shorter rungs it is the
	// length of the shortest or of the longest one. askAgain is the pause between two requests for the
	// place, and gapFailures how many must fail.
	gapAfter, gapAfterHistory = 5 * time.Minute, time.Hour
	askAgain                  = time.Minute
	gapFailures               = 5
	// searchTries is how many failures in a row of a link make a slice smaller during a search.
	searchTries = 2
	// maxKnownGaps is how many gaps the poller remembers of a user.
	maxKnownGaps = 100
	// A search follows a gap at once if a slice of this length was read since. Otherwise the pause between
	// two searches doubles: little of the mailbox can be read, and each search costs some forty requests.
	readableAgain = time.Minute
)

// narrowing is the search for the place that Graph does not answer for: the shortest slice known to fail
// reaches from what is read to here.
type narrowing struct {
	to       int64
	since    time.Time // the search began
	halved   bool      // the next slice is half of the stretch; the whole of it after one that was read
	failures int       // of the place itself, since it was found
	known    bool      // the place is a gap already
}

// end is where the next slice ends. After a half that was read, the rest is asked for as a whole: failures
// by chance are soon over then.
func (n *narrowing) end(done int64) int64 {
	if n.halved {
		return done + max(1, (n.to-done)/2)
	}
	return max(done+1, n.to)
}

// found reports whether a slice cannot be made smaller.
func (n *narrowing) found(s *slice, top int) bool { return s.to-s.window.Done == 1 && top == 1 }

// cut returns the end of a slice so that it neither crosses the search nor the bounds of a known gap.
func (u *user) cut(from, to int64) int64 {
	if u.narrowing != nil {
		to = min(to, u.narrowing.end(from))
	}
	for _, g := range u.gaps {
		switch {
		case from < g.From:
			to = min(to, g.From)
		case from < g.To:
			to = min(to, g.To)
		}
	}
	return to
}

// knownGap returns the gap in which a slice lies.
func (u *user) knownGap(s *slice) (g Gap, ok bool) {
	for _, g := range u.gaps {
		if g.From <= s.window.Done && s.to <= g.To {
			return g, true
		}
	}
	return Gap{}, false
}

// diagnose finds out whether the mailbox of a user that fails again and again answers elsewhere. It
// returns the failure if it does not.
func (p *Poller) diagnose(ctx context.Context, u *user, s *slice) error {
	if u.failures < ownFailures || u.narrowing != nil {
		return nil
	}
	err := p.elsewhere(ctx, u, s)
	u.answers = err == nil
	return err
}

// elsewhere asks for the millisecond before a slice, and for the newest one if that fails soon.
func (p *Poller) elsewhere(ctx context.Context, u *user, s *slice) error {
	err := p.ask(ctx, u, s.window.Done-1)
	newest := p.cfg.Client.clock.end(time.Now(), p.cfg.Settle) - 1
	if err == nil || !unanswered(err) || errors.Is(err, errTimeout) || newest < s.to {
		return err
	}
	return p.ask(ctx, u, newest)
}

// ask fetches the first page of a millisecond, at most one item, and drops it.
func (p *Poller) ask(ctx context.Context, u *user, at int64) error {
	page, err := p.cfg.Client.PageWithin(ctx, p.cfg.Client.MessagesURL(u.name, at, at+1, 1, p.cfg.Query), u.limit)
	if err != nil {
		return err
	}
	page.Release()
	p.arrived(u)
	u.row = row{}
	return nil
}

// unanswered reports whether an error can be that of a place for which Graph does not answer.
func unanswered(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && !failed.Tenant && failed.Action != Hold &&
		!errors.Is(failed, ErrRefusedLink) && !errors.Is(failed, ErrItemRefused)
}

// patience is how long a place must fail until it is passed.
func (p *Poller) patience(s *slice, now time.Time) time.Duration {
	if s.to <= p.horizon(now) {
		return min(gapAfterHistory, p.cfg.Ladder.Longest())
	}
	return min(gapAfter, p.cfg.Ladder.Shortest())
}

// narrow continues the search after a failure, or begins it for a mailbox that answers elsewhere. It
// reports whether the failure is one of a search. It is called from the dispatching goroutine.
func (p *Poller) narrow(u *user, e *Error) bool {
	s := u.reading
	if s == nil || s.pages >= maxPages || !unanswered(e) {
		return false
	}
	now := time.Now()
	definite := e.Action == Suspend // no matter of chance
	switch gap, known := u.knownGap(s); {
	case u.narrowing != nil:
	case known:
		u.narrowing = &narrowing{since: gap.Seen, known: true}
	case u.answers && (definite || s.failures >= s.tries()) && !now.Before(u.nextSearch):
		u.narrowing = &narrowing{since: now}
	default:
		return false
	}
	if u.answers {
		p.resume()
	}
	if p.trouble.cause != nil {
		return false
	}
	if !definite && s.failures < searchTries {
		u.due = now.Add(retryFirst)
		return true
	}
	n := u.narrowing
	n.to, n.halved = s.to, true
	pause := time.Duration(1+s.pages) * retryFirst // as long as the pages before the failure took, or longer
	u.reading, u.twice = nil, nil
	switch {
	case n.found(s, u.top):
		p.leave(u, e, min(askAgain, p.patience(s, now)/gapFailures))
	case s.to-s.window.Done == 1:
		u.top, u.due = 1, now.Add(pause)
	default:
		u.top, u.due = max(1, u.top/2), now.Add(pause)
	}
	return true
}

// goAround passes a place that has failed for long enough, and records the gap. It returns the failure if
// the place is not passed.
func (p *Poller) goAround(ctx, life context.Context, u *user, s *slice, failure error) error {
	n := u.narrowing
	if n == nil || !n.found(s, u.top) || !unanswered(failure) {
		return failure
	}
	now := time.Now()
	n.failures++
	if !n.known && (n.failures < gapFailures || now.Sub(n.since) < p.patience(s, now)) {
		return failure
	}
	if err := p.elsewhere(ctx, u, s); err != nil {
		if unanswered(err) {
			u.narrowing = nil // the mailbox does not answer at all
		}
		return err
	}
	end, err := p.extent(ctx, u, s)
	if err != nil {
		return err
	}
	next := p.cfg.Ladder.Advance(u.pos, s.window, end)
	d := Delivery{User: u.name, From: s.window.Done, To: end, ReadBefore: u.readBefore(p.cfg.Ladder), Position: &next, Unanswered: failure}
	p.delivering.Add(1)
	err = p.cfg.Deliver(life, d)
	p.delivering.Add(-1)
	if err != nil {
		return err
	}
	p.passed(u, Gap{User: u.name, From: d.From, To: d.To, Seen: now, Unanswered: failure})
	s.to = end
	p.finish(u, s, next)
	u.narrowing, u.top, u.longestNext = nil, p.cfg.PageSize, maxSlice
	if !n.known {
		u.nextSearch = now.Add(u.searchPause)
		u.searchPause = bounded(2*u.searchPause, gapAfter, suspendLongest)
	}
	return nil
}

// extent returns the first instant behind the place at a slice's beginning for which Graph answers again,
// the window's end if there is none. It asks for single milliseconds, at distances that double and then
// halve.
func (p *Poller) extent(ctx context.Context, u *user, s *slice) (end int64, err error) {
	// answers reports whether Graph answers for a millisecond, a failure by chance aside.
	answers := func(at int64) (bool, error) {
		for range sameLink {
			switch err := p.ask(ctx, u, at); {
			case err == nil:
				return true, nil
			case !unanswered(err):
				return false, err
			}
		}
		return false, nil
	}
	place := s.window.Done
	silent, end := place, s.window.To
	for step := int64(1); place+step < s.window.To; step *= 2 {
		ok, err := answers(place + step)
		if err != nil {
			return 0, err
		}
		if ok {
			end = place + step
			break
		}
		silent = place + step
	}
	for silent+1 < end {
		middle := silent + (end-silent)/2
		ok, err := answers(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			end = middle
		} else {
			silent = middle
		}
	}
	return end, nil
}

// passed remembers a gap and reports it, unless it lies in one that is known.
func (p *Poller) passed(u *user, gap Gap) {
	if slices.ContainsFunc(u.gaps, func(g Gap) bool { return g.From <= gap.From && gap.To <= g.To }) {
		return
	}
	oldest := p.cfg.Ladder.Oldest(u.pos)
	u.gaps = slices.DeleteFunc(u.gaps, func(g Gap) bool { return g.To < oldest })
	u.gaps = append(u.gaps, gap)
	if len(u.gaps) > maxKnownGaps {
		u.gaps = slices.Delete(u.gaps, 0, 1)
	}
	p.cfg.Metrics.gaps.WithLabelValues(gapUnanswered).Inc()
	p.cfg.Log.Error("gap: Graph does not answer for this time; reading continues behind it", "user", u.name,
		"from", time.UnixMilli(gap.From).UTC(), "to", time.UnixMilli(gap.To).UTC(), "error", gap.Unanswered)
	p.addGap(gap)
}

// closeGap forgets a gap once a slice was read that is all of it.
func (p *Poller) closeGap(u *user, s *slice) {
	u.gaps = slices.DeleteFunc(u.gaps, func(g Gap) bool {
		if s.window.Done > g.From || s.to < g.To {
			return false
		}
		p.cfg.Log.Info("gap closed: Graph answers for this time again", "user", u.name,
			"from", time.UnixMilli(g.From).UTC(), "to", time.UnixMilli(g.To).UTC())
		p.dropGap(g)
		return true
	})
}
