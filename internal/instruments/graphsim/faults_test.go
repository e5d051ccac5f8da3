package graphsim

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
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
		"503":        {func(f *Faults) { f.Unavailable = 1 }, 503, func(v string) bool { return v == "" || len(v) == 1 }},
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
			// A sound answer later is a separate showing.
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

func TestFaults_EveryOther503HasRetryAfter(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Faults: Faults{Unavailable: 1}})
	with := 0
	for range 40 {
		if c.get(messages(c.s.Users()[0])).header.Get("Retry-After") != "" {
			with++
		}
	}
	if with < 8 || with > 32 {
		t.Errorf("%d of 40 have Retry-After", with)
	}
}

// TestFaults_ThrottlingHasTheDocumentedBody compares with the sample of the throttling page.
func TestFaults_ThrottlingHasTheDocumentedBody(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Faults: Faults{ThrottleInteger: 1}})
	var body struct {
		Error struct {
			Code, Message string
			InnerError    map[string]string
		}
	}
	a := c.get(messages(c.s.Users()[0]))
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatal(err)
	}
	inner := body.Error.InnerError
	if body.Error.Code != "TooManyRequests" || body.Error.Message != "Please retry again later." || inner["code"] != "429" ||
		inner["status"] != "429" || inner["message"] != "Please retry after" || inner["date"] != "2026-03-02T10:00:00" {
		t.Errorf("%s", a.body)
	}
}

func TestFaults_TokenEndpointThrottles(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	c.adjust(Settings{Rates: map[string]float64{"fault-token": 1}})
	count := map[int]int{}
	for range 20 {
		resp, err := c.http.PostForm(c.s.AuthorityURL()+"/"+c.s.TenantID()+"/oauth2/v2.0/token", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || n < 1 {
			t.Errorf("Retry-After %q", resp.Header.Get("Retry-After"))
		}
		count[resp.StatusCode]++
	}
	if count[429] == 0 || count[503] == 0 || count[429]+count[503] != 20 {
		t.Errorf("answers %v", count)
	}
	if got := c.stats().TokenOutcomes; got["429"] != int64(count[429]) || got["503"] != int64(count[503]) || got["200"] != 1 {
		t.Errorf("token outcomes %v", got)
	}
}

// TestFaults_ComeAtTheirRateAndFromTheSeed asks often and compares what two simulators with one seed answer.
func TestFaults_ComeAtTheirRateAndFromTheSeed(t *testing.T) {
	const requests, rate = 600, 0.06
	outcomes := func(seed uint64) (list []string) {
		cfg := Config{Seed: seed, Users: 2, Chats: 1, History: History{Messages: 5}, Faults: EveryFault(rate)}
		cfg.Faults.Slow = 0 // would take its time
		c := start(t, cfg)
		for range requests {
			before := c.stats().Outcomes
			c.get(messages(c.s.Users()[0]))
			for name, n := range c.stats().Outcomes {
				if n != before[name] {
					list = append(list, name)
				}
			}
		}
		return list
	}
	first := outcomes(1)
	if len(first) != requests || !slices.Equal(first, outcomes(1)) || slices.Equal(first, outcomes(2)) {
		t.Errorf("%d outcomes; one seed must give one sequence, two seeds two", len(first))
	}
	count := map[string]int{}
	for _, name := range first {
		count[name]++
	}
	for _, name := range []string{"500", "502", "503", "504", "509", "cut", "truncated", "html"} {
		if n := count[name]; n < requests*rate/3 || n > requests*rate*2 {
			t.Errorf("%d times %s, want about %g", n, name, requests*rate)
		}
	}
	if n := count["429"]; n < requests*rate*2 || n > requests*rate*6 { // four kinds
		t.Errorf("429 %d times", n)
	}
}

func TestTop_LargeOneTimesOut(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 5}, Limits: Limits{TopTimeout: 1000}})
	user := c.s.Users()[0]
	a := c.get(messages(user, "$top=1000"))
	if a.status != http.StatusGatewayTimeout || !strings.Contains(string(a.body), `"code":"UnknownError","message":""`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if e := c.page(messages(user, "$top=999")); len(e.Value) != 5 {
		t.Errorf("%d items", len(e.Value))
	}
}

// slowWriter is the connection of a client that takes long to take an answer: the clock moves while it is written.
type slowWriter struct {
	*httptest.ResponseRecorder
	clock *handClock
	takes time.Duration
}

func (w slowWriter) Write(p []byte) (int, error) {
	w.clock.Add(w.takes)
	return w.ResponseRecorder.Write(p)
}

func TestEarly_WaitCountsFromTheAnswersFirstByte(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Faults: Faults{ThrottleInteger: 1, RetryAfter: time.Second}})
	ask := func(takes time.Duration) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, messages(c.s.Users()[0]), nil)
		r.Header.Set("User-Agent", "client/1 (instance a)")
		c.s.ServeHTTP(slowWriter{httptest.NewRecorder(), c.clock, takes}, r)
	}
	ask(400 * time.Millisecond)
	c.clock.Add(600 * time.Millisecond) // a second after the decision
	ask(400 * time.Millisecond)
	if early := c.stats().Early; early != 0 {
		t.Errorf("%d early requests of a punctual client", early)
	}
	c.clock.Add(599 * time.Millisecond)
	ask(0)
	if early := c.stats().Early; early != 1 {
		t.Errorf("%d early requests, want the one that came a millisecond too soon", early)
	}
}

// TestFaults_DateOfAWaitIsRight: a client can only tell how long a wait until a date is from the Date beside it.
func TestFaults_DateOfAWaitIsRight(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, DateSkew: -time.Hour, Faults: Faults{ThrottleDate: 1}, Quirks: Quirks{DateJitter: 1}})
	for range 20 {
		h := c.get(messages(c.s.Users()[0])).header
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		until, err := http.ParseTime(h.Get("Retry-After"))
		if err != nil {
			t.Fatal(err)
		}
		if wait := until.Sub(date); !date.Equal(c.clock.Now().Add(-time.Hour)) || wait < time.Second || wait > 10*time.Second {
			t.Errorf("wait until %s at %s", until, date)
		}
	}
}
