package year

import (
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// calendar decides what happens on which day.
type calendar struct {
	y    *year
	ends map[int][]func() // what is over on a day
	last int
	// free is the first day on which an outage may begin. Graph shows a deleted message for 21 days, so
	// that between two outages of 14 days everything must be read.
	free int

	share float64 // of the requests that fail
	down  bool    // Graph
}

func newCalendar(y *year, length time.Duration) *calendar {
	return &calendar{y: y, ends: make(map[int][]func()), last: int(length/day) - 1, free: 5}
}

// until calls a function at the beginning of a day, the last one at the latest.
func (c *calendar) until(n int, end func()) {
	n = min(n, c.last)
	c.ends[n] = append(c.ends[n], end)
}

// during notes that something happens.
func (c *calendar) during(what string) { c.y.happened[what]++ }

// begin begins a day.
func (c *calendar) begin(today int) {
	for _, end := range c.ends[today] {
		end()
	}
	delete(c.ends, today)
	if today >= c.last {
		return
	}
	r := c.y.random
	if today%5 == 0 {
		c.faults(0.005 + r.Float64()*0.045)
	}
	if today >= c.free && r.IntN(6) == 0 {
		c.outage(today)
	}
	switch r.IntN(5) {
	case 0:
		c.hang(today)
	case 1:
		c.poison()
	case 2:
		c.leave(today)
	case 3:
		c.clock(today)
	case 4:
		c.restart()
	}
}

// faults sets the share of the requests that fail, except during an outage of Graph.
func (c *calendar) faults(share float64) {
	c.share = share
	if c.down {
		return
	}
	rates := make(map[string]float64)
	kinds := []string{"fault-429-integer", "fault-500", "fault-502", "fault-503", "fault-504", "fault-cut", "fault-truncate", "quirk-stale-token"}
	for _, kind := range kinds {
		rates[kind] = share / float64(len(kinds))
	}
	c.y.adjust(rates)
}

// graph takes Graph down, or brings it back.
func (c *calendar) graph(down bool) {
	share := c.share
	c.faults(0)
	if c.down = down; down {
		c.y.adjust(map[string]float64{"fault-500": 1})
	}
	c.faults(share)
}

// outage keeps Graph, Kafka or the process down for an hour to 14 days.
func (c *calendar) outage(today int) {
	lengths := []int{0, 0, 0, 1, 2, 4, 14} // days; 0 is some hours
	length := lengths[c.y.random.IntN(len(lengths))]
	c.free = today + length + 8
	begin, end := c.outages()
	begin()
	if length == 0 {
		time.Sleep(time.Duration(1+c.y.random.IntN(12)) * time.Hour)
		end()
		return
	}
	c.until(today+length, end)
}

func (c *calendar) outages() (begin, end func()) {
	y := c.y
	switch y.random.IntN(3) {
	case 0:
		c.during("outage of Graph")
		return func() { c.graph(true) }, func() { c.down = false; c.graph(false) }
	case 1:
		c.during("outage of Kafka")
		return func() { y.kafka.outage(true) }, func() { y.kafka.outage(false) }
	default:
		c.during("outage of the process")
		return func() {
				if y.stop != nil {
					y.stop()
				}
			}, func() {
				if y.stop == nil {
					y.start()
				}
			}
	}
}

// hang lets a mailbox hang for some days.
func (c *calendar) hang(today int) {
	c.during("mailbox that hangs")
	user := c.y.anybody()
	c.y.change(user, func(s *graphsim.UserSettings) { s.Rates = map[string]float64{"mailbox-hang": 1} })
	c.until(today+1+c.y.random.IntN(4), func() { c.y.change(user, func(s *graphsim.UserSettings) { s.Rates = nil }) })
}

// poison spoils up to an hour of a mailbox, for ever.
func (c *calendar) poison() {
	c.during("poisoned stretch")
	from := time.Now().Add(-time.Duration(c.y.random.IntN(24)) * time.Hour).UnixMilli()
	to := from + 1 + c.y.random.Int64N(time.Hour.Milliseconds())
	c.y.change(c.y.anybody(), func(s *graphsim.UserSettings) { s.Poison = append(s.Poison, graphsim.Poison{From: from, To: to}) })
}

// leave takes a user out of the directory for some days: no longer, because together with an outage it must
// remain below the 21 days for which Graph shows a deleted message.
func (c *calendar) leave(today int) {
	c.during("leaver who returns")
	user := c.y.anybody()
	apply := func(do string) {
		if _, err := c.y.sim.Apply(graphsim.Change{Do: do, User: user}); err != nil {
			c.y.t.Error(err)
		}
	}
	apply("remove")
	c.until(today+1+c.y.random.IntN(4), func() { apply("restore") })
}

// clock lets Graph's clock go up to three hours wrong for a day.
func (c *calendar) clock(today int) {
	c.during("step of a clock")
	step := func(by time.Duration) {
		skew := by.Milliseconds()
		if err := c.y.sim.Adjust(graphsim.Settings{DateSkewMillis: &skew}); err != nil {
			c.y.t.Fatal(err)
		}
	}
	step(time.Duration(c.y.random.IntN(360)-180) * time.Minute)
	c.until(today+1, func() { step(0) })
}

// restart ends the process in order and begins another one.
func (c *calendar) restart() {
	if c.y.stop == nil {
		return
	}
	c.during("restart")
	c.y.stop()
	c.y.start()
}

// calm ends everything.
func (c *calendar) calm() {
	for _, ends := range c.ends {
		for _, end := range ends {
			end()
		}
	}
	c.y.kafka.outage(false)
	if c.y.stop == nil {
		c.y.start()
	}
	c.down = false
	c.faults(0)
}
