package graphsim

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestFaults_EachHasItsAnswer(t *testing.T) {
	retryAfter := func(h http.Header) string { return h.Get("Retry-After") }
	for name, test := range map[string]struct {
		set    func(*Faults)
		status int
		holds  func(string) bool // of Retry-After
	}{
		"429 integer": {func(f *Faults) { f.ThrottleInteger = 1 }, 429, func(v string) bool {
			n, err := strconv.Atoi(v)
			return err == nil && n >= 1 && n <= 10
		}},
		"429 fraction": {func(f *Faults) { f.ThrottleFraction = 1 }, 429, func(v string) bool {
			n, err := strconv.ParseFloat(v, 64)
			return err == nil && strings.Contains(v, ".") && n >= 1 && n <= 10
		}},
		"429 date": {func(f *Faults) { f.ThrottleDate = 1 }, 429, func(v string) bool {
			at, err := http.ParseTime(v)
			return err == nil && !at.Before(time.Date(2026, 3, 2, 10, 0, 1, 0, time.UTC))
		}},
		"429 silent": {func(f *Faults) { f.ThrottleSilent = 1 }, 429, func(v string) bool { return v == "" }},
		"500":        {func(f *Faults) { f.InternalError = 1 }, 500, func(v string) bool { return v == "" }},
		"502":        {func(f *Faults) { f.BadGateway = 1 }, 502, func(v string) bool { return v == "" }},
		"503":        {func(f *Faults) { f.Unavailable = 1 }, 503, func(string) bool { return true }},
		"504":        {func(f *Faults) { f.GatewayTimeout = 1 }, 504, func(v string) bool { return v == "" }},
		"509":        {func(f *Faults) { f.Bandwidth = 1 }, 509, func(v string) bool { return v == "" }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Users: 2, Chats: 1, History: History{Messages: 5}}
			test.set(&cfg.Faults)
			c := start(t, cfg)
			a := c.get(messages(c.s.Users()[0]))
			var body struct {
				Error struct {
					Code       *string
					InnerError map[string]string
				}
			}
			if err := json.Unmarshal(a.body, &body); err != nil || body.Error.Code == nil || body.Error.InnerError["request-id"] != a.header.Get("request-id") {
				t.Errorf("body %s: %v", a.body, err)
			}
			if a.status != test.status || !test.holds(retryAfter(a.header)) {
				t.Errorf("%d with Retry-After %q", a.status, retryAfter(a.header))
			}
			if got := c.stats().Outcomes; !maps.Equal(got, map[string]int64{strconv.Itoa(test.status): 1}) {
				t.Errorf("outcomes %v", got)
			}
			if lines := c.ledger(); slices.ContainsFunc(lines, func(l LedgerLine) bool { return len(l.Shown) > 0 }) {
				t.Error("an error answer showed something")
			}
		})
	}
}

func TestFaults_SpoiledBodiesAreCutShowings(t *testing.T) {
	for name, set := range map[string]func(*Faults){
		"cut": func(f *Faults) { f.Cut = 1 }, "truncated": func(f *Faults) { f.Truncate = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Users: 2, Chats: 1, History: History{Messages: 20}}
			set(&cfg.Faults)
			c := start(t, cfg)
			user := c.s.Users()[0]
			for i := range 4 {
				c.http = trusting(t, c.s)
				c.http.Transport.(*http.Transport).ForceAttemptHTTP2 = i%2 == 0
				a := c.get(messages(user, "$top=20"))
				if a.err == nil && json.Valid(a.body) {
					t.Errorf("a whole body came: %s", a.body)
				}
				if name == "cut" && a.err == nil {
					t.Error("the connection was not cut")
				}
				if name == "truncated" && (a.err != nil || a.status != http.StatusOK) {
					t.Errorf("%d %v, want a complete response", a.status, a.err)
				}
			}
			lines := c.ledger()
			if len(lines) != 20 {
				t.Errorf("%d lines", len(lines))
			}
			for _, l := range lines {
				if len(l.Shown) != 1 || !l.Shown[0].Cut {
					t.Errorf("shown %+v", l.Shown)
				}
			}
			// A sound answer later is a showing of its own.
			c.adjust(Settings{Rates: map[string]float64{"fault-cut": 0, "fault-truncate": 0}})
			c.page(messages(user, "$top=20"))
			for _, l := range c.ledger() {
				if len(l.Shown) != 2 || !l.Shown[0].Cut || l.Shown[1].Cut {
					t.Errorf("shown %+v", l.Shown)
				}
			}
		})
	}
}

func TestFaults_HTMLPageShowsNothing(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 5}, Faults: Faults{ContentType: 1}})
	a := c.get(messages(c.s.Users()[0]))
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || json.Valid(a.body) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	for _, l := range c.ledger() {
		if len(l.Shown) > 0 {
			t.Errorf("shown %+v", l.Shown)
		}
	}
}

func TestFaults_SlowBodyIsWhole(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 5}, Faults: Faults{Slow: 1, SlowFor: 20 * time.Millisecond}})
	if e := c.page(messages(c.s.Users()[0])); len(e.Value) != 5 {
		t.Errorf("%d items", len(e.Value))
	}
	if got := c.stats().Outcomes["slow"]; got != 1 {
		t.Errorf("%d slow answers", got)
	}
}

func TestEarly_CountsRequestsInsideAWait(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Faults: Faults{ThrottleInteger: 1, RetryAfter: time.Second}})
	link := messages(c.s.Users()[0])
	as := func(instance string) { c.header.Set("User-Agent", "teams-kafka-connector/0.1 (instance "+instance+")") }
	as("a")
	c.get(link)
	c.clock.Add(200 * time.Millisecond)
	c.get(link) // was perhaps on its way already
	as("b")
	c.clock.Add(400 * time.Millisecond)
	c.get(link) // another process, which was not told
	if early := c.stats().Early; early != 0 {
		t.Fatalf("%d early requests, want none", early)
	}
	as("a")
	c.clock.Add(300 * time.Millisecond)
	c.get(link) // 900 ms after the first
	st := c.stats()
	if st.Early != 1 || st.Instances["a"] != (InstanceStats{Requests: 3, Early: 1}) || st.Instances["b"] != (InstanceStats{Requests: 1}) {
		t.Errorf("early %d, instances %v", st.Early, st.Instances)
	}
	c.clock.Add(time.Second)
	c.get(link) // exactly when the last wait is over
	if early := c.stats().Early; early != 1 {
		t.Errorf("%d early requests after the wait", early)
	}
}

func TestLimits_BurstAndSustained(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Limits: Limits{PerSecond: 10, SustainedShare: 0.5, SustainedOver: 4 * time.Second}})
	link := messages(c.s.Users()[0])
	ask := func(n int) (ok int) {
		for range n {
			if a := c.get(link); a.status == http.StatusOK {
				ok++
			} else if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
				t.Fatalf("%d", a.status)
			}
		}
		return ok
	}
	if ok := ask(12); ok != 10 {
		t.Errorf("%d in the first second, want 10", ok)
	}
	c.clock.Add(time.Second)
	if ok := ask(10); ok != 8 { // 20 in 4 s, and the refused ones count
		t.Errorf("%d in the second second, want 8", ok)
	}
	c.clock.Add(4 * time.Second)
	if ok := ask(10); ok != 10 {
		t.Errorf("%d after a rest, want 10", ok)
	}
}
