package source

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// load is requests through a gate in virtual time, from as many workers as there are slots, as fast as
// the gate lets them.
type load struct {
	gate    *Gate
	slots   int
	latency time.Duration
	// throttle is asked for every request when it arrives: the Retry-After, 0 if it is admitted.
	throttle func(now time.Time) time.Duration

	stubborn bool // tell the gate nothing of 429s but their waits

	mu        sync.Mutex
	admitted  int
	throttled []time.Time
}

func (l *load) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range l.slots {
		workers.Go(func() {
			for {
				ticket, err := l.gate.Enter(ctx)
				if err != nil {
					return
				}
				<-time.After(l.latency / 2)
				l.mu.Lock()
				wait := l.throttle(time.Now())
				if wait > 0 {
					l.throttled = append(l.throttled, time.Now())
				} else {
					l.admitted++
				}
				l.mu.Unlock()
				<-time.After(l.latency / 2)
				if wait > 0 && !l.stubborn {
					l.gate.Leave(ticket, throttled)
				} else {
					l.gate.Leave(ticket, admitted)
				}
				l.gate.Hold(wait)
			}
		})
	}
	workers.Wait()
}

// after returns how many requests were throttled from a time on.
func (l *load) after(from time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.throttled {
		if !at.Before(from) {
			n++
		}
	}
	return n
}

// Random throttling costs the waits it asks for, and hardly anything more: what goes through is measured
// beside a gate whose rate never yields (invariant 9).
func TestGate_RandomThrottlingCostsItsWaitsOnly(t *testing.T) {
	for _, p := range []float64{0.005, 0.01, 0.02, 0.05} {
		for _, latency := range []time.Duration{25 * time.Millisecond, 200 * time.Millisecond} {
			t.Run(fmt.Sprint(p, latency), func(t *testing.T) {
				through := func(stubborn bool) int {
					l := &load{gate: NewGate(DefaultRate), slots: 64, latency: latency, stubborn: stubborn}
					synctest.Test(t, func(t *testing.T) {
						random := rand.New(rand.NewPCG(1, 2))
						l.throttle = func(time.Time) time.Duration {
							if random.Float64() < p {
								return time.Second
							}
							return 0
						}
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
						defer cancel()
						l.run(ctx)
					})
					return l.admitted
				}
				share := float64(through(false)) / float64(through(true))
				t.Logf("%.3f", share)
				if share < 1-3*p {
					t.Errorf("%.1f %% of what the waits leave went through, want %.1f %%", 100*share, 100*(1-3*p))
				}
			})
		}
	}
}

// tokens is a quota as a token bucket that holds a second's worth.
func tokens(perSecond func(now time.Time) float64, wait time.Duration) func(time.Time) time.Duration {
	var left float64
	var last time.Time
	return func(now time.Time) time.Duration {
		quota := perSecond(now)
		left = min(quota, left+now.Sub(last).Seconds()*quota)
		last = now
		if left < 1 {
			return wait
		}
		left--
		return 0
	}
}

// A quota below SOURCE_RATE is used nearly in full, with few requests throttled (invariants 6 and 9).
func TestGate_AQuotaBelowTheRateIsFound(t *testing.T) {
	// At 20/s one request is in flight, and a 429 that refuses a single request looks like a random one:
	// no more is known than that Graph asks to wait, which is obeyed.
	for quota, least := range map[float64]float64{100: 0.02, 20: 0.06} {
		for _, wait := range []time.Duration{time.Second, 5 * time.Second} {
			for _, latency := range []time.Duration{25 * time.Millisecond, 200 * time.Millisecond} {
				t.Run(fmt.Sprint(quota, wait, latency), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						l := &load{gate: NewGate(DefaultRate), slots: 64, latency: latency,
							throttle: tokens(func(time.Time) float64 { return quota }, wait)}
						began := time.Now()
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
						defer cancel()
						l.run(ctx)
						share := float64(l.admitted) / (quota * 600)
						late := l.after(began.Add(time.Minute))
						refused := float64(late) / float64(l.admitted)
						t.Logf("%.2f of the quota, %.1f throttled a minute, %.2f %% of the requests", share, float64(late)/9, 100*refused)
						// The wait is longer than this quota can make up for afterwards.
						if wait == time.Second && share < 0.9 {
							t.Errorf("%.0f %% of the quota was used", 100*share)
						}
						if refused > least {
							t.Errorf("%.2f %% of the requests were throttled, want at most %.2f %%", 100*refused, 100*least)
						}
					})
				})
			}
		}
	}
}

// Once a quota is back, so is the rate, within seconds.
func TestGate_TheRateReturnsWithTheQuota(t *testing.T) {
	for _, quota := range []float64{100, 20} {
		t.Run(fmt.Sprint(quota), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				back := time.Now().Add(5 * time.Minute)
				l := &load{gate: NewGate(DefaultRate), slots: 64, latency: 100 * time.Millisecond,
					throttle: tokens(func(now time.Time) float64 {
						if now.Before(back) {
							return quota
						}
						return 10 * DefaultRate
					}, time.Second)}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { l.run(ctx); close(ended) }()
				<-time.After(time.Until(back))
				for {
					if rate, full := l.gate.Rate(); rate == full {
						break
					}
					<-time.After(100 * time.Millisecond)
				}
				if took := time.Since(back); took > 25*time.Second {
					t.Errorf("the rate took %v to return", took)
				}
				cancel()
				<-ended
			})
		})
	}
}

// From a cut of the full rate the way back takes five seconds, and a hold adds its own length.
func TestCubic_ReturnsInSecondsAndIsBounded(t *testing.T) {
	cut := time.Unix(0, 0)
	c := newCubic(160)
	c.cut(cut)
	for second, want := range []float64{112, 135.7, 149.9, 157.1, 159.7, 160, 160} {
		if got := c.at(cut.Add(time.Duration(second) * time.Second)); math.Abs(got-want) > 0.1 {
			t.Errorf("%.1f after %d s, want %.1f", got, second, want)
		}
	}
	c.pause(time.Hour)
	if got := c.at(cut.Add(time.Hour)); got != 112 {
		t.Errorf("%.1f at the end of a hold, want 112", got)
	}
	for _, full := range []float64{0.1, 1, 20, 1000} {
		c, now := newCubic(full), cut
		random := rand.New(rand.NewPCG(3, 4))
		for range 10_000 {
			now = now.Add(time.Duration(random.ExpFloat64() * float64(time.Second)))
			if random.IntN(3) == 0 {
				c.cut(now)
			}
			if got := c.at(now); !(got >= min(slowest, full) && got <= full) {
				t.Fatalf("the rate is %v of %v", got, full)
			}
		}
		if got := c.at(now.Add(10 * time.Minute)); got != full {
			t.Errorf("%v of %v after ten minutes", got, full)
		}
	}
}

// The rate goes down once for all requests that were in flight together.
func TestCongestion_OneCutARound(t *testing.T) {
	var c congestion
	tickets := make([]uint64, 64)
	for i := range tickets {
		tickets[i] = c.start()
	}
	cuts := 0
	for _, ticket := range tickets {
		if c.end(ticket, throttled) {
			cuts++
		}
	}
	if cuts != 1 {
		t.Errorf("%d cuts, want 1", cuts)
	}
	// A request alone in flight: its first 429 can be anybody's, many in a row cannot.
	c = congestion{}
	for i := range 4 {
		if cut, want := c.end(c.start(), throttled), i == 3; cut != want {
			t.Errorf("429 number %d in a row: cut %v, want %v", i+1, cut, want)
		}
	}
	for range 100 {
		if c.end(c.start(), admitted) || c.end(c.start(), throttled) {
			t.Fatal("cut, although every other request was admitted and no two 429s came together")
		}
	}
}
