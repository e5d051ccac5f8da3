package graphsim

import (
	"maps"
	"strings"
	"sync"
	"time"
)

// earlyGrace is how long after its 429 was written a request may still be on its way.
const earlyGrace = 500 * time.Millisecond

// Stats is what GET /_sim/stats answers.
type Stats struct {
	// Requests is how many requests Graph got.
	Requests int64 `json:"requests"`
	// Outcomes counts Graph's answers: by status, and "cut", "truncated", "slow" and "html" for spoiled ones.
	Outcomes map[string]int64 `json:"outcomes"`
	// TokenOutcomes counts tokens given and refused by the login endpoint, by status.
	TokenOutcomes map[string]int64 `json:"tokenOutcomes"`
	// Early is how many requests came during a wait their own process had been told.
	Early int64 `json:"early"`
	// Instances counts by the instance id in the User-Agent.
	Instances map[string]InstanceStats `json:"instances"`
	// Items is how many items were sent, repetitions included.
	Items int64 `json:"items"`
	// Exposed is how many different versions were shown to anybody.
	Exposed int64 `json:"exposed"`
	// Messages and Versions are what the model holds; Bad of the messages are bad items.
	Messages int64 `json:"messages"`
	Versions int64 `json:"versions"`
	Bad      int64 `json:"bad"`
	// Pending is how many copies are still on their way to be visible.
	Pending int64 `json:"pending"`
	// Quiet says that nothing will change any more.
	Quiet bool `json:"quiet"`
}

// InstanceStats are the requests of one process.
type InstanceStats struct {
	Requests int64 `json:"requests"`
	Early    int64 `json:"early"`
}

// counters counts requests and knows which processes have been told to wait.
type counters struct {
	mu        sync.Mutex
	requests  int64
	items     int64
	early     int64
	outcomes  map[string]int64
	tokens    map[string]int64
	instances map[string]*instance
}

// instance is one client process.
type instance struct {
	InstanceStats
	holds []hold
}

// hold is a wait the process has been told.
type hold struct{ from, until time.Time }

func newCounters() *counters {
	return &counters{outcomes: map[string]int64{}, tokens: map[string]int64{}, instances: map[string]*instance{}}
}

// instanceID takes the instance id from a User-Agent of the form "name/version (instance id)".
func instanceID(userAgent string) string {
	_, rest, ok := strings.Cut(userAgent, "(instance ")
	if !ok {
		return ""
	}
	id, _, ok := strings.Cut(rest, ")")
	if !ok {
		return ""
	}
	return strings.TrimSpace(id)
}

func (c *counters) instance(id string) *instance {
	in := c.instances[id]
	if in == nil {
		in = &instance{}
		c.instances[id] = in
	}
	return in
}

// arrived counts a request, and whether it is early.
func (c *counters) arrived(id string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if id == "" {
		return
	}
	in := c.instance(id)
	in.Requests++
	early := false
	current := in.holds[:0]
	for _, h := range in.holds {
		if at.Before(h.until) {
			current = append(current, h)
			early = early || at.Sub(h.from) > earlyGrace
		}
	}
	in.holds = current
	if early {
		in.Early++
		c.early++
	}
}

// held notes that a process was told, at from, to wait until until.
func (c *counters) held(id string, from, until time.Time) {
	if id == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.instance(id)
	in.holds = append(in.holds, hold{from, until})
}

func (c *counters) outcome(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[name]++
}

func (c *counters) tokenOutcome(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[name]++
}

func (c *counters) shown(items int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items += int64(items)
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	c := s.stats
	c.mu.Lock()
	st := Stats{
		Requests: c.requests, Outcomes: maps.Clone(c.outcomes), TokenOutcomes: maps.Clone(c.tokens), Early: c.early,
		Instances: map[string]InstanceStats{}, Items: c.items,
	}
	for id, in := range c.instances {
		st.Instances[id] = in.InstanceStats
	}
	c.mu.Unlock()

	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(s.graphMillis())
	st.Exposed = int64(m.ledger.exposed)
	st.Messages = int64(len(m.messages))
	for i := range m.messages {
		st.Versions += int64(m.messages[i].versions())
		if m.messages[i].kind.bad() != "" {
			st.Bad++
		}
	}
	st.Pending = int64(len(m.pending))
	_, settled := m.quietAt()
	st.Quiet = settled && len(m.pending) == 0
	return st
}
