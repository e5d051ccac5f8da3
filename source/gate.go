package source

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// DefaultRate is the request rate of one tenant, in requests per second: 83 % of the documented 200
// per app and tenant (Microsoft counts a sustained limit of that share over a longer window), less a
// margin for what is in flight.
const DefaultRate = 160

// How the rate yields to throttling and comes back: down at once, once for all requests that were in
// flight together, and up again in small steps, as long as no other 429 comes (invariant 9).
const (
	slowerBy    = 0.7
	slowestPart = 1.0 / 16
	slowerEvery = 5 * time.Second
	fasterBy    = 1.0 / 20
	fasterEvery = 10 * time.Second
)

// Gate is what every request of a tenant passes, whatever its user and kind: one token bucket, and
// one wait that a Retry-After imposes on all (invariant 6).
type Gate struct {
	bucket *rate.Limiter
	full   rate.Limit // what was asked for

	mu      sync.Mutex
	until   time.Time // no request starts before
	probing bool      // the present hold is shorter than Graph asked for: a single request goes first
	slowed  time.Time // when the rate went down last
	changed time.Time // when the rate changed last
}

// NewGate makes a gate for so many requests per second.
func NewGate(perSecond float64) *Gate {
	// A burst of a tenth of a second: enough to keep requests in flight, too small for Graph's
	// short window to notice.
	return &Gate{full: rate.Limit(perSecond), bucket: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))}
}

// Wait blocks until a request may start. It returns the context's error if that ends first.
func (g *Gate) Wait(ctx context.Context) error {
	for {
		// The bucket comes after the hold, so that those who waited do not all start at once; then
		// the hold again, because a Retry-After may have come while the bucket was waited for.
		if err := g.opened(ctx); err != nil {
			return err
		}
		if err := g.bucket.Wait(ctx); err != nil {
			return err
		}
		if !time.Now().Before(g.Held()) {
			return nil
		}
	}
}

// opened blocks until no hold is in force.
func (g *Gate) opened(ctx context.Context) error {
	for {
		left := time.Until(g.Held())
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Hold lets no request start before the wait is over. A hold never shortens an earlier one.
func (g *Gate) Hold(wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(wait); until.After(g.until) {
		g.until = until
	}
}

// HoldAndProbe holds as Hold does, for a wait that is shorter than Graph asked for. Until a request
// succeeds, callers should send one at a time.
func (g *Gate) HoldAndProbe(wait time.Duration) {
	g.Hold(wait)
	g.mu.Lock()
	g.probing = true
	g.mu.Unlock()
}

// Probing reports whether the hold that is in force, or was last, is to be ended by a single request.
func (g *Gate) Probing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.probing
}

// Held is when the gate opens; a time in the past if it is open.
func (g *Gate) Held() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until
}

// Throttled lowers the rate, because Graph answered 429.
func (g *Gate) Throttled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Sub(g.slowed) < slowerEvery {
		return
	}
	g.slowed, g.changed = now, now
	g.bucket.SetLimit(max(g.full*slowestPart, g.bucket.Limit()*slowerBy))
}

// Calm lets the rate return, step by step, because Graph answered.
func (g *Gate) Calm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
	if g.bucket.Limit() >= g.full {
		return
	}
	now := time.Now()
	if now.Sub(g.changed) < fasterEvery {
		return
	}
	g.changed = now
	g.bucket.SetLimit(min(g.full, g.bucket.Limit()+g.full*fasterBy))
}

// Rate is the present rate and the one asked for, in requests per second.
func (g *Gate) Rate() (present, full float64) {
	return float64(g.bucket.Limit()), float64(g.full)
}
