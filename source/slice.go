package source

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/offsets"
)

// A long window is cut into slices, so that its progress is kept and no slice has too many pages.
const (
	maxSlice = 7 * 24 * time.Hour
	minSlice = time.Minute
	// manyPages halves the next slice, fewPages doubles it.
	manyPages, fewPages = 40, 10
	// maxPages ends a slice whose links never end although each is new. A slice with more pages is halved
	// and read again, so that a slice of minSlice would have to hold more than a person can write.
	maxPages = 2_000
)

// linkLife is how long the connector follows a link after Graph returned it. Pages are offsets into a live
// folder, and the life of a skip token is not documented.
const linkLife = 5 * time.Minute

// user is one user's place in the queue. While its slice is read it belongs to the reading goroutine.
type user struct {
	name        string
	pos         offsets.Position
	due         time.Time // when it is polled next
	wanted      time.Time // when it fell due; failures leave it
	history     bool
	length      time.Duration // of the next slice
	longestNext time.Duration // bound of the next slice's length, because of failures
	top         int           // page size asked for
	reading     *slice        // a slice that broke off and can be resumed
	twice       *readings     // of the present slice, if no later window reads it again
	began       time.Time     // the present window, by our clock; zero if another process began it
	failures    int           // in a row: no page has come that had not come before
	furthest    int           // pages that have come of the present slice, at the most
	pause       backoff.BackOff
	longest     time.Duration // the bound of pause
	slow        bool          // in the slow lane
	limit       time.Duration // of each request of this poll; in the slow lane, of the next one too
	narrowing   *narrowing    // the search for a place that Graph does not answer for
	answers     bool          // Graph answered elsewhere in this poll
	gaps        []Gap         // for which Graph did not answer
	nextSearch  time.Time     // no search begins before, searchPause after one that ended in a gap
	searchPause time.Duration
	row         row // failures in a row that can be anybody's
	suspended   *Error
	suspendedAt time.Time
	told        bool    // the log says that the user is suspended
	blameless   bool    // waits for the end of the tenant's trouble, and not in the queue
	until       int64   // where the next slice ends at the latest; 0 for no bound
	waits       bool    // for Resume
	resumed     uint64  // calls of Resume when the present poll began
	waited      bool    // since the last slice that was read to its end
	gap         bool    // the present window's gap is reported
	in          *byTime // the heap of the queue that holds the user, nil for none, and its place there
	at          int
	gone        bool // removed; belongs to the dispatching goroutine
	early       bool // the clocks left no window to read
	leaps       int  // of Graph's clock when the window began
	cancel      context.CancelFunc
}

// reached is the first instant of the user's stream that has not been read yet.
func (u *user) reached() int64 {
	if u.pos.Window != nil {
		return u.pos.Window.Done
	}
	return u.pos.Start
}

// newest is the newest instant of the user's stream that has been read.
func (u *user) newest(l Ladder) int64 {
	if mark, ok := u.pos.Mark(l.Shortest()); ok {
		return mark
	}
	return u.reached()
}

// readBefore is the instant up to which the user's stream had been read before the present window, 0 if
// nothing had.
func (u *user) readBefore(l Ladder) int64 {
	mark, _ := u.pos.Mark(l.Shortest())
	return mark
}

// slice is a stretch of time under way.
type slice struct {
	window offsets.Window
	to     int64
	first  string    // the first page
	link   string    // the page to fetch next
	given  time.Time // when that link came
	pages  int
	seen   map[string]bool // the links followed

	failures int  // of the link, in a row
	grown    bool // a page has come that had not come before
}

// again goes back to the first page.
func (s *slice) again(now time.Time) {
	s.link, s.given, s.pages, s.failures = s.first, now, 0, 0
	clear(s.seen)
}

// half is a slice's length, halved.
func (s *slice) half() time.Duration {
	return max(minSlice, time.Duration(s.to-s.window.Done)*time.Millisecond/2)
}

// current returns the slice that the user is in: the one that broke off, or the next one. It returns nil if
// there is nothing to read.
func (p *Poller) current(ctx context.Context, u *user) (*slice, error) {
	now := time.Now()
	p.rewind(u)
	if s := u.reading; s != nil && s.pages > 0 && now.Sub(s.given) > linkLife {
		p.cfg.Metrics.refetched.Inc()
		u.reading, u.longestNext = nil, s.half() // waits this long may be frequent
	}
	if u.reading != nil {
		return u.reading, nil
	}
	if u.pos.Window == nil {
		u.began, u.leaps = now, p.cfg.Client.clock.leapt()
	}
	window, ok, err := p.plan(ctx, u)
	if u.early = !ok; err != nil || u.early {
		return nil, err
	}
	s, ok := p.newSlice(u, window, now)
	if !ok {
		return nil, &Later{window.Done}
	}
	u.reading = s
	p.reportGap(u, now)
	return s, nil
}

// readSlice reads the user's next slice to its end, once, and advances its position if that was enough. It
// leaves the slice in u.reading if the next poll is to resume it, from its beginning or where it broke off.
func (p *Poller) readSlice(ctx, life context.Context, u *user) error {
	u.answers = false
	s, err := p.current(ctx, u)
	if s == nil || err != nil {
		return err
	}
	if err := p.diagnose(ctx, u, s); err != nil {
		return err
	}
	for {
		page, err := p.fetch(ctx, u, s)
		if err != nil {
			return p.goAround(ctx, life, u, s, err)
		}
		p.arrived(u)
		if latest, ok := p.cfg.Client.clock.latest(time.Now()); ok && s.window.To > latest.UnixMilli() && u.pos.Window == nil {
			// Graph's clock, known only now, has not reached the window's end: what happens
			// until then would count as read (invariant 1). Plan again.
			return p.replan(ctx, life, u)
		}
		s.pages++
		s.seen[s.link] = true
		last := page.NextLink == ""
		whole := last && (u.twice == nil || u.twice.enough(page.Items))
		d := Delivery{User: u.name, Items: page.Items, From: s.window.Done, To: s.to, ReadBefore: u.readBefore(p.cfg.Ladder)}
		if whole {
			next := p.cfg.Ladder.Advance(u.pos, s.window, s.to)
			d.Position = &next
		}
		if whole || len(d.Items) > 0 {
			p.delivering.Add(1)
			err := p.cfg.Deliver(life, d)
			p.delivering.Add(-1)
			if err != nil {
				return err
			}
			p.items.Add(uint64(len(d.Items)))
		}
		if u.twice != nil {
			u.twice.delivered(page.Items)
		}
		page.Release()
		p.proceeded(u, s.pages)
		if whole {
			p.closeGap(u, s)
			if s.to-s.window.Done >= readableAgain.Milliseconds() {
				u.nextSearch, u.searchPause = time.Time{}, 0
			}
			p.finish(u, s, *d.Position)
			return nil
		}
		if last {
			// The next reading is another turn, so that history takes no more than its share.
			u.twice.ended()
			s.again(time.Now())
			u.furthest = 0
			return nil
		}
		if s.seen[page.NextLink] {
			return loopingLink.fail("a page links back to one already read", nil)
		}
		if s.pages >= maxPages {
			return loopingLink.fail("a slice has no end", nil)
		}
		s.link, s.given = page.NextLink, time.Now()
	}
}

// newSlice begins the next slice of a window. ok is false if the user must wait.
func (p *Poller) newSlice(u *user, window offsets.Window, now time.Time) (s *slice, ok bool) {
	to, twice := p.cfg.Ladder.Slice(u.pos, window, min(u.length, u.longestNext))
	if to, ok = p.reachable(u, window.Done, u.cut(window.Done, to)); !ok {
		return nil, false
	}
	s = &slice{window: window, to: to, given: now, seen: make(map[string]bool)}
	s.first = p.cfg.Client.MessagesURL(u.name, window.Done, to, u.top, p.cfg.Query)
	s.link = s.first
	switch {
	case !twice:
		u.twice = nil
	case u.twice.holds(window.Done, to):
		u.twice.again()
	default:
		u.twice = newReadings(window.Done, to)
	}
	return s, true
}

// proceeded tells that a page of the present slice has come. What failed before the first page that had not come yet is not a failure
// in a row with what may fail after it. A user who was suspended for its own reason, which may lie on a page further on, is no better
// off before the slice ends.
func (p *Poller) proceeded(u *user, pages int) {
	if pages <= u.furthest {
		u.row.successes++
		return
	}
	u.furthest = pages
	p.grow(u)
	u.reading.grown = true
	switch {
	case u.narrowing != nil:
		u.row = row{}
		return
	case u.suspended == nil || u.suspended.Action != Suspend:
		p.recovered(u)
		return
	}
	u.row.successes++
}

// replan drops a slice that was begun before Graph's clock was known and reads the right one.
func (p *Poller) replan(ctx, life context.Context, u *user) error {
	u.reading = nil
	return p.readSlice(ctx, life, u)
}

func (p *Poller) finish(u *user, s *slice, pos offsets.Position) {
	if u.history {
		p.past.Add(s.to - s.window.Done)
	}
	if !s.grown {
		p.grow(u) // a longer slice had shown as many pages
	}
	u.pos, u.reading, u.twice, u.furthest = pos, nil, nil, 0
	u.until, u.waited = 0, false
	if n := u.narrowing; n != nil {
		n.halved = false
		if s.to >= n.to {
			u.narrowing = nil
		}
	}
	u.gap = u.gap && pos.Window != nil
	switch {
	case s.pages > manyPages:
		u.length = s.half()
	case s.pages < fewPages:
		u.length = min(maxSlice, u.length*2)
	}
}
