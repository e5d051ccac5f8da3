package source

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

// History is read twice at once and not again at the end: after it, no window reaches further back than
// polls at regular intervals do.
func TestLadder_HistoryIsReadTwiceAtOnceAndNotAgain(t *testing.T) {
	for _, interval := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		l := mustLadder(t, interval, DefaultRungs...)
		p := offsets.Position{Start: 0}
		now := 90 * day
		history := now - (l.Longest() + interval).Milliseconds()
		reads := make(map[int64]int) // by hour
		read := func() {
			w, ok := l.Next(p, now)
			for ; ok; w, ok = l.Next(p, now) {
				to, twice := l.Slice(p, w, 7*24*time.Hour)
				for at := (w.Done + hour - 1) / hour * hour; at < to; at += hour {
					reads[at]++
					if twice {
						reads[at]++
					}
				}
				if p = l.Advance(p, w, to); p.Window == nil {
					return
				}
			}
		}
		read()
		for at := int64(0); at < history; at += hour {
			if reads[at] != 2 {
				t.Fatalf("interval %v: an hour of history was read %d times, want 2", interval, reads[at])
			}
		}
		for now < 93*day {
			regular := (2*l.Longest() + interval).Milliseconds()
			if back := now - l.Oldest(p); back > regular {
				t.Errorf("interval %v: a window can reach %v back, further than polls at regular intervals, %v", interval,
					time.Duration(back)*time.Millisecond, time.Duration(regular)*time.Millisecond)
			}
			now += interval.Milliseconds()
			read()
		}
		if end := 90*day - 25*hour; reads[end] < 2 {
			t.Errorf("interval %v: the end of history was read %d times", interval, reads[end])
		}
	}
}

// pastPoll polls one user from 8 days back for half an hour.
func pastPoll(t *testing.T, g *graph) (d *delivered) {
	synctest.Test(t, func(t *testing.T) {
		d = &delivered{items: make(map[string][]string), positions: make(map[string]offsets.Position)}
		p := NewPoller(PollerConfig{
			Client: g.client(), Ladder: mustLadder(t, time.Hour, time.Hour, 48*time.Hour), PageSize: 50, Settle: 2 * time.Second,
			InFlight: 1, Deliver: d.deliver, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
		}, map[string]offsets.Position{"u": {Start: time.Now().Add(-8 * 24 * time.Hour).UnixMilli()}})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		_ = p.Run(ctx) // ends with the context
	})
	return d
}

func TestPoller_AStretchThatIsNotReadAgainIsReadUntilAReadingShowsNothingNew(t *testing.T) {
	for name, c := range map[string]struct {
		answers  []string // to the requests for the first stretch
		requests int
		items    []string
	}{
		"two readings agree":       {[]string{page("", `{"id":"1"}`)}, 2, []string{`{"id":"1"}`, `{"id":"1"}`}},
		"nothing is there":         {[]string{emptyPage}, 2, nil},
		"the second shows more":    {[]string{emptyPage, page("", `{"id":"1"}`)}, 3, []string{`{"id":"1"}`, `{"id":"1"}`}},
		"the second shows less":    {[]string{page("", `{"id":"1"}`), emptyPage}, 2, []string{`{"id":"1"}`}},
		"each shows something new": {[]string{page("", `{"id":"1"}`), page("", `{"id":"2"}`), page("", `{"id":"3"}`), page("", `{"id":"4"}`), page("", `{"id":"5"}`), page("", `{"id":"6"}`)}, maxReadings, []string{`{"id":"1"}`, `{"id":"2"}`, `{"id":"3"}`, `{"id":"4"}`, `{"id":"5"}`}},
		"a reading breaks off":     {[]string{page("", `{"id":"1"}`), `{"value":[{"id`, page("", `{"id":"1"}`)}, 3, []string{`{"id":"1"}`, `{"id":"1"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			first, requests := "", 0
			g := &graph{}
			g.answer = func(n int, r *http.Request) (int, http.Header, string) {
				if n == 1 {
					first = r.URL.RawQuery
				}
				if r.URL.RawQuery != first {
					return 200, nil, emptyPage
				}
				requests++
				return 200, nil, c.answers[min(requests, len(c.answers))-1]
			}
			d := pastPoll(t, g)
			if requests != c.requests {
				t.Errorf("the stretch was read %d times, want %d", requests, c.requests)
			}
			if !slices.Equal(d.items["u"], c.items) {
				t.Errorf("delivered %q, want %q", d.items["u"], c.items)
			}
			if p, ok := d.position("u"); !ok || len(p.Marks) == 0 {
				t.Errorf("history did not come to its end: %+v", p)
			}
		})
	}
}

// Nothing of a stretch counts as read before it was read twice.
func TestPoller_APositionDoesNotMoveBetweenTwoReadings(t *testing.T) {
	g := &graph{}
	requests := 0
	g.answer = func(_ int, r *http.Request) (int, http.Header, string) {
		requests++
		if requests > 1 {
			return 403, nil, `{"error":{"code":"Forbidden","message":"no"}}`
		}
		return 200, nil, page("", `{"id":"1"}`)
	}
	d := pastPoll(t, g)
	if p, moved := d.position("u"); moved {
		t.Errorf("after one reading the position is %+v", p)
	}
	if d.all("u") == "" || requests < 2 {
		t.Errorf("%d requests, delivered %q: the test shows nothing", requests, d.all("u"))
	}
}
