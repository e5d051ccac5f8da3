package source

import "math"

// ending is how a request ended.
type ending int

const (
	admitted  ending = iota // Graph answered it
	throttled               // with 429
	broken                  // not at all, or with a failure of the service
)

// The two explanations of a 429 that congestion weighs: faults hit up to this share of requests at random,
// or the rate is above the quota by so much that this share is refused.
const (
	atRandom  = 0.05
	tooMuch   = 0.25
	certainty = 50 // how many times likelier the second must be
)

// What one request of a round adds to the logarithm of that likelihood.
var (
	forIt     = math.Log(tooMuch / atRandom)
	againstIt = math.Log((1 - tooMuch) / (1 - atRandom))
)

// congestion tells throttling that the tenant's rate causes from 429s that hit a request here and there.
// A 429 begins a round: what the other requests in flight at that moment meet, which it is too late to
// stop, is evidence. Too high a rate loses many of them, a random 429 is mostly alone. The rate is to be
// cut once a round at most. It knows no clock and no lock.
type congestion struct {
	started  uint64 // the ticket of the last request
	inFlight int
	round    uint64  // the last ticket of the present round
	calm     bool    // a request that began after the present round was admitted
	cut      bool    // the present round has led to a cut
	evidence float64 // that the rate is too high, since it was cut or seemed not to be
}

// start returns the ticket of a request that begins.
func (c *congestion) start() (ticket uint64) {
	c.started++
	c.inFlight++
	return c.started
}

// end takes a request's end and reports whether the rate is to be cut.
func (c *congestion) end(ticket uint64, e ending) (cut bool) {
	c.inFlight--
	switch {
	case e == admitted && ticket > c.round:
		c.calm = true
	case e != throttled:
	case ticket > c.round:
		c.begin()
	case !c.cut:
		c.evidence += forIt - againstIt
	}
	if c.evidence < math.Log(certainty) {
		return false
	}
	c.evidence, c.cut = 0, true
	return true
}

// begin begins a round: all others in flight count as admitted until they turn out otherwise.
func (c *congestion) begin() {
	c.evidence = max(0, c.evidence) + float64(c.inFlight)*againstIt
	if c.round > 0 && !c.calm {
		// The first answer after the last round: nothing was admitted in between, so that this 429 is
		// evidence by itself, and all there can be with one request in flight.
		c.evidence += forIt
	}
	c.round, c.calm, c.cut = c.started, false, false
}
