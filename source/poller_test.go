package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/teams-kafka/connector/offsets"
)

func TestPoller_APageThatIsNoJSONIsAskedForAgain(t *testing.T) {
	g := &graph{answer: func(n int, _ *http.Request) (int, http.Header, string) {
		switch n {
		case 1:
			return 200, nil, `<html>proxy</html>`
		case 2:
			return 200, nil, `{"value":[{"id":"1"},{"id"`
		}
		return 200, nil, page("", `{"id":"1"}`)
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
		if _, ok := d.position("u"); !ok || d.all("u") != `{"id":"1"}` {
			t.Errorf("position %v, items %q", ok, d.all("u"))
		}
		if len(g.requests) != 3 {
			t.Errorf("%d requests, want 3", len(g.requests))
		}
	})
}

func TestPoller_ANextLinkToAnotherHostIsRefusedBeforeTheTokenGoes(t *testing.T) {
	for _, link := range []string{
		"https://evil.test/v1.0/x", "http://graph.test/v1.0/x", "https://graph.test:444/v1.0/x", "https://graph.test.evil.test/x",
		"https://graph.test@evil.test/x", "//evil.test/x", "/v1.0/x", "https://[::1", "javascript:alert(1)",
	} {
		g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
			if strings.Contains(r.URL.Path, "good") {
				return 200, nil, emptyPage
			}
			return 200, nil, page(link, `{"id":"1"}`)
		}}
		g.poll(t, []string{"bad", "good"}, time.Hour, 30*time.Second, func(p *Poller, d *delivered) {
			for _, r := range g.requests {
				if r.host != "graph.test" {
					t.Errorf("%s: a request went to %s with %q", link, r.host, r.token)
				}
			}
			if _, ok := d.position("bad"); ok {
				t.Errorf("%s: the position moved", link)
			}
			if _, ok := d.position("good"); !ok {
				t.Errorf("%s: the other user waited", link)
			}
			if s := p.Status(); len(s.Suspended) != 1 || s.Stopped != nil {
				t.Errorf("%s: status %+v, want one suspended user", link, s)
			}
		})
	}
}

func TestPoller_ARedirectIsNotFollowed(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
		return 302, http.Header{"Location": {"https://evil.test/"}}, ""
	}}
	g.poll(t, []string{"u"}, time.Hour, 10*time.Second, func(*Poller, *delivered) {
		for _, r := range g.requests {
			if r.host != "graph.test" {
				t.Errorf("a request went to %s", r.host)
			}
		}
	})
}

func TestPoller_ALinkThatRepeatsRestartsTheSlice(t *testing.T) {
	for name, links := range map[string][]string{
		"itself":  {"https://graph.test/v1.0/a", "https://graph.test/v1.0/a"},
		"a cycle": {"https://graph.test/v1.0/a", "https://graph.test/v1.0/b", "https://graph.test/v1.0/a"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &graph{answer: func(n int, _ *http.Request) (int, http.Header, string) {
				if n <= len(links) {
					return 200, nil, page(links[n-1], `{"id":"1"}`)
				}
				return 200, nil, page("", `{"id":"1"}`)
			}}
			g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
				if _, ok := d.position("u"); !ok {
					t.Error("the slice was never finished")
				}
				if want := len(links) + 2; len(g.requests) != want { // in halves now
					t.Errorf("%d requests, want %d", len(g.requests), want)
				}
			})
		})
	}
}

func TestPoller_ALinkThatRepeatsForEverMovesNothingAndDeliversAll(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
		return 200, nil, page("https://graph.test/v1.0/a", `{"id":"1"}`)
	}}
	g.poll(t, []string{"u"}, time.Hour, 10*time.Minute, func(p *Poller, d *delivered) {
		if _, ok := d.position("u"); ok {
			t.Error("the position moved past a window that was never read to its end")
		}
		if !strings.Contains(d.all("u"), `{"id":"1"}`) {
			t.Error("what the pages held was not delivered")
		}
		if len(p.Status().Suspended) != 1 {
			t.Error("the user is not reported as suspended")
		}
		if len(g.requests) > 100 {
			t.Errorf("%d requests in ten minutes", len(g.requests))
		}
	})
}

// Links that never end, each of them new, cost the tenant a bounded number of requests.
func TestPoller_LinksThatNeverEndAreGivenUp(t *testing.T) {
	for name, items := range map[string][]string{"without items": nil, "with an item": {`{"id":"1"}`}} {
		t.Run(name, func(t *testing.T) {
			g := &graph{broken: slowly(10 * time.Millisecond), answer: func(n int, r *http.Request) (int, http.Header, string) {
				if strings.Contains(r.URL.Path, "/fine/") {
					return 200, nil, emptyPage
				}
				return 200, nil, page(fmt.Sprintf("https://graph.test/v1.0/users/u/chats/getAllMessages?$skiptoken=%d", n), items...)
			}}
			g.poll(t, []string{"u", "fine"}, time.Minute, 6*time.Hour, func(p *Poller, d *delivered) {
				if _, ok := d.position("u"); ok {
					t.Error("the position moved past a window that was never read to its end")
				}
				if s := p.Status(); len(s.Suspended) != 1 || !errors.Is(s.Suspended[0].Reason, ErrLinkLoop) {
					t.Errorf("suspended %+v, want u because its links have no end", s.Suspended)
				}
				if n := g.polls()["u"]; n > 25*maxPages { // with 10 ms a request there is time for 1,080
					t.Errorf("%d requests in six hours", n)
				}
			})
		})
	}
}

func TestPoller_AnEmptyPageWithALinkIsFollowed(t *testing.T) {
	g := &graph{answer: func(n int, _ *http.Request) (int, http.Header, string) {
		if n == 1 {
			return 200, nil, page("https://graph.test/v1.0/next")
		}
		return 200, nil, page("", `{"id":"2"}`)
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
		if d.all("u") != `{"id":"2"}` {
			t.Errorf("items %q", d.all("u"))
		}
	})
}

func TestPoller_AStaleLinkRestartsTheSlice(t *testing.T) {
	g := &graph{answer: func(n int, r *http.Request) (int, http.Header, string) {
		if strings.Contains(r.URL.Path, "next") {
			return 400, nil, `{"error":{"code":"BadRequest","message":"Invalid continuation token"}}`
		}
		if n == 1 {
			return 200, nil, page("https://graph.test/v1.0/next", `{"id":"1"}`)
		}
		return 200, nil, page("", `{"id":"1"}`)
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
		// The first page, its link three times, and both halves.
		if _, ok := d.position("u"); !ok || len(g.requests) != 6 {
			t.Errorf("finished %v after %d requests", ok, len(g.requests))
		}
	})
}

func TestPoller_RetryAfterHoldsBackTheWholeTenant(t *testing.T) {
	for _, c := range []struct {
		value string
		wait  time.Duration
	}{{"30", 30 * time.Second}, {"29.128", 30 * time.Second}, {"date", 30 * time.Second}} {
		t.Run(c.value, func(t *testing.T) {
			var until time.Time
			g := &graph{}
			g.answer = func(n int, _ *http.Request) (int, http.Header, string) {
				if n == 1 {
					until = time.Now().Add(c.wait)
					value := c.value
					if value == "date" {
						value = until.UTC().Format(http.TimeFormat)
					}
					return 429, http.Header{"Retry-After": {value}}, `{"error":{"code":"TooManyRequests","message":"Please retry again later."}}`
				}
				return 200, nil, emptyPage
			}
			users := strings.Fields("a b c d e f g h i j k l")
			g.poll(t, users, time.Hour, 2*time.Minute, func(_ *Poller, d *delivered) {
				began := g.requests[0].at
				for _, r := range g.requests[1:] {
					// What had already begun when the answer came is not held back.
					if r.at.After(began) && r.at.Before(until) {
						t.Errorf("a request began %v before the wait was over", until.Sub(r.at))
					}
				}
				for _, u := range users {
					if _, ok := d.position(u); !ok {
						t.Errorf("user %s was never read", u)
					}
				}
			})
		})
	}
}

func TestPoller_OneBadUserIsOneBadUser(t *testing.T) {
	for _, status := range []int{400, 403, 404, 500, 503} {
		g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
			if strings.Contains(r.URL.Path, "/bad/") {
				return status, http.Header{"Request-Id": {"7f3"}}, `{"error":{"code":"Forbidden","message":"Forbidden"}}`
			}
			return 200, nil, emptyPage
		}}
		g.poll(t, []string{"bad", "a", "b"}, time.Minute, time.Hour, func(p *Poller, d *delivered) {
			if s := p.Status(); len(s.Suspended) != 1 || s.Stopped != nil {
				t.Errorf("%d: status %+v", status, s)
			}
			polls := map[string]int{}
			for _, r := range g.requests {
				polls[r.user]++
			}
			if polls["a"] < 55 || polls["b"] < 55 {
				t.Errorf("%d: the others were polled %d and %d times in an hour", status, polls["a"], polls["b"])
			}
			if polls["bad"] > 100 {
				t.Errorf("%d: the bad user cost %d requests", status, polls["bad"])
			}
		})
	}
}

func TestPoller_ATenantErrorStopsAllAndIsProbedSlowly(t *testing.T) {
	for status, body := range map[int]string{
		401: `{"error":{"code":"InvalidAuthenticationToken"}}`,
		402: `{"error":{"code":"PaymentRequired"}}`,
		403: `{"error":{"code":"Forbidden","message":"Missing role permissions on the request. API required one of 'Chat.Read.All'."}}`,
		405: ``,
		412: `{"error":{"code":"PreconditionFailed"}}`,
	} {
		granted := false
		g := &graph{}
		g.answer = func(int, *http.Request) (int, http.Header, string) {
			if granted {
				return 200, nil, emptyPage
			}
			return status, nil, body
		}
		g.poll(t, []string{"a", "b", "c"}, time.Minute, 30*time.Minute, func(p *Poller, d *delivered) {
			s := p.Status()
			if s.Stopped == nil || len(s.Suspended) != 0 {
				t.Fatalf("%d: status %+v, want stopped and nobody suspended", status, s)
			}
			want := ErrUnauthorized
			switch status {
			case 402:
				want = ErrUnpaid
			case 405:
				want = ErrBadRequest
			}
			if !errors.Is(s.Stopped, want) {
				t.Errorf("%d: stopped by %v, want %v", status, s.Stopped, want)
			}
			stopped := p.cfg.Metrics.stopped.WithLabelValues(want.Error())
			if testutil.ToFloat64(stopped) != 1 {
				t.Errorf("%d: the metric does not say so", status)
			}
			if len(g.requests) > 30 {
				t.Errorf("%d: %d requests in half an hour", status, len(g.requests))
			}
			g.mu.Lock()
			granted = true
			g.mu.Unlock()
			<-time.After(stopLongest + time.Minute)
			if s := p.Status(); s.Stopped != nil {
				t.Errorf("%d: still stopped: %v", status, s.Stopped)
			}
			if testutil.ToFloat64(stopped) != 0 {
				t.Errorf("%d: the metric says that it is still stopped", status)
			}
			if _, ok := d.position("c"); !ok {
				t.Errorf("%d: not everybody is polled again", status)
			}
		})
	}
}

func TestClient_ARefusedTokenIsReplacedOnce(t *testing.T) {
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			return 401, nil, ""
		}
		return 200, nil, emptyPage
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
		if _, ok := d.position("u"); !ok || g.tokens != 2 || len(g.requests) != 2 {
			t.Errorf("finished %v, %d tokens, %d requests", ok, g.tokens, len(g.requests))
		}
	})
}

func TestPoller_ALinkThatFailsThreeTimesHalvesTheSliceAndItsPages(t *testing.T) {
	var spans []time.Duration
	var urls []string
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
		from, to := bounds(t, r)
		if to.Sub(from) < time.Second {
			return 200, nil, emptyPage // whether the mailbox answers elsewhere
		}
		spans, urls = append(spans, to.Sub(from)), append(urls, r.URL.String())
		if len(urls) <= 6 {
			return 504, nil, ""
		}
		return 200, nil, emptyPage
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
		longest := time.Hour
		for i, top := range []string{"$top=50&", "$top=50&", "$top=50&", "$top=25&", "$top=25&", "$top=25&", "$top=12&", "$top=24&", "$top=48&"} {
			if i >= len(urls) {
				t.Fatalf("%d requests", len(urls))
			}
			if !strings.Contains(urls[i], top) {
				t.Errorf("request %d: %s, want %s", i, urls[i], top)
			}
			if i == 3 || i == 6 {
				longest /= 2
			}
			if i < 7 && spans[i] > longest {
				t.Errorf("request %d asks for %v, want at most %v", i, spans[i], longest)
			}
		}
	})
}

func TestPoller_OneRequestForAnIdleUserAndPoll(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }}
	g.poll(t, []string{"u"}, 10*time.Minute, 24*time.Hour, func(*Poller, *delivered) {
		// The first poll and one every ten minutes after it.
		if n := len(g.requests); n < 143 || n > 145 {
			t.Errorf("%d requests a day, want 144", n)
		}
	})
}

// Graph's bounds are both exclusive, and a window is of the instants from its first to the one before its end: none falls between two.
func TestClient_ALinkAsksForTheWindowsFirstInstantAndNotForItsEnd(t *testing.T) {
	link, err := url.Parse(new(graph).client().MessagesURL("u", 1_700_000_000_000, 1_700_000_060_000, 50, Query{}))
	if err != nil {
		t.Fatal(err)
	}
	const want = "lastModifiedDateTime gt 2023-11-14T22:13:19.999Z and lastModifiedDateTime lt 2023-11-14T22:14:20.000Z"
	if got := link.Query().Get("$filter"); got != want {
		t.Errorf("the filter is %q, want %q", got, want)
	}
}

func TestPoller_AWindowDoesNotPassGraphsClock(t *testing.T) {
	behind := 5 * time.Minute // Graph's clock behind ours
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
		return 200, http.Header{"Date": {time.Now().Add(-behind).UTC().Format(http.TimeFormat)}}, emptyPage
	}}
	// After the first window, which is planned before anything is known of Graph's clock, and after some more.
	for _, length := range []time.Duration{10 * time.Second, 10 * time.Minute} {
		g.poll(t, []string{"u"}, time.Minute, length, func(_ *Poller, d *delivered) {
			p, _ := d.position("u")
			mark, _ := p.Mark(time.Minute)
			if ahead := time.UnixMilli(mark).Sub(time.Now().Add(-behind)); ahead > time.Second || ahead < -2*time.Minute {
				t.Errorf("after %v the mark is %v ahead of Graph's clock, want it to follow at most two intervals behind", length, ahead)
			}
		})
	}
}

func TestPoller_WhatIsDeliveredOutlivesItsPoll(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, page("", `{"id":"1"}`) }}
	synctest.Test(t, func(t *testing.T) {
		var life context.Context
		p := NewPoller(PollerConfig{
			Client: g.client(), Ladder: mustLadder(t, time.Hour, time.Minute), PageSize: 50, InFlight: 1,
			Deliver: func(ctx context.Context, _ Delivery) error { life = ctx; return nil },
			Log:     slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
		}, map[string]offsets.Position{"u": {Start: time.Now().Add(-time.Hour).UnixMilli()}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		<-time.After(time.Minute)
		synctest.Wait()
		if life == nil || life.Err() != nil {
			t.Error("the context of a delivery ended with its poll: records on their way to Kafka would be given up")
		}
		cancel()
		<-ended
		if life.Err() == nil {
			t.Error("the context of a delivery outlives the poller")
		}
	})
}

func TestPoller_UsersComeAndGoWhileItRuns(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }}
	g.poll(t, []string{"a", "b"}, time.Minute, 10*time.Minute, func(p *Poller, d *delivered) {
		p.Add("c", offsets.Position{Start: time.Now().Add(-time.Hour).UnixMilli()})
		p.Add("a", offsets.Position{Start: time.Now().Add(-99 * time.Hour).UnixMilli()}) // polled already
		p.Remove("b")
		p.Remove("nobody")
		<-time.After(time.Second)
		removed := g.polls()
		<-time.After(10 * time.Minute)
		polls := g.polls()
		for user, n := range removed {
			polls[user] -= n
		}
		if polls["b"] != 0 || polls["a"] < 9 || polls["a"] > 11 || polls["c"] < 9 {
			t.Errorf("polls after the change: %v", polls)
		}
		if s := p.Status(); s.Users != 2 {
			t.Errorf("%d users", s.Users)
		}
		p.Add("b", offsets.Position{Start: time.Now().Add(-time.Hour).UnixMilli()})
		<-time.After(2 * time.Minute)
		if s := p.Status(); s.Users != 3 {
			t.Errorf("%d users after b came back", s.Users)
		}
	})
}

// pages answers as a folder of so many pages does, each of which links to the next.
func pages(most int, r *http.Request) (number int, body string) {
	if _, skip, ok := strings.Cut(r.URL.RawQuery, "skip="); ok {
		number, _ = strconv.Atoi(skip)
	}
	link := ""
	if number+1 < most {
		base, _, _ := strings.Cut(r.URL.String(), "&skip=")
		link = base + "&skip=" + strconv.Itoa(number+1)
	}
	return number, page(link, `{"id":"1"}`)
}

func TestPoller_FailuresWithPagesBetweenThemAreNotInARow(t *testing.T) {
	failed := false
	g := &graph{answer: func(n int, r *http.Request) (int, http.Header, string) {
		if failed = !failed && n%3 == 0; failed {
			return 503, nil, ""
		}
		_, body := pages(100, r)
		return 200, nil, body
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(p *Poller, d *delivered) {
		if len(p.Status().Suspended) != 0 {
			t.Error("the user is called suspended while its pages come")
		}
		if _, ok := d.position("u"); !ok {
			t.Errorf("100 pages with a failure behind every second were not read in a minute, but %d", len(g.requests))
		}
	})
}

// Links that go stale after some pages: what is asked for must become so short that it ends before.
func TestPoller_WhatBreaksOffIsAskedForInHalves(t *testing.T) {
	var spans []time.Duration
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
		from, to := bounds(t, r)
		number, body := pages(int(to.Sub(from)/time.Minute), r) // a page a minute
		if number == 0 {
			spans = append(spans, to.Sub(from))
		}
		if number == 20 {
			return 400, nil, `{"error":{"code":"BadRequest","message":"Invalid continuation token"}}`
		}
		return 200, nil, body
	}}
	g.poll(t, []string{"u"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
		if _, ok := d.position("u"); !ok || len(spans) < 3 || spans[1] > spans[0]*11/20 || spans[2] > spans[1]*11/20 {
			t.Errorf("finished: %v; asked for %v", ok, spans)
		}
	})
}

// bounds are those of a request's filter.
func bounds(t *testing.T, r *http.Request) (from, to time.Time) {
	t.Helper()
	words := strings.Fields(r.URL.Query().Get("$filter"))
	var err error
	if from, err = time.Parse(time.RFC3339, words[2]); err == nil {
		to, err = time.Parse(time.RFC3339, words[6])
	}
	if err != nil {
		t.Errorf("%s: %v", r.URL, err)
	}
	return from, to
}

// A slice that takes longer than a link may live, and breaks off now and then.
func TestPoller_WhatTakesLongerThanItsLinksLiveIsAskedForInHalves(t *testing.T) {
	for _, status := range []int{429, 503} {
		g := &graph{answer: func(n int, r *http.Request) (int, http.Header, string) {
			<-time.After(time.Second)
			if n%200 == 0 {
				return status, http.Header{"Retry-After": {"2"}}, ""
			}
			from, to := bounds(t, r)
			_, body := pages(int(to.Sub(from)/(4*time.Second)), r) // 900 pages an hour
			return 200, nil, body
		}}
		g.poll(t, []string{"u"}, time.Hour, 24*time.Hour, func(_ *Poller, d *delivered) {
			if _, ok := d.position("u"); !ok {
				t.Errorf("%d: nothing was read to its end in a day, with %d requests", status, len(g.requests))
			}
		})
	}
}

// A page that is refused for good suspends its user, also when more and more pages come to lie before it.
func TestPoller_PagesBeforeOneThatIsRefusedDoNotShortenThePause(t *testing.T) {
	began := time.Now()
	g := &graph{answer: func(n int, r *http.Request) (int, http.Header, string) {
		if n == 1 {
			began = time.Now()
		}
		refused := 3 + int(time.Since(began)/(10*time.Minute))
		if number, body := pages(1000, r); number < refused {
			return 200, nil, body
		}
		return 403, nil, `{"error":{"code":"Forbidden","message":"Forbidden"}}`
	}}
	g.poll(t, []string{"u"}, time.Hour, 72*time.Hour, func(p *Poller, _ *delivered) {
		if len(p.Status().Suspended) != 1 {
			t.Error("the user is not suspended")
		}
		refused := 0
		for _, r := range g.requests {
			if !strings.Contains(r.url, "skip=") {
				refused++
			}
		}
		if refused > 1200 { // a search now and then, one every six hours in the end
			t.Errorf("tried %d times in three days, with %d requests", refused, len(g.requests))
		}
	})
}
