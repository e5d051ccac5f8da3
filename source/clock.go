package source

import (
	"sync"
	"time"
)

// graphClock estimates Graph's clock from the Date header of its responses. The header has whole
// seconds, so Graph's clock is at most a second ahead of it; what has passed since it came is counted
// on our own monotonic clock, so that an estimate stays good between two polls a day apart.
type graphClock struct {
	mu       sync.Mutex
	date     time.Time // the header
	received time.Time // our clock, when it came
}

func (c *graphClock) observe(date, received time.Time) {
	if date.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if received.After(c.received) {
		c.date, c.received = date, received
	}
}

// latest is the latest instant that Graph's clock can show now. ok is false while nothing has come
// from Graph yet.
func (c *graphClock) latest(now time.Time) (t time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received.IsZero() {
		return time.Time{}, false
	}
	return c.date.Add(time.Second).Add(now.Sub(c.received)), true
}

// skew is how far our clock was ahead of Graph's when the last response came.
func (c *graphClock) skew() (ahead time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received.IsZero() {
		return 0, false
	}
	// The header's fraction of a second is cut off: half of one, on average.
	return c.received.Sub(c.date.Add(500 * time.Millisecond)), true
}

// end is the first instant that must not be asked for yet: the earlier of both clocks, less settle.
func (c *graphClock) end(now time.Time, settle time.Duration) int64 {
	if graph, ok := c.latest(now); ok && graph.Before(now) {
		now = graph
	}
	return now.Add(-settle).UnixMilli()
}
