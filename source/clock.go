package source

import (
	"fmt"
	"sync"
	"time"
)

// graphClock estimates Graph's clock from the Date header of its pages, and judges this machine's clock
// by it. Any of three clocks can be wrong: Graph's, that of a single host of Graph, and this machine's.
//
// The header has whole seconds, so Graph's clock is at most a second ahead of it. The time since then is
// counted on the monotonic clock, which no step of this machine's clock moves.
type graphClock struct {
	wall func() time.Time // this machine's clock; nil for the system's

	mu       sync.Mutex
	date     time.Time // the newest Date that was believed
	received time.Time // when it came; zero if none has
	answered time.Time // when the last page came, whatever its Date
	leaps    int       // how often the estimate moved by more than clockTolerance
	reading  time.Time // what this machine's clock showed
	read     time.Time // and when, on the monotonic clock
	strange  claim     // a Date that contradicts the estimate and that no second answer has confirmed
}

// claim is a Date that contradicts the estimate.
type claim struct {
	date, received time.Time
	source         string // the path that was asked for
}

const (
	// clockTolerance is how far two clocks may lie apart and still agree.
	clockTolerance = 10 * time.Second
	// claimAge is how much later the same source can confirm its own claim.
	claimAge = time.Minute
	// skewTolerance is how far this machine's clock may lie from Graph's before the status says so.
	skewTolerance = time.Minute
)

// plausible reports whether a Date can be anybody's clock. Clocks that were never set show 1970 or 1980.
func plausible(date time.Time) bool { return date.Year() >= 1990 && date.Year() < 2100 }

// agree reports whether two instants are the same as far as clocks can tell.
func agree(a, b time.Time, tolerance time.Duration) bool { return a.Sub(b).Abs() <= tolerance }

// observe takes the Date of a page from a source, zero if it has none. A Date that contradicts the
// estimate is believed if this machine's clock agrees with it, or an independent claim that came since an
// answer agreed with the estimate.
func (c *graphClock) observe(date, received time.Time, source string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if received.After(c.answered) {
		c.answered = received
	}
	if date.IsZero() || received.Before(c.received) {
		return
	}
	switch {
	case !plausible(date):
		c.strange = claim{date, received, ""}
	case c.received.IsZero() || agree(date, c.date.Add(received.Sub(c.received)), clockTolerance):
		c.believe(date, received)
	case agree(date, c.shown(), clockTolerance) || c.confirmed(date, received, source):
		c.leaps++
		c.believe(date, received)
	case c.strange.source == "" || !agree(date, c.strange.date.Add(received.Sub(c.strange.received)), clockTolerance):
		c.strange = claim{date, received, source}
	}
}

// confirmed reports whether a Date agrees with an earlier claim that is independent of it. A source can
// confirm its own claim a minute later, but not against the estimate and this machine's clock together.
func (c *graphClock) confirmed(date, received time.Time, source string) bool {
	s := c.strange
	return s.source != "" && agree(date, s.date.Add(received.Sub(s.received)), clockTolerance) &&
		(source != s.source || received.Sub(s.received) >= claimAge && !agree(c.shown(), c.date.Add(received.Sub(c.received)), skewTolerance))
}

// believe makes a Date the estimate. If this machine's clock agrees, it is right from now on.
func (c *graphClock) believe(date, received time.Time) {
	c.date, c.received, c.strange = date, received, claim{}
	if shown := c.shown(); agree(date, shown, clockTolerance) {
		c.reading, c.read = shown, received
	}
}

// shown returns what this machine's clock shows, without a monotonic reading.
func (c *graphClock) shown() time.Time {
	if c.wall != nil {
		return c.wall().Round(0)
	}
	return time.Now().Round(0)
}

// own returns this machine's clock, except that it does not follow a step back: after one it continues
// from what it showed before, until Graph's clock shows that the step was right. Graph's clock bounds
// what is read in any case.
func (c *graphClock) own(now time.Time) time.Time {
	shown := c.shown()
	if c.read.IsZero() {
		c.reading, c.read = shown, now
	}
	if continued := c.reading.Add(now.Sub(c.read)); continued.After(shown) {
		return continued
	}
	c.reading, c.read = shown, now
	return shown
}

// latest returns the latest instant that Graph's clock can show now. ok is false before the first Date.
func (c *graphClock) latest(now time.Time) (t time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.estimate(now)
}

func (c *graphClock) estimate(now time.Time) (t time.Time, ok bool) {
	if c.received.IsZero() {
		return time.Time{}, false
	}
	return c.date.Add(time.Second).Add(now.Sub(c.received)), true
}

// certain returns what latest does. ok is also false while a Date contradicts the estimate.
func (c *graphClock) certain(now time.Time) (t time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok = c.estimate(now)
	return t, ok && c.strange.date.IsZero()
}

// skew returns how far this machine's clock is ahead of Graph's. ok is false before the first Date.
func (c *graphClock) skew() (ahead time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead(time.Now())
}

func (c *graphClock) ahead(now time.Time) (time.Duration, bool) {
	graph, ok := c.estimate(now)
	if !ok {
		return 0, false
	}
	// The header's fraction of a second is cut off: half of one, on average.
	return c.shown().Sub(graph.Add(-500 * time.Millisecond)), true
}

// end returns the first instant that must not be asked for yet: the earlier of both clocks, less settle
// (invariant 1).
func (c *graphClock) end(now time.Time, settle time.Duration) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.own(now)
	if graph, ok := c.estimate(now); ok && graph.Before(end) {
		end = graph
	}
	return end.Add(-settle).UnixMilli()
}

// silent returns how long ago the last page came.
func (c *graphClock) silent(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.answered)
}

// leapt returns how often the estimate has moved by more than clocks drift.
func (c *graphClock) leapt() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaps
}

// doubt returns why the clocks are in doubt, "" if they are not.
func (c *graphClock) doubt(now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ahead, known := c.ahead(now)
	switch {
	case !c.strange.date.IsZero():
		return "a response has the Date " + c.strange.date.UTC().Format(time.RFC3339) + ", which no other response confirms"
	case known && ahead > skewTolerance:
		return fmt.Sprintf("this machine's clock is %v ahead of Graph's", ahead.Round(time.Minute))
	case known && -ahead > skewTolerance:
		return fmt.Sprintf("this machine's clock is %v behind Graph's", -ahead.Round(time.Minute))
	default:
		return ""
	}
}
