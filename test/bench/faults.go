package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// kindOfFault is a fault as the table names it: the simulator's behaviors that share its rate.
type kindOfFault struct {
	name       string
	behaviors  []string
	everything bool // each behavior has the whole rate
}

var kindsOfFaults = []kindOfFault{
	{name: "429", behaviors: []string{"fault-429-integer", "fault-429-fraction", "fault-429-date"}},
	{name: "500/502/503", behaviors: []string{"fault-500", "fault-502", "fault-503"}},
	{name: "504", behaviors: []string{"fault-504"}},
	{name: "cut body", behaviors: []string{"fault-cut"}},
	{name: "truncated JSON", behaviors: []string{"fault-truncate"}},
	{name: "stale link", behaviors: []string{"quirk-stale-token"}},
}

// allAtOnce is every fault at the same rate together.
func allAtOnce() kindOfFault {
	all := kindOfFault{name: "all together", everything: true}
	for _, k := range kindsOfFaults {
		all.behaviors = append(all.behaviors, k.behaviors[0])
	}
	return all
}

func (k kindOfFault) rates(p float64) map[string]float64 {
	rates := make(map[string]float64)
	for _, name := range k.behaviors {
		rates[name] = p
		if !k.everything {
			rates[name] /= float64(len(k.behaviors))
		}
	}
	return rates
}

// total is how many of the requests meet a fault.
func (k kindOfFault) total(p float64) float64 {
	if k.everything {
		return p * float64(len(k.behaviors))
	}
	return p
}

// wayOfReading is a column of the table.
type wayOfReading struct {
	name            string
	users, messages int
	reach           time.Duration // of the messages
	rate            float64       // of new messages
	lasts           time.Duration // 0: until all is read
	repeat          int           // with as many seeds
}

func waysOfReading(short bool) []wayOfReading {
	n := 4
	if short {
		n = 1
	}
	ways := []wayOfReading{
		{name: "live polls", users: 400, rate: 2, lasts: time.Duration(n) * 30 * time.Second, repeat: 1},
		{name: "one user", users: 1, messages: 20_000, reach: 23 * time.Hour, repeat: n},
	}
	if !short { // its time is that of the user who ends last, so that a little of it says nothing
		ways = append(ways, wayOfReading{name: "history", users: 100, messages: n * 40_000, reach: 20 * 24 * time.Hour, repeat: 1})
	}
	return ways
}

// latency is how long a request takes.
const latency = 200 * time.Millisecond

// longestReading ends a reading that does not come to its end. Without faults each takes minutes.
const longestReading = 2 * time.Hour

// withVirtualTime calls a function that reports, and ends the process with its error. Bubbles of virtual
// time exist for tests only, and the testing package runs tests of other programs in no other way.
func withVirtualTime(report func(*testing.T) error) {
	testing.Init()
	_ = flag.CommandLine.Parse(nil) // nothing that can be wrong
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "bench", F: func(t *testing.T) {
		if err := report(t); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}}}, nil, nil)
}

// measureFaults runs the poller against the simulator, both in this process and in virtual time.
func measureFaults(ctx context.Context, t *testing.T, short bool) (*goodputs, error) {
	began := time.Now()
	rates := []float64{0.005, 0.01, 0.02, 0.05}
	if short {
		rates = []float64{0.01}
	}
	var r goodputs
	for _, size := range []int{50, 7} {
		for _, w := range waysOfReading(short) {
			base := w.run(t, size, nil)
			for _, p := range rates {
				for _, k := range kindsOfFaults {
					r.measure(t, w, size, base, k, p)
				}
				if p == 0.01 {
					r.measure(t, w, size, base, allAtOnce(), p)
				}
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
			}
		}
	}
	r.Seconds = time.Since(began).Seconds()
	for _, g := range r.Cells {
		if g.missed() {
			return &r, errMissed
		}
	}
	return &r, nil
}

// measure adds a cell.
func (r *goodputs) measure(t *testing.T, w wayOfReading, size int, base work, k kindOfFault, p float64) {
	got := w.run(t, size, k.rates(p))
	g := goodput{Fault: k.name, Rate: p, Reading: w.name, PageSize: size, Hits: got.hits,
		Share: min(got.perSecond()/base.perSecond(), got.perRequest()/base.perRequest()), Goal: 1 - 3*k.total(p)}
	// The number of faults has a spread of its root; what one may cost is in the goal. A hundredth is what
	// the order of the requests changes.
	g.Noise = 0.01 + 2*3*k.total(p)/math.Sqrt(float64(max(1, got.hits)))
	r.Cells = append(r.Cells, g)
	fmt.Fprintf(os.Stderr, "%s %.1f %%, %s, pages of %d: %.3f (goal %.3f), %d faults\n", k.name, 100*p, w.name, size, g.Share, g.Goal, g.Hits)
}

// work is what was done in a run.
type work struct {
	useful         float64
	seconds        float64 // without waits
	requests, hits int64   // all, and those that met a fault
}

func (w work) perSecond() float64  { return w.useful / w.seconds }
func (w work) perRequest() float64 { return w.useful / float64(w.requests) }

// run reads with faults at these rates.
func (w wayOfReading) run(t *testing.T, pageSize int, rates map[string]float64) (sum work) {
	for seed := range w.repeat {
		one := w.once(t, pageSize, rates, uint64(seed+1))
		sum.useful += one.useful
		sum.seconds += one.seconds
		sum.requests += one.requests
		sum.hits += one.hits
	}
	return sum
}

func (w wayOfReading) once(t *testing.T, pageSize int, rates map[string]float64, seed uint64) (done work) {
	now := func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) } // when every bubble begins
	cfg := graphsim.Defaults()
	cfg.Seed, cfg.Users, cfg.MaxMembers, cfg.Rate = seed, w.users, 1, w.rate
	cfg.Edits, cfg.Reactions, cfg.Deletions, cfg.Lateness = 0, 0, 0, graphsim.Lateness{}
	cfg.History = graphsim.History{Messages: w.messages, Reach: w.reach}
	cfg.Limits, cfg.Quirks, cfg.Faults = graphsim.Limits{}, graphsim.Quirks{}, graphsim.Faults{RetryAfter: time.Second}
	cfg.Now = func() time.Time { return now() }
	for name, rate := range rates {
		if err := cfg.SetRate(name, rate); err != nil {
			t.Fatal(err)
		}
	}
	sim, err := graphsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	now = time.Now
	synctest.Test(t, func(t *testing.T) { done = w.read(t, sim, pageSize) })
	return done
}

// read polls until all is read, or for as long as the way of reading lasts.
func (w wayOfReading) read(t *testing.T, sim *graphsim.Server, pageSize int) (done work) {
	line := &line{graph: sim.Transport(latency)}
	client, err := line.client(sim)
	if err != nil {
		t.Fatal(err)
	}
	interval := 24 * time.Hour
	if w.lasts > 0 {
		interval = time.Second // more than the rate allows: polls are always due
	}
	ladder, err := source.NewLadder(source.DefaultRungs, interval)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	positions := w.positions(sim.Users(), began)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	// The last tenth of the users, with no others beside them, do not use the rate.
	left := len(positions) - len(positions)/10
	poller := source.NewPoller(source.PollerConfig{
		Client: client, Ladder: ladder, PageSize: pageSize, Settle: 2 * time.Second, InFlight: inFlight,
		Deliver: func(_ context.Context, d source.Delivery) error {
			if d.Position == nil || d.Position.Window != nil {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case w.lasts > 0:
				done.useful++ // a poll
			case left > 0:
				if left--; left == 0 {
					cancel()
				}
			}
			return nil
		},
		Log: slog.New(slog.DiscardHandler), Metrics: source.NewMetrics(nil),
	}, positions)
	stop := time.AfterFunc(cmp.Or(w.lasts, longestReading), cancel)
	defer stop.Stop()
	_ = poller.Run(ctx) // ends with the context
	mu.Lock()
	defer mu.Unlock()
	if w.lasts == 0 && left == 0 {
		done.useful = 1
	}
	done.seconds = (time.Since(began) - line.waited(time.Now())).Seconds()
	for outcome, n := range sim.Stats().Outcomes {
		done.requests += n
		if outcome != "200" {
			done.hits += n
		}
	}
	return done
}

// positions begin before the first message.
func (w wayOfReading) positions(users []string, now time.Time) map[string]offsets.Position {
	positions := make(map[string]offsets.Position, len(users))
	for _, user := range users {
		positions[user] = offsets.Position{Start: now.Add(-w.reach - time.Hour).UnixMilli()}
	}
	return positions
}

// line is the way to Graph. It keeps account of the waits that Graph asks for.
type line struct {
	graph http.RoundTripper

	mu    sync.Mutex
	sum   time.Duration
	until time.Time
}

// client makes a client that asks Graph along this line, at the default rate.
func (l *line) client(sim *graphsim.Server) (*source.Client, error) {
	root, err := url.Parse(sim.URL())
	if err != nil {
		return nil, err
	}
	http := &http.Client{Transport: l}
	tokens := source.NewTokens(source.Credentials{TenantID: sim.TenantID(), ClientID: sim.ClientID(), Kind: source.AuthSecret,
		Secret: sim.ClientSecret, Authority: sim.AuthorityURL(), Scope: "https://graph.microsoft.com/.default", HTTP: http})
	return source.NewClient(root, http, tokens, source.NewGate(source.DefaultRate), "bench (instance 1)", source.NewMetrics(nil)), nil
}

func (l *line) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.graph.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if wait := waitOf(response); wait > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := time.Now()
		if until := now.Add(wait); until.After(l.until) {
			if l.until.After(now) {
				now = l.until
			}
			l.sum += until.Sub(now)
			l.until = until
		}
	}
	return response, nil
}

// waited returns how long Graph asked to wait, up to a time.
func (l *line) waited(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum - max(0, l.until.Sub(now))
}

// waitOf returns the wait that a response asks for, in whole seconds as the connector obeys it.
func waitOf(response *http.Response) time.Duration {
	text := response.Header.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := time.ParseDuration(text + "s"); err == nil {
		return time.Duration(math.Ceil(seconds.Seconds())) * time.Second
	}
	date, err := http.ParseTime(text)
	sent, failed := http.ParseTime(response.Header.Get("Date"))
	if err != nil || failed != nil {
		return 0
	}
	return date.Sub(sent)
}
