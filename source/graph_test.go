package source

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/teams-kafka/connector/offsets"
)

// graph is Graph inside a synctest bubble: no network, virtual time.
type graph struct {
	mu       sync.Mutex
	answer   func(n int, r *http.Request) (status int, header http.Header, body string)
	broken   func(r *http.Request) error // if set, what a request fails with; nil for none
	login    signIn                      // if set, what gives tokens
	rate     float64                     // requests per second; 0 for more than a test makes
	wall     func() time.Time            // if set, this machine's clock
	blocked  []SuspendedUser             // who cannot be polled
	log      strings.Builder
	requests []request
	tokens   int
}

type request struct {
	at    time.Time
	user  string
	host  string
	token string
	url   string
}

// heal makes everything work from now on.
func (g *graph) heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken, g.login = nil, nil
	g.answer = func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }
}

func (g *graph) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	broken := g.broken
	g.mu.Unlock()
	if broken != nil {
		if err := broken(r); err != nil {
			return nil, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	user, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1.0/users/"), "/")
	g.requests = append(g.requests, request{time.Now(), user, r.URL.Host, r.Header.Get("Authorization"), r.URL.String()})
	status, header, body := g.answer(len(g.requests), r)
	if header == nil {
		header = http.Header{}
	}
	if header["Date"] == nil { // an empty list means no header
		header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

func (g *graph) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	g.mu.Lock()
	login := g.login
	g.mu.Unlock()
	if login != nil {
		return login.GetToken(ctx, o)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens++
	return azcore.AccessToken{Token: fmt.Sprintf("token-%d", g.tokens), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// polls counts the requests by user.
func (g *graph) polls() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	polls := make(map[string]int)
	for _, r := range g.requests {
		polls[r.user]++
	}
	return polls
}

// asked counts all requests.
func (g *graph) asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.requests)
}

func (g *graph) client() *Client {
	root, _ := url.Parse("https://graph.test")
	tokens := &Tokens{make: func() (azcore.TokenCredential, error) { return g, nil }}
	c := NewClient(root, &http.Client{Transport: g}, tokens, NewGate(cmp.Or(g.rate, 1000)), "test (instance 1)", NewMetrics(nil))
	c.clock.wall = g.wall
	return c
}

// delivered collects what a poller delivers.
type delivered struct {
	mu        sync.Mutex
	items     map[string][]string
	positions map[string]offsets.Position
}

func (d *delivered) deliver(_ context.Context, v Delivery) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, item := range v.Items {
		d.items[v.User] = append(d.items[v.User], string(item))
	}
	if v.Position != nil {
		d.positions[v.User] = *v.Position
	}
	return nil
}

func (d *delivered) position(user string) (offsets.Position, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.positions[user]
	return p, ok
}

func (d *delivered) all(user string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.items[user], " ")
}

// poll runs a poller over the users in virtual time for as long as told, and calls then before it ends.
func (g *graph) poll(t *testing.T, users []string, interval, length time.Duration, then func(*Poller, *delivered)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &delivered{items: make(map[string][]string), positions: make(map[string]offsets.Position)}
		positions := make(map[string]offsets.Position)
		for _, u := range users {
			positions[u] = offsets.Position{Start: time.Now().Add(-time.Hour).UnixMilli()}
		}
		p := NewPoller(PollerConfig{
			Client: g.client(), Ladder: mustLadder(t, interval, time.Minute, time.Hour), PageSize: 50, Settle: 2 * time.Second,
			InFlight: 8, Deliver: d.deliver, Log: slog.New(slog.NewTextHandler(&g.log, nil)), Metrics: NewMetrics(nil),
			Blocked: g.blocked,
		}, positions)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		<-time.After(length)
		synctest.Wait()
		then(p, d)
		cancel()
		<-ended
	})
}

const emptyPage = `{"value":[]}`

func page(link string, items ...string) string {
	next := ""
	if link != "" {
		next = fmt.Sprintf(`"@odata.nextLink":%q,`, link)
	}
	return "{" + next + `"value":[` + strings.Join(items, ",") + "]}"
}
