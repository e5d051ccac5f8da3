package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/klauspost/compress/gzip"
)

// maxBody bounds a response, in bytes. Fifty messages of Teams' largest size are 1.4 MB.
const maxBody = 64 << 20

// requestTimeout bounds one request from the connection to the last byte.
const requestTimeout = 2 * time.Minute

// Client asks Graph for pages. It makes one request a call (two, if a token was refused) and leaves
// repeating to the caller, whose users wait in a queue and not in a goroutine.
type Client struct {
	root      *url.URL
	http      *http.Client
	tokens    *Tokens
	gate      *Gate
	userAgent string
	metrics   *Metrics
	clock     graphClock
	bodies    sync.Pool // of *bytes.Buffer, memory for bodies
	unzips    sync.Pool // of *gzip.Reader

	mu        sync.Mutex
	throttled *backoff.ExponentialBackOff // for a throttling response without Retry-After
}

// NewClient makes a client of the Graph at root, a URL without version. Redirects are refused, so that
// the token cannot be carried elsewhere (invariant 7).
func NewClient(root *url.URL, httpClient *http.Client, tokens *Tokens, gate *Gate, userAgent string, metrics *Metrics) *Client {
	own := *httpClient
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		root: root, http: &own, tokens: tokens, gate: gate, userAgent: userAgent, metrics: metrics,
		throttled: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(time.Second),
			backoff.WithMaxInterval(2*time.Minute),
			backoff.WithMaxElapsedTime(0)),
	}
}

// NewHTTPClient makes the HTTP client for Graph and the login endpoint. Roots are the certificate authorities to trust, nil
// for the system's; idle is how many idle connections to a host are kept. It speaks HTTP/1.1, a request a connection: by HTTP/2 a page
// costs a fifth more (docs/performance.md), and all requests share one connection's losses.
func NewHTTPClient(roots *x509.CertPool, idle int) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout: 10 * time.Second,
		Protocols:           protocols,
		MaxIdleConnsPerHost: idle,
		IdleConnTimeout:     90 * time.Second,
	}}
}

// Query says what is asked for besides the window.
type Query struct {
	// Filter is the or-group of sender and type clauses, "" for none; Model is "A", "B" or "".
	Filter, Model string
}

// MessagesURL is the address of the first page of a user's messages last modified at or after from
// and before to, in milliseconds. Both of Graph's bounds are exclusive, so the lower one is a
// millisecond earlier; both are required.
func (c *Client) MessagesURL(user string, from, to int64, top int, q Query) string {
	window := "lastModifiedDateTime gt " + graphTime(from-1) + " and lastModifiedDateTime lt " + graphTime(to)
	if q.Filter != "" {
		window = "(" + q.Filter + ") and (" + window + ")"
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(c.root.String(), "/"))
	b.WriteString("/v1.0/users/" + url.PathEscape(user) + "/chats/getAllMessages?$top=" + strconv.Itoa(top))
	if q.Model != "" {
		b.WriteString("&model=" + q.Model)
	}
	b.WriteString("&$filter=" + strings.ReplaceAll(url.QueryEscape(window), "+", "%20"))
	return b.String()
}

func graphTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// Page fetches one page of messages. Every error is an *Error, or the context's.
func (c *Client) Page(ctx context.Context, link string) (Page, error) {
	return c.page(ctx, link, messagesRequest)
}

// Inspect gets a new token and tells what it says of itself, as [Tokens.Inspect] does.
func (c *Client) Inspect(ctx context.Context) (TokenInfo, error) { return c.tokens.Inspect(ctx) }

// Skew is how far our clock was ahead of Graph's (negative: behind it) when the last response came, to about a second.
// ok is false while nothing has come from Graph yet.
func (c *Client) Skew() (ahead time.Duration, ok bool) { return c.clock.skew() }

// kind is what a request asks for.
type kind struct {
	name   string // in metrics
	header http.Header
}

// Headers are not carried by links, so they go with every page.
var (
	messagesRequest = kind{"messages", http.Header{
		// Without it a system message is an "unknownFutureValue".
		"Prefer": {"include-unknown-enum-members"},
	}}
	usersRequest = kind{"users", http.Header{
		// With $count=true in the query it makes an advanced query of it.
		"Consistencylevel": {"eventual"},
	}}
)

func (c *Client) page(ctx context.Context, link string, k kind) (Page, error) {
	body, err := c.get(ctx, link, k)
	if err != nil {
		return Page{}, err
	}
	page, failed := c.parse(body.Bytes())
	c.metrics.request(k.name, failed)
	if failed != nil {
		c.recycle(body)
		return Page{}, failed
	}
	page.release = func() { c.recycle(body) }
	return page, nil
}

// parse reads a page, and judges its link here and again before it is followed: one that would be refused tomorrow should
// be refused today.
func (c *Client) parse(body []byte) (Page, *Error) {
	page, err := ParsePage(body)
	if err != nil {
		return Page{}, noPage.fail(err.Error(), nil)
	}
	if page.NextLink == "" {
		return page, nil
	}
	_, failed := c.allowed(page.NextLink)
	return page, failed
}

// allowed parses a link and refuses one that leads away from the configured root (invariant 7).
func (c *Client) allowed(link string) (*url.URL, *Error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, foreignLink.fail("it is no URL", nil)
	}
	if u.User != nil || u.Scheme != c.root.Scheme || !strings.EqualFold(u.Hostname(), c.root.Hostname()) || port(u) != port(c.root) {
		return nil, foreignLink.fail(fmt.Sprintf("it leads to %.100q, the configured root is %q",
			u.Scheme+"://"+u.Host, c.root.Scheme+"://"+c.root.Host), nil)
	}
	return u, nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"https": "443", "http": "80"}[u.Scheme]
}

// get fetches a page's body. It counts what fails; what it brings is counted when it is read.
func (c *Client) get(ctx context.Context, link string, k kind) (*bytes.Buffer, error) {
	u, refused := c.allowed(link)
	if refused != nil {
		return nil, refused
	}
	for attempt := 0; ; attempt++ {
		token, serial, err := c.tokens.Token(ctx)
		if err != nil {
			var failed *Error
			if errors.As(err, &failed) {
				c.hold(failed)
			}
			return nil, err
		}
		if err := c.gate.Wait(ctx); err != nil {
			return nil, err
		}
		body, header, failed := c.once(ctx, u, token, k)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if failed == nil {
			c.calm()
			return body, nil
		}
		c.metrics.request(k.name, failed)
		if failed.Status == http.StatusUnauthorized && attempt == 0 {
			// Expired, revoked, or a claims challenge: one new token, one more try.
			c.tokens.Refused(serial, claimsChallenge(header))
			continue
		}
		if errors.Is(failed, ErrThrottled) {
			c.gate.Throttled()
		}
		c.hold(failed)
		return nil, failed
	}
}

// once makes one request.
func (c *Client) once(ctx context.Context, u *url.URL, token string, k kind) (*bytes.Buffer, http.Header, *Error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	header := http.Header{
		"Authorization": {"Bearer " + token},
		"Accept":        {"application/json"},
		"User-Agent":    {c.userAgent},
		// The transport would ask for it too, and decompress it at twice the cost.
		"Accept-Encoding": {"gzip"},
	}
	maps.Copy(header, k.header)
	req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: header}).
		WithContext(httptrace.WithClientTrace(ctx, c.lastLook(ctx)))
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.metrics.seconds(time.Since(sent))
		return nil, nil, noResponse.fail("", withoutURL(err))
	}
	defer resp.Body.Close()
	received := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.clock.observe(date, received)
	}
	body, err := c.readBody(resp)
	c.metrics.seconds(time.Since(sent))
	var failed *Error
	switch {
	case resp.StatusCode != http.StatusOK:
		failed = responseError(resp, body.Bytes(), received)
	case err != nil:
		failed = brokenBody.fail("", withoutURL(err)).of(resp)
	case body.Len() > maxBody:
		failed = hugeBody.fail(fmt.Sprintf("the body is larger than %d bytes", maxBody), nil).of(resp)
	default:
		return body, resp.Header, nil
	}
	c.recycle(body)
	return nil, resp.Header, failed
}

// lastLook holds a request back that has waited for its connection while another one was told to wait:
// between the gate and the first byte lie a dial and a handshake (invariant 6). The transport calls the
// hook on the request's own goroutine, right before it writes. A request that ends meanwhile would be
// written all the same, so its connection goes.
func (c *Client) lastLook(ctx context.Context) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if c.gate.opened(ctx) != nil {
			got.Conn.Close()
		}
	}}
}

// readBody reads a body into memory that another one has left, as a rule.
func (c *Client) readBody(resp *http.Response) (*bytes.Buffer, error) {
	body, ok := c.bodies.Get().(*bytes.Buffer)
	if !ok {
		body = new(bytes.Buffer)
	}
	body.Grow(int(min(max(0, resp.ContentLength), maxBody)) + bytes.MinRead)
	if !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		_, err := body.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
		return body, err
	}
	reader, ok := c.unzips.Get().(*gzip.Reader)
	if !ok {
		reader = new(gzip.Reader)
	}
	defer c.unzips.Put(reader)
	if err := reader.Reset(resp.Body); err != nil {
		return body, err
	}
	_, err := body.ReadFrom(io.LimitReader(reader, maxBody+1))
	return body, err
}

// maxRecycled bounds the memory that is kept for the next body, in bytes.
const maxRecycled = 1 << 20

// recycle keeps a body's memory for the next one.
func (c *Client) recycle(body *bytes.Buffer) {
	if body.Cap() > maxRecycled {
		return
	}
	body.Reset()
	c.bodies.Put(body)
}

// withoutURL strips the address from a transport's error: it holds a skip token and a user.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// responseError reads Graph's error shape, {"error":{"code","message","innerError"}}, as far as it is
// there. A message is Graph's own sentence; it is cut short and cleaned of control characters.
func responseError(resp *http.Response, body []byte, received time.Time) *Error {
	e := &Error{
		Status:     resp.StatusCode,
		RequestID:  clean(resp.Header.Get("request-id"), 64),
		RetryAfter: retryAfter(resp.Header, received),
	}
	var shape struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &shape) == nil {
		e.Code, e.Detail = clean(shape.Error.Code, 64), clean(shape.Error.Message, 200)
	}
	query := ""
	if resp.Request != nil && resp.Request.URL != nil {
		query = resp.Request.URL.RawQuery
	}
	classify(e, strings.Contains(query, "skip"))
	return e
}

func clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}

// retryAfter is the wait a response asks for, rounded up to whole seconds: seconds, also with a
// fraction (Graph documents both), or an HTTP date, which is measured against the response's own Date.
// 0 means none.
func retryAfter(h http.Header, received time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if math.IsNaN(seconds) || seconds <= 0 {
			return 0
		}
		return time.Duration(math.Ceil(min(seconds, 1e6))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := received
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	wait := at.Sub(now)
	if wait <= 0 {
		return 0
	}
	return (wait + time.Second - 1).Truncate(time.Second)
}

// hold closes the gate where a response asks everyone to wait (invariant 6).
func (c *Client) hold(e *Error) {
	if e.Action != Hold {
		return
	}
	wait := e.RetryAfter
	if wait == 0 {
		c.mu.Lock()
		wait = c.throttled.NextBackOff()
		c.mu.Unlock()
	}
	c.gate.Hold(wait)
	c.metrics.held(wait)
}

// calm forgets the growing wait once a request succeeded, and lets the rate return.
func (c *Client) calm() {
	c.gate.Calm()
	c.mu.Lock()
	c.throttled.Reset()
	c.mu.Unlock()
}

var claimsPattern = regexp.MustCompile(`claims="([^"]+)"`)

// claimsChallenge returns the decoded claims of a continuous access evaluation challenge, "" if the
// response holds none.
func claimsChallenge(h http.Header) string {
	found := claimsPattern.FindStringSubmatch(h.Get("WWW-Authenticate"))
	if found == nil {
		return ""
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if claims, err := encoding.DecodeString(found[1]); err == nil && json.Valid(claims) {
			return string(claims)
		}
	}
	return ""
}
