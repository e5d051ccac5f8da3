package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/offsets"
)

// mailbox answers the windows of one user that touch no poisoned stretch with the items in them, page by page.
type mailbox struct {
	mu     sync.Mutex
	items  []int64          // times in milliseconds
	poison []offsets.Window // [From, To) fails
	status int
}

// heal makes Graph answer for everything.
func (m *mailbox) heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.poison = nil
}

func (m *mailbox) answer(t *testing.T, r *http.Request) (int, http.Header, string) {
	if !strings.Contains(r.URL.Path, "/u/") {
		return 200, nil, emptyPage
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	after, before := bounds(t, r)
	from, to := after.UnixMilli()+1, before.UnixMilli()
	for _, p := range m.poison {
		if from < p.To && p.From < to {
			return m.status, nil, `{"error":{"code":"ErrorInternalServerError"}}`
		}
	}
	var items []string
	for _, at := range m.items {
		if from <= at && at < to {
			items = append(items, fmt.Sprintf(`{"id":"%d"}`, at))
		}
	}
	return 200, nil, page("", items...)
}

// Whatever place of a mailbox Graph never answers for, everything else is read, and the gap is exactly that place.
func TestNarrow_APlaceThatIsNeverAnsweredIsGoneAround(t *testing.T) {
	start := time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC).UnixMilli() // an hour before a bubble's first instant
	for name, poison := range map[string][]offsets.Window{
		"a millisecond":             {{From: start + 1_234_567, To: start + 1_234_568}},
		"the first millisecond":     {{From: start, To: start + 1}},
		"a minute":                  {{From: start + 600_000, To: start + 660_000}},
		"everything before an hour": {{From: 0, To: start + 1_800_000}},
		"two places":                {{From: start + 600_123, To: start + 600_124}, {From: start + 2_000_000, To: start + 2_000_345}},
	} {
		for _, status := range []int{500, 504, 403, 400} {
			for _, users := range []int{1, 5} {
				t.Run(fmt.Sprintf("%s, %d, %d users", name, status, users), func(t *testing.T) {
					m := &mailbox{poison: poison, status: status}
					var want []string
					for at := start; at < start+3_600_000; at += 60_001 {
						m.items = append(m.items, at)
						if !slices.ContainsFunc(poison, func(p offsets.Window) bool { return p.From <= at && at < p.To }) {
							want = append(want, fmt.Sprintf(`{"id":"%d"}`, at))
						}
					}
					g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) { return m.answer(t, r) }}
					names := append([]string{"u"}, someUsers(users-1)...)
					g.poll(t, names, time.Minute, 3*time.Hour, func(p *Poller, d *delivered) {
						d.mu.Lock()
						defer d.mu.Unlock()
						for _, item := range want {
							if !slices.Contains(d.items["u"], item) {
								t.Errorf("%s was not read", item)
							}
						}
						var gaps []offsets.Window
						for _, g := range p.Status().Gaps {
							if g.Unanswered == nil {
								t.Errorf("a gap without a reason: %+v", g)
							}
							gaps = append(gaps, offsets.Window{From: g.From, To: g.To})
						}
						places := slices.Clone(poison)
						places[0].From = max(places[0].From, start)
						if !slices.Equal(gaps, places) {
							t.Errorf("gaps %v, want %v", gaps, places)
						}
						if n := g.polls()["u"]; n > 1000 {
							t.Errorf("%d requests", n)
						}
						if s := p.Status(); len(s.Suspended) > 0 || s.Stalled != nil {
							t.Errorf("suspended %+v, stalled %+v", s.Suspended, s.Stalled)
						}
						if n := strings.Count(g.log.String(), "gap: Graph does not answer"); n != len(poison) {
							t.Errorf("%d log lines for %d gaps", n, len(poison))
						}
					})
				})
			}
		}
	}
}

// A mailbox that does not answer at all is suspended, and nothing of it is passed.
func TestNarrow_AMailboxThatIsDownHasNoGap(t *testing.T) {
	start := time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC).UnixMilli()
	m := &mailbox{items: []int64{start + 5}, poison: []offsets.Window{{From: 0, To: 1 << 60}}, status: 500}
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) { return m.answer(t, r) }}
	g.poll(t, []string{"u", "a", "b"}, time.Minute, 6*time.Hour, func(p *Poller, d *delivered) {
		if s := p.Status(); len(s.Suspended) != 1 || len(s.Gaps) != 0 {
			t.Errorf("%d suspended, gaps %+v", len(s.Suspended), s.Gaps)
		}
		m.heal()
		<-time.After(ownLongest * 2)
		if !strings.Contains(d.all("u"), fmt.Sprintf(`{"id":"%d"}`, start+5)) {
			t.Errorf("read %s", d.all("u"))
		}
	})
}

// What was gone around is asked for again by each later rung, and delivered once Graph answers for it.
func TestNarrow_AGapIsAskedForAgain(t *testing.T) {
	start := time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC).UnixMilli()
	at := start + 3_599_000 - 60_000
	m := &mailbox{items: []int64{at}, poison: []offsets.Window{{From: at - 500, To: at + 500}}, status: 503}
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) { return m.answer(t, r) }}
	g.poll(t, []string{"u", "a", "b"}, time.Minute, 20*time.Minute, func(p *Poller, d *delivered) {
		if len(p.Status().Gaps) != 1 || d.all("u") != "" {
			t.Errorf("gaps %+v, read %s", p.Status().Gaps, d.all("u"))
		}
		m.heal()
		<-time.After(time.Hour)
		if !strings.Contains(d.all("u"), fmt.Sprintf(`{"id":"%d"}`, at)) || len(p.Status().Gaps) != 0 {
			t.Errorf("after Graph answers: gaps %+v, read %s", p.Status().Gaps, d.all("u"))
		}
		if !strings.Contains(g.log.String(), "gap closed") {
			t.Error("the log does not say that the gap is closed")
		}
	})
}

// Everything that is readable is read of mailboxes with poisoned stretches, items and pages, whatever
// faults there are besides.
func TestNarrow_PoisonAtRandom(t *testing.T) {
	seeds := uint64(8)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { poisonAtRandom(t, seed) })
	}
}

func poisonAtRandom(t *testing.T, seed uint64) {
	cfg := busy(12)
	cfg.Seed = seed
	cfg.Rate, cfg.MaxMembers, cfg.Lateness = 0, 1, graphsim.Lateness{} // each message is in one mailbox, at once
	cfg.History = graphsim.History{Messages: 1200, Reach: 6 * time.Hour}
	cfg.Faults = graphsim.EveryFault(0.002)
	cfg.Faults.Slow, cfg.Faults.Hang = 0, 0
	cfg.Mailboxes = graphsim.Mailboxes{PoisonStretch: 0.001, PoisonFor: 20 * time.Second, PoisonItem: 0.002, PoisonPage: 0.3, PoisonOffset: 40}
	tenant := simulate(t, cfg)
	synctest.Test(t, func(t *testing.T) {
		positions := make(map[string]offsets.Position)
		for _, user := range tenant.sim.Users() {
			positions[user] = offsets.Position{Start: time.Now().Add(-7 * time.Hour).UnixMilli()}
		}
		p := tenant.poller(20, mustLadder(t, 10*time.Minute, DefaultRungs...), positions, maps.Clone(positions))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		<-time.After(8 * time.Hour)
		status := p.Status()
		cancel()
		<-ended

		unseen, hidden := 0, 0
		for _, line := range ledger(t, tenant.sim) {
			switch {
			case len(line.Unreadable) > 0:
				hidden++
			case len(line.Shown) == 0:
				unseen++
				t.Errorf("chat %s message %s can be read and was not", line.ChatID, line.ID)
			}
		}
		t.Logf("%d requests, %d versions unreadable, %d gaps", tenant.requests, hidden, len(status.Gaps))
		if hidden == 0 || len(status.Gaps) == 0 {
			t.Errorf("%d versions are unreadable, %d gaps: the test shows nothing of it", hidden, len(status.Gaps))
		}
		for _, g := range status.Gaps {
			if length := g.To - g.From; length > 2*cfg.Mailboxes.PoisonFor.Milliseconds() {
				t.Errorf("a gap of %v", time.Duration(length)*time.Millisecond)
			}
		}
		for _, u := range status.Suspended { // one may just be searched
			if time.Since(u.Since) > 15*time.Minute {
				t.Errorf("suspended: %+v", u)
			}
		}
	})
}

// ledger is what the simulator knows of each version.
func ledger(t *testing.T, sim *graphsim.Server) (lines []graphsim.LedgerLine) {
	t.Helper()
	var b bytes.Buffer
	if err := sim.WriteLedger(&b); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&b)
	for decoder.More() {
		var line graphsim.LedgerLine
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
