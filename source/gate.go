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

// Gate is what every request of a tenant passes, whatever its user and kind: one token bucket, and
// one wait that a Retry-After imposes on all (invariant 6).
type Gate struct {
	bucket *rate.Limiter

	mu    sync.Mutex
	until time.Time // no request starts before
}

// NewGate makes a gate for so many requests per second.
func NewGate(perSecond float64) *Gate {
	// A burst of a tenth of a second: enough to keep requests in flight, too small for Graph's
	// short window to notice.
	return &Gate{bucket: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))}
}

// Wait blocks until a request may start. It returns the context's error if that ends first.
func (g *Gate) Wait(ctx context.Context) error {
	if err := g.bucket.Wait(ctx); err != nil {
		return err
	}
	// Last, because a Retry-After may have come while the bucket was waited for; and again after
	// each wait, because a longer one may have come meanwhile.
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

// Held is when the gate opens; a time in the past if it is open.
func (g *Gate) Held() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until
}
