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

// Gate is what every request of a tenant passes, whatever its user and kind: one token bucket, one wait
// that a Retry-After imposes on all (invariant 6), and a rate that yields to throttling and returns
// (invariant 9).
type Gate struct {
	bucket *rate.Limiter

	mu      sync.Mutex
	until   time.Time // no request starts before
	probing bool      // the present hold is shorter than Graph asked for: a single request goes first
	rate    cubic
	answers congestion
}

// NewGate makes a gate for so many requests per second.
func NewGate(perSecond float64) *Gate {
	return &Gate{rate: newCubic(perSecond), bucket: rate.NewLimiter(rate.Limit(perSecond), burst(perSecond))}
}

// burst is a tenth of a second's requests: enough to keep requests in flight, too few for Graph's short
// window to notice.
func burst(perSecond float64) int { return max(1, int(perSecond/10)) }

// Enter blocks until a request may start and returns its ticket, which Leave takes back. It returns the
// context's error if that ends first.
func (g *Gate) Enter(ctx context.Context) (ticket uint64, err error) {
	for {
		// The bucket comes after the hold, so that the waiting requests do not all start at once; then
		// the hold again, because a Retry-After may have come during the wait for the bucket.
		if err := g.opened(ctx); err != nil {
			return 0, err
		}
		g.adjust()
		if err := g.bucket.Wait(ctx); err != nil {
			return 0, err
		}
		if ticket, ok := g.start(); ok {
			return ticket, nil
		}
	}
}

// start counts a request as in flight. ok is false if a hold is in force.
func (g *Gate) start() (ticket uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.until) {
		return 0, false
	}
	return g.answers.start(), true
}

// Leave takes the ticket of a request that has ended, and how it ended.
func (g *Gate) Leave(ticket uint64, ended ending) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.answers.end(ticket, ended) {
		g.rate.cut(time.Now())
		g.set()
	}
}

// adjust lets the rate return.
func (g *Gate) adjust() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set()
}

// set gives the bucket the present rate. It is called with the lock held.
func (g *Gate) set() {
	limit := g.rate.at(time.Now())
	if limit != float64(g.bucket.Limit()) {
		g.bucket.SetLimit(rate.Limit(limit))
		g.bucket.SetBurst(burst(limit))
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
	now := time.Now()
	until := now.Add(wait)
	if !until.After(g.until) {
		return
	}
	if g.until.After(now) {
		now = g.until
	}
	g.rate.pause(until.Sub(now))
	g.until = until
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

// Held returns when the gate opens; a time in the past if it is open.
func (g *Gate) Held() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until
}

// Probed ends the probing, because a request succeeded.
func (g *Gate) Probed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
}

// Rate returns the present rate and the configured one, in requests per second.
func (g *Gate) Rate() (present, full float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rate.at(time.Now()), g.rate.full
}
