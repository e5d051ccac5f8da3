package graphsim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// handClock is a clock that moves when it is told to.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// client talks to a simulator with a valid token.
type client struct {
	t      *testing.T
	s      *Server
	clock  *handClock
	http   *http.Client
	token  string
	header http.Header // sent with each request
}

// start runs a simulator on a clock of the test's own.
func start(t *testing.T, cfg Config) *client {
	t.Helper()
	clock := &handClock{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	cfg.Now = clock.Now
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &client{t: t, s: s, clock: clock, http: trusting(t, s), header: http.Header{}}
	c.token = c.login()
	return c
}

// trusting returns a client that trusts the simulator's certificate authority.
func trusting(t testing.TB, s *Server) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CAPEM()) {
		t.Fatal("CAPEM holds no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// login gets a token with the client secret, by hand.
func (c *client) login() string {
	c.t.Helper()
	status, body := c.requestToken(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.s.ClientID()}, "client_secret": {c.s.ClientSecret()},
		"scope": {"https://graph.microsoft.com/.default"},
	})
	if status != http.StatusOK {
		c.t.Fatalf("token: %d %v", status, body)
	}
	return body["access_token"].(string)
}

func (c *client) requestToken(form url.Values) (int, map[string]any) {
	c.t.Helper()
	resp, err := c.http.PostForm(c.s.AuthorityURL()+"/"+c.s.TenantID()+"/oauth2/v2.0/token", form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, body
}

type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of the transport or the body
}

// get asks for a link or for a path under the root.
func (c *client) get(link string) answer {
	c.t.Helper()
	if strings.HasPrefix(link, "/") {
		link = c.s.URL() + link
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, strings.ReplaceAll(link, " ", "%20"), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: body, err: err}
}

type envelope struct {
	Context string            `json:"@odata.context"`
	Count   *int              `json:"@odata.count"`
	Link    *string           `json:"@odata.nextLink"`
	Value   []json.RawMessage `json:"value"`
}

func (e envelope) link() string {
	if e.Link == nil {
		return ""
	}
	return *e.Link
}

// page gets a page that must be sound.
func (c *client) page(link string) envelope {
	c.t.Helper()
	a := c.get(link)
	if a.err != nil || a.status != http.StatusOK {
		c.t.Fatalf("GET %s: %d %v %s", link, a.status, a.err, a.body)
	}
	var e envelope
	if err := json.Unmarshal(a.body, &e); err != nil {
		c.t.Fatalf("GET %s: %v in %s", link, err, a.body)
	}
	if e.Count == nil || *e.Count != len(e.Value) {
		c.t.Fatalf("GET %s: @odata.count is %v for %d items", link, e.Count, len(e.Value))
	}
	return e
}

// messages is the path of the first page of a user's messages.
func messages(user string, query ...string) string {
	return "/v1.0/users/" + user + "/chats/getAllMessages?" + strings.Join(query, "&")
}

func between(from, to time.Time) string {
	const millis = "2006-01-02T15:04:05.000Z"
	return "$filter=lastModifiedDateTime gt " + from.UTC().Format(millis) + " and lastModifiedDateTime lt " + to.UTC().Format(millis)
}

// readAll follows links to the end and returns all items.
func (c *client) readAll(link string) []json.RawMessage {
	c.t.Helper()
	var all []json.RawMessage
	for pages := 0; link != ""; pages++ {
		if pages > 10_000 {
			c.t.Fatalf("%s has no end", link)
		}
		e := c.page(link)
		all = append(all, e.Value...)
		link = e.link()
	}
	return all
}

type chatMessage struct {
	ID       string  `json:"id"`
	ChatID   string  `json:"chatId"`
	Etag     string  `json:"etag"`
	Type     string  `json:"messageType"`
	Created  string  `json:"createdDateTime"`
	Modified *string `json:"lastModifiedDateTime"`
	Edited   *string `json:"lastEditedDateTime"`
	Deleted  *string `json:"deletedDateTime"`
	From     json.RawMessage
	Body     struct{ ContentType, Content string }
	Event    map[string]any `json:"eventDetail"`
}

func parse(t *testing.T, raw json.RawMessage) chatMessage {
	t.Helper()
	var m chatMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return m
}

// ledger reads the ledger over the network.
func (c *client) ledger() []LedgerLine {
	c.t.Helper()
	a := c.get("/_sim/ledger")
	if a.err != nil || a.status != http.StatusOK {
		c.t.Fatalf("ledger: %d %v", a.status, a.err)
	}
	var lines []LedgerLine
	for line := range bytes.Lines(a.body) {
		var l LedgerLine
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			c.t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

func (c *client) adjust(change Settings) {
	c.t.Helper()
	if err := c.s.Adjust(change); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) stats() Stats {
	c.t.Helper()
	a := c.get("/_sim/stats")
	var st Stats
	if err := json.Unmarshal(a.body, &st); err != nil {
		c.t.Fatalf("stats: %v %v", a.err, err)
	}
	return st
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
