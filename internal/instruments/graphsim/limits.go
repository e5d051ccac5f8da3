package graphsim

import (
	"sync"
	"time"
)

// limiter counts requests by the second, over a minute or what is configured. Requests that were refused count as
// well, so retrying early makes it worse.
type limiter struct {
	mu      sync.Mutex
	limits  Limits
	seconds []int // requests in each of the last seconds, a ring
	newest  int64 // the second the newest element stands for
	total   int
}

func newLimiter(l Limits) *limiter {
	return &limiter{limits: l, seconds: make([]int, max(1, int(l.SustainedOver/time.Second)))}
}

// admit counts a request and reports how long the client has to wait; 0 if it is within the limits.
func (l *limiter) admit(now time.Time) time.Duration {
	if l.limits.PerSecond == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(len(l.seconds))
	second := now.Unix()
	if second-l.newest >= n {
		clear(l.seconds)
		l.total, l.newest = 0, second
	}
	for l.newest < second {
		l.newest++
		l.total -= l.seconds[l.newest%n]
		l.seconds[l.newest%n] = 0
	}
	l.seconds[l.newest%n]++
	l.total++
	if l.seconds[l.newest%n] > l.limits.PerSecond {
		return time.Second
	}
	if l.limits.SustainedShare > 0 && float64(l.total) > l.limits.SustainedShare*float64(l.limits.PerSecond)*float64(n) {
		return 5 * time.Second
	}
	return 0
}
