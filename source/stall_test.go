package source

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// signIn is a login service that answers as it is told.
type signIn func(context.Context) (azcore.AccessToken, error)

func (l signIn) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return l(ctx)
}

// hang blocks until the request is given up.
func hang(r *http.Request) error {
	<-r.Context().Done()
	return r.Context().Err()
}

// Whatever keeps a whole tenant from making progress is in its status, by its cause, within two minutes,
// and no longer once a page has arrived.
func TestStatus_StallNamesWhatKeepsTheTenantFromMakingProgress(t *testing.T) {
	answered := func(status int, header http.Header, body string) func(int, *http.Request) (int, http.Header, string) {
		return func(int, *http.Request) (int, http.Header, string) { return status, header, body }
	}
	for name, c := range map[string]struct {
		answer func(int, *http.Request) (int, http.Header, string)
		broken func(*http.Request) error
		login  signIn
		reason error
		detail string
	}{
		"503": {answer: answered(503, nil, ""), reason: ErrUnavailable, detail: "503"},
		"503 with Retry-After": {answer: answered(503, http.Header{"Retry-After": {"20"}}, ""),
			reason: ErrUnavailable, detail: "503"},
		"429": {answer: answered(429, http.Header{"Retry-After": {"5"}}, ""), reason: ErrThrottled, detail: "429"},
		"a Retry-After of 50 minutes": {answer: answered(429, http.Header{"Retry-After": {"3000"}}, ""),
			reason: ErrThrottled, detail: "429"},
		"HTML":    {answer: answered(200, nil, "<html>proxy</html>"), reason: ErrMalformed, detail: "not a page"},
		"no role": {answer: answered(402, nil, ""), reason: ErrUnpaid, detail: "402"},
		"access denied to every user": {answer: answered(403, nil, ""),
			reason: ErrDenied, detail: "all 12 users are suspended"},
		"no network":  {broken: func(*http.Request) error { return errors.New("no route") }, reason: ErrUnavailable, detail: "no route"},
		"no response": {broken: hang, reason: ErrUnavailable, detail: "took too long"},
		"login down": {login: func(context.Context) (azcore.AccessToken, error) {
			return azcore.AccessToken{}, errors.New("dial: no route")
		}, reason: ErrLogin, detail: "login service"},
		"login hangs": {login: func(ctx context.Context) (azcore.AccessToken, error) {
			<-ctx.Done()
			return azcore.AccessToken{}, ctx.Err()
		}, reason: ErrLogin, detail: "login service"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &graph{answer: c.answer, broken: c.broken, login: c.login}
			g.poll(t, strings.Fields("a b c d e f g h i j k l"), time.Hour, 2*time.Minute+5*time.Second, func(p *Poller, _ *delivered) {
				s := p.Status().Stalled
				if s == nil {
					t.Fatal("the status says nothing of it")
				}
				if !errors.Is(s.Reason, c.reason) || !strings.Contains(s.Detail, c.detail) {
					t.Errorf("reason %q, detail %q, want %q and %q", s.Reason, s.Detail, c.reason, c.detail)
				}
				if lasted := time.Since(s.Since); lasted < time.Minute || lasted > 3*time.Minute {
					t.Errorf("since %v ago", lasted)
				}
				g.heal()
				<-time.After(3 * time.Hour)
				if s := p.Status(); s.Stalled != nil {
					t.Errorf("after it has passed: %+v", s.Stalled)
				}
			})
		})
	}
}

// While requests fail, the status says within five seconds why no page arrives. A wait of seconds that Graph
// asks for by 429 is not a stall.
func TestStatus_AFailureIsShownWithinFiveSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(int, *http.Request) (int, http.Header, string)
		broken func(*http.Request) error
		login  signIn
		users  int
		want   error
	}{
		"500":              {answer: func(int, *http.Request) (int, http.Header, string) { return 500, nil, "" }, users: 30, want: ErrUnavailable},
		"500 for one user": {answer: func(int, *http.Request) (int, http.Header, string) { return 500, nil, "" }, users: 1, want: ErrUnavailable},
		"503 with Retry-After": {answer: func(int, *http.Request) (int, http.Header, string) {
			return 503, http.Header{"Retry-After": {"20"}}, ""
		}, users: 30, want: ErrUnavailable},
		"HTML":       {answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, "<html>" }, users: 30, want: ErrMalformed},
		"402":        {answer: func(int, *http.Request) (int, http.Header, string) { return 402, nil, "" }, users: 30, want: ErrUnpaid},
		"no network": {broken: func(*http.Request) error { return errors.New("no route") }, users: 30, want: ErrUnavailable},
		"login down": {login: func(context.Context) (azcore.AccessToken, error) {
			return azcore.AccessToken{}, errors.New("dial: no route")
		}, users: 30, want: ErrLogin},
		"429": {answer: func(int, *http.Request) (int, http.Header, string) {
			return 429, http.Header{"Retry-After": {"20"}}, ""
		}, users: 30},
	} {
		t.Run(name, func(t *testing.T) {
			g := &graph{answer: c.answer, broken: c.broken, login: c.login}
			g.poll(t, someUsers(c.users), time.Second, 5*time.Second, func(p *Poller, _ *delivered) {
				switch s := p.Status().Stalled; {
				case c.want == nil && s != nil:
					t.Errorf("stalled: %+v", s)
				case c.want != nil && (s == nil || !errors.Is(s.Reason, c.want)):
					t.Errorf("stalled: %+v, want %v", s, c.want)
				}
			})
		})
	}
}

func TestStatus_AnIdleTenantIsNotStalled(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }}
	g.poll(t, []string{"a", "b"}, 24*time.Hour, 20*time.Hour, func(p *Poller, _ *delivered) {
		if s := p.Status().Stalled; s != nil {
			t.Errorf("%+v", s)
		}
	})
}
