package source

import (
	"math"
	"time"
)

// How the rate yields and returns, in requests per second and seconds. The cut and the steepness are
// CUBIC's (RFC 9438): from a cut of 160/s the rate is back in 5 s. Beyond the rate at which it was
// throttled it grows by less, so that a quota below SOURCE_RATE is met a few times a minute and not all
// the time, and one that is lifted is used again after 20 s.
const (
	cutTo      = 0.7
	steepness  = 0.4
	gentleness = 0.02
	slowest    = 1.0
)

// cubic is the rate of a tenant's requests over time: down at once when it is cut, then along a cubic
// curve that is flat around the rate at which it was cut. It knows no clock and no lock.
type cubic struct {
	full  float64   // never more than this
	from  float64   // the rate after the cut
	top   float64   // where the curve is flat
	since time.Time // when the curve began
}

func newCubic(full float64) cubic { return cubic{full: full, from: full, top: full} }

// at returns the rate at a time.
func (c *cubic) at(now time.Time) float64 {
	t := max(0, now.Sub(c.since).Seconds())
	t -= math.Cbrt((c.top - c.from) / steepness)
	k := steepness
	if t > 0 {
		k = gentleness
	}
	return min(c.full, c.top+k*t*t*t)
}

// cut lowers the rate.
func (c *cubic) cut(now time.Time) {
	rate := c.at(now)
	top := rate
	if rate < c.full {
		// Cut again on the way back: the quota is below the full rate, and near this one.
		top = rate * (1 + cutTo) / 2
	}
	least := min(slowest, c.full)
	*c = cubic{full: c.full, from: max(least, rate*cutTo), top: max(least, top), since: now}
}

// pause stops the curve for as long as no request can start: nothing is learned meanwhile.
func (c *cubic) pause(d time.Duration) { c.since = c.since.Add(d) }
