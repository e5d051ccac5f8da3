package source

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// someUsers returns so many users, u00, u01 and so on.
func someUsers(n int) []string {
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf("u%02d", i)
	}
	return users
}

// slowly makes each request take so long.
func slowly(d time.Duration) func(*http.Request) error {
	return func(*http.Request) error {
		<-time.After(d)
		return nil
	}
}

// tenantAnswers are answers to a single user's request that can concern the whole tenant.
var tenantAnswers = map[string]struct {
	status int
	body   string
}{
	"400 filter":      {400, `{"error":{"code":"BadRequest","message":"Invalid $filter query."}}`},
	"400 clause":      {400, `{"error":{"code":"BadRequest","message":"Invalid filter clause"}}`},
	"401":             {401, `{"error":{"code":"InvalidAuthenticationToken"}}`},
	"402":             {402, `{"error":{"code":"PaymentRequired"}}`},
	"403 no role":     {403, `{"error":{"code":"Forbidden","message":"Missing role permissions on the request. API required one of 'Chat.Read.All'."}}`},
	"405":             {405, ``},
	"451":             {451, `{"error":{"code":"UnavailableForLegalReasons"}}`},
	"412":             {412, `{"error":{"code":"PreconditionFailed"}}`},
	"412 by nextLink": {412, ``},
}

// One of 50 users, polled every 2 s, is answered so for ever: the other 49 are polled 20 times in 40 s.
func TestPoller_OneUsersRefusalIsNotTheTenants(t *testing.T) {
	for name, answer := range tenantAnswers {
		t.Run(name, func(t *testing.T) {
			g := &graph{broken: slowly(100 * time.Millisecond), rate: 160}
			g.answer = func(_ int, r *http.Request) (int, http.Header, string) {
				switch {
				case !strings.Contains(r.URL.Path, "/u07/"):
					return 200, nil, emptyPage
				case strings.Contains(name, "nextLink") && !strings.Contains(r.URL.RawQuery, "skip"):
					return 200, nil, page(r.URL.String() + "&$skip=10")
				default:
					return answer.status, nil, answer.body
				}
			}
			g.poll(t, someUsers(50), 2*time.Second, 40*time.Second, func(p *Poller, _ *delivered) {
				s := p.Status()
				if s.Stopped != nil || s.Stalled != nil || len(s.Suspended) != 1 || s.Suspended[0].User != "u07" {
					t.Errorf("stopped %v, stalled %v, suspended %+v, want u07 suspended and no more", s.Stopped, s.Stalled, s.Suspended)
				}
				polls := g.polls()
				bad := polls["u07"]
				if others := g.asked() - bad; others < 49*19 {
					t.Errorf("the others were polled %d times, want 980", others)
				}
				if bad > 10 {
					t.Errorf("the bad user was asked for %d times", bad)
				}
			})
		})
	}
}

// With many users that are refused each for itself, such as those without a license, no pause is the others'.
func TestPoller_EveryFifthUsersRefusalIsNotTheTenants(t *testing.T) {
	g := &graph{broken: slowly(100 * time.Millisecond), rate: 160}
	g.answer = func(_ int, r *http.Request) (int, http.Header, string) {
		if strings.Contains(r.URL.Path, "0/chats") || strings.Contains(r.URL.Path, "5/chats") {
			return 402, nil, ""
		}
		return 200, nil, emptyPage
	}
	stops := 0
	g.poll(t, someUsers(100), 5*time.Second, 10*time.Minute, func(p *Poller, _ *delivered) {
		stops = strings.Count(g.log.String(), "tenant stopped")
		if s := p.Status(); s.Stopped != nil || len(s.Suspended) != 20 {
			t.Errorf("stopped %v, %d suspended, want 20", s.Stopped, len(s.Suspended))
		}
		least := 1 << 30
		for user, polls := range g.polls() {
			if !strings.HasSuffix(user, "0") && !strings.HasSuffix(user, "5") {
				least = min(least, polls)
			}
		}
		if least < 115 {
			t.Errorf("a user was polled %d times in 120 intervals", least)
		}
	})
	if stops > 1 {
		t.Errorf("the tenant was stopped %d times", stops)
	}
}

// While the tenant is stopped, each probe asks for another user.
func TestPoller_ProbesOfAStoppedTenantAskForDifferentUsers(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 402, nil, "" }}
	g.poll(t, someUsers(50), time.Hour, 2*time.Hour, func(p *Poller, _ *delivered) {
		if !errors.Is(p.Status().Stopped, ErrUnpaid) || len(p.Status().Suspended) != 0 {
			t.Fatalf("stopped by %v, %d suspended", p.Status().Stopped, len(p.Status().Suspended))
		}
		if n := g.asked(); n < 12 || n > 40 {
			t.Errorf("%d requests in two hours", n)
		}
		for user, n := range g.polls() {
			if n > 1 {
				t.Errorf("%s was asked for %d times, others not once", user, n)
			}
		}
		g.heal()
		<-time.After(stopLongest + time.Minute)
		if s := p.Status(); s.Stopped != nil || len(s.Suspended) != 0 {
			t.Errorf("still stopped by %v, %d suspended", s.Stopped, len(s.Suspended))
		}
		if n := len(g.polls()); n != 50 {
			t.Errorf("%d of 50 users were polled since", n)
		}
	})
	if n := strings.Count(g.log.String(), "\n"); n != 2 {
		t.Errorf("%d lines in the log, want one when it begins and one when it ends: %s", n, g.log.String())
	}
}

// A refusal ends for all users alike, whatever the first of them were called meanwhile.
func TestPoller_TheUsersThatStoppedTheTenantArePolledWhenItIsOver(t *testing.T) {
	g := &graph{broken: slowly(100 * time.Millisecond)}
	refused := false
	g.answer = func(int, *http.Request) (int, http.Header, string) {
		if refused {
			return 401, nil, ""
		}
		return 200, nil, emptyPage
	}
	g.poll(t, someUsers(50), time.Minute, time.Hour, func(p *Poller, _ *delivered) {
		g.mu.Lock()
		refused = true
		g.mu.Unlock()
		<-time.After(20 * time.Minute)
		if p.Status().Stopped == nil {
			t.Error("the tenant is not stopped")
		}
		g.heal()
		g.mu.Lock()
		g.requests = nil
		g.mu.Unlock()
		<-time.After(stopLongest + time.Minute)
		if n := len(g.polls()); n != 50 {
			t.Errorf("%d of 50 users were polled since", n)
		}
		if s := p.Status(); s.Stopped != nil || len(s.Suspended) != 0 {
			t.Errorf("stopped by %v, suspended %+v", s.Stopped, s.Suspended)
		}
	})
}

// An outage of an hour with 200 users is one event: it suspends nobody and leaves no pause behind.
func TestPoller_AnOutageIsTheTenants(t *testing.T) {
	for name, c := range map[string]struct {
		broken func(*http.Request) error
		status int
		header http.Header
		body   string
	}{
		"500":                  {status: 500},
		"503":                  {status: 503},
		"504":                  {status: 504},
		"HTML":                 {status: 200, body: "<html>"},
		"a redirect":           {status: 302, header: http.Header{"Location": {"https://portal.test/"}}},
		"204":                  {status: 204},
		"no network":           {broken: func(*http.Request) error { return errors.New("no route to host") }},
		"hangs":                {broken: hang},
		"503 with Retry-After": {status: 503, header: http.Header{"Retry-After": {"10"}}},
	} {
		t.Run(name, func(t *testing.T) {
			g := &graph{rate: 160, answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }}
			g.poll(t, someUsers(200), time.Minute, 10*time.Minute, func(p *Poller, _ *delivered) {
				g.mu.Lock()
				g.requests, g.broken = nil, c.broken
				if c.status != 0 {
					g.answer = func(int, *http.Request) (int, http.Header, string) { return c.status, c.header, c.body }
				}
				g.mu.Unlock()
				<-time.After(time.Hour)
				s := p.Status()
				if len(s.Suspended) != 0 || s.Stopped != nil || s.Stalled == nil {
					t.Errorf("%d suspended, stopped %v, stalled %v", len(s.Suspended), s.Stopped, s.Stalled)
				}
				most := 600
				if c.header.Get("Retry-After") != "" {
					most = 360 * burst(g.rate) // each hold of 10 s ends for all who wait, until the first of them is answered
				}
				if n := g.asked(); n > most {
					t.Errorf("%d requests in the outage", n)
				}
				g.heal()
				<-time.After(45 * time.Second) // the longest pause between probes, and a hold
				g.mu.Lock()
				g.requests = nil
				g.mu.Unlock()
				<-time.After(time.Minute)
				if n := len(g.polls()); n != 200 {
					t.Errorf("%d of 200 users are polled after it", n)
				}
				if s := p.Status(); s.Oldest < time.Now().Add(-2*time.Minute).UnixMilli() || s.Stalled != nil {
					t.Errorf("somebody was read last %v ago, stalled: %v", time.Since(time.UnixMilli(s.Oldest)), s.Stalled)
				}
			})
			if n := strings.Count(g.log.String(), "suspended"); n != 0 {
				t.Errorf("the log says %d times that a user is suspended", n)
			}
		})
	}
}

// Graph denies every user for half a day, which each of them is suspended for. Once one is no longer denied,
// nobody waits for the rest of a pause of up to six hours.
func TestPoller_ADenialOfEverybodyEndsForAllAtOnce(t *testing.T) {
	for name, others := range map[string]string{"nobody else": "", "besides a user who is gone": "/u07/"} {
		t.Run(name, func(t *testing.T) {
			g := &graph{rate: 160}
			answer := func(denied bool) func(int, *http.Request) (int, http.Header, string) {
				return func(_ int, r *http.Request) (int, http.Header, string) {
					switch {
					case others != "" && strings.Contains(r.URL.Path, others):
						return 404, nil, ""
					case denied:
						return 403, nil, `{"error":{"code":"Forbidden","message":"Forbidden"}}`
					}
					return 200, nil, emptyPage
				}
			}
			g.answer = answer(true)
			users := someUsers(20)
			g.poll(t, users, time.Minute, 12*time.Hour, func(p *Poller, _ *delivered) {
				if s := p.Status(); len(s.Suspended) != len(users) || s.Stalled == nil {
					t.Errorf("%d of %d users are suspended, stalled %v", len(s.Suspended), len(users), s.Stalled)
				}
				g.mu.Lock()
				g.answer, g.requests = answer(false), nil
				g.mu.Unlock()
				for range 8 * 60 {
					if len(p.Status().Suspended) < len(users) {
						break
					}
					<-time.After(time.Minute)
				}
				<-time.After(2 * time.Minute)
				want := 0
				if others != "" {
					want = 1
				}
				if s := p.Status(); len(s.Suspended) != want || s.Stalled != nil {
					t.Errorf("%d users are suspended two minutes after the first was polled, want %d; stalled: %v", len(s.Suspended), want, s.Stalled)
				}
			})
		})
	}
}

// As long as some requests succeed there is no outage: half of them failing costs about half of them.
func TestPoller_HalfOfTheRequestsFailingIsNoOutage(t *testing.T) {
	const interval, length = time.Second, 2 * time.Minute
	count := func(share int) (polled int) {
		seed := uint32(1)
		g := &graph{broken: slowly(100 * time.Millisecond)}
		g.answer = func(int, *http.Request) (int, http.Header, string) {
			seed = seed*1664525 + 1013904223
			if int(seed>>16)%100 < share {
				return 503, nil, ""
			}
			polled++
			return 200, nil, emptyPage
		}
		g.poll(t, someUsers(200), interval, length, func(p *Poller, _ *delivered) {
			if s := p.Status(); len(s.Suspended) != 0 {
				t.Errorf("at %d %%, %d users are suspended", share, len(s.Suspended))
			}
		})
		return polled
	}
	whole, half := count(0), count(50)
	t.Logf("%d and %d polls", whole, half)
	if half < whole*4/10 {
		t.Errorf("%d polls with half of the requests failing, %d without", half, whole)
	}
}

// One mailbox of fifty that always asks everybody to wait, at 160 requests a second, for ten minutes.
func TestPoller_OneMailboxThatIsThrottledForEverCostsTheOthersLittle(t *testing.T) {
	const interval = 300 * time.Millisecond // less than can be kept: the rate is what bounds the polls
	count := func(status int, header http.Header) (others int, s Status) {
		g := &graph{broken: slowly(30 * time.Millisecond), rate: 160}
		g.answer = func(_ int, r *http.Request) (int, http.Header, string) {
			if status != 0 && strings.Contains(r.URL.Path, "/u07/") {
				return status, header, ""
			}
			return 200, nil, emptyPage
		}
		g.poll(t, someUsers(50), interval, 10*time.Minute, func(p *Poller, _ *delivered) {
			s = p.Status()
			for user, n := range g.polls() {
				if user != "u07" {
					others += n
				}
			}
		})
		return others, s
	}
	alone, _ := count(0, nil)
	for status, reason := range map[int]error{429: ErrThrottled, 503: ErrUnavailable} {
		others, s := count(status, http.Header{"Retry-After": {"1"}})
		t.Logf("%d: %d requests for the others, %d without: %.3f", status, others, alone, float64(others)/float64(alone))
		if float64(others) < 0.93*float64(alone) {
			t.Errorf("%d: %d requests for the others, %d without", status, others, alone)
		}
		if len(s.Suspended) != 1 || s.Suspended[0].User != "u07" || !errors.Is(s.Suspended[0].Reason, reason) {
			t.Errorf("%d: suspended %+v", status, s.Suspended)
		}
	}
}

// When all are throttled, or some of all requests are, nobody is suspended for it.
func TestPoller_AThrottledTenantSuspendsNobody(t *testing.T) {
	for _, share := range []int{5, 50, 100} {
		seed := uint32(1)
		g := &graph{broken: slowly(30 * time.Millisecond), rate: 160}
		g.answer = func(int, *http.Request) (int, http.Header, string) {
			seed = seed*1664525 + 1013904223
			if int(seed>>16)%100 < share {
				return 429, http.Header{"Retry-After": {"1"}}, ""
			}
			return 200, nil, emptyPage
		}
		g.poll(t, someUsers(50), time.Second, 20*time.Minute, func(p *Poller, _ *delivered) {
			if s := p.Status(); len(s.Suspended) != 0 {
				t.Errorf("at %d %%, %d users are suspended", share, len(s.Suspended))
			}
		})
		if n := strings.Count(g.log.String(), "user suspended"); n != 0 {
			t.Errorf("at %d %%, users were suspended %d times", share, n)
		}
	}
}

// Who cannot be polled until an operator acts counts as suspended, is never asked for, and if nobody else is
// left the tenant is stalled for that reason.
func TestPoller_ABlockedUserCountsAsSuspended(t *testing.T) {
	for _, others := range []int{0, 2} {
		g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage },
			blocked: []SuspendedUser{{User: "u00b", Reason: ErrPosition, Detail: "offset 7"}}}
		g.poll(t, someUsers(others), time.Minute, 5*time.Minute, func(p *Poller, _ *delivered) {
			s := p.Status()
			if s.Users != others+1 || len(s.Suspended) != 1 || s.Suspended[0].User != "u00b" ||
				testutil.ToFloat64(p.cfg.Metrics.users.WithLabelValues("suspended")) != 1 {
				t.Errorf("%d users, suspended %+v", s.Users, s.Suspended)
			}
			if stalled := s.Stalled != nil && errors.Is(s.Stalled.Reason, ErrPosition); stalled != (others == 0) {
				t.Errorf("with %d others the tenant is stalled: %+v", others, s.Stalled)
			}
			if n := g.polls()["u00b"]; n != 0 {
				t.Errorf("asked for %d times", n)
			}
		})
	}
}
