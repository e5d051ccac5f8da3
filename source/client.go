package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
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
	heldBy    *Error                      // the newest response that asked everyone to wait
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

// Page fetches one page of messages. Every error is an *Error, or the context's.
func (c *Client) Page(ctx context.Context, link string) (Page, error) {
	return c.PageWithin(ctx, link, requestTimeout)
}

// PageWithin does what Page does, and gives a request up that takes longer than limit. The time that
// the tenant has to wait does not count.
func (c *Client) PageWithin(ctx context.Context, link string, limit time.Duration) (Page, error) {
	return c.page(ctx, link, messagesRequest, limit)
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
	types  []string // of the collection, in lower case, as @odata.context may name it
}

// Headers are not carried by links, so they go with every page.
var (
	messagesRequest = kind{"messages", http.Header{
		// Without it a system message is an "unknownFutureValue".
		"Prefer": {"include-unknown-enum-members"},
	}, []string{"chatmessage", "/messages"}}
	usersRequest = kind{"users", http.Header{
		// With $count=true in the query this makes it an advanced query.
		"Consistencylevel": {"eventual"},
	}, []string{"user", "directoryobject"}}
)

func (c *Client) page(ctx context.Context, link string, k kind, limit time.Duration) (Page, error) {
	r, err := c.get(ctx, link, k, limit)
	if err != nil {
		return Page{}, err
	}
	page, failed := c.parse(r.url, r.body.Bytes(), k)
	c.metrics.request(k.name, failed)
	if failed != nil {
		c.recycle(r.body)
		return Page{}, failed
	}
	c.calm()
	// Only a page that is one shows Graph's clock: what comes from a proxy has the proxy's.
	c.clock.observe(r.date, r.received, r.url.Path)
	page.release = func() { c.recycle(r.body) }
	return page, nil
}

// parse reads a page. It resolves the page's link and checks it here and again before it is followed: a
// link that would be refused tomorrow should be refused today.
func (c *Client) parse(base *url.URL, body []byte, k kind) (Page, *Error) {
	page, err := ParsePage(body, k.types...)
	if err != nil {
		return Page{}, noPage.fail(err.Error(), nil)
	}
	if page.NextLink == "" {
		return page, nil
	}
	next, failed := c.follow(base, page.NextLink)
	if failed != nil {
		return page, failed
	}
	page.NextLink = next.String()
	return page, nil
}

// response is a body that came with status 200.
type response struct {
	url            *url.URL
	body           *bytes.Buffer
	date, received time.Time // the Date header, zero if it has none; our clock when it came
}

// get fetches a page's body. It counts failures; a body is counted once it has been parsed.
func (c *Client) get(ctx context.Context, link string, k kind, limit time.Duration) (response, error) {
	u, refused := c.follow(nil, link)
	if refused != nil {
		return response{}, refused
	}
	for attempt := 0; ; attempt++ {
		token, serial, err := c.tokens.Token(ctx)
		if err != nil {
			var failed *Error
			if errors.As(err, &failed) {
				c.hold(failed)
			}
			return response{}, err
		}
		ticket, err := c.gate.Enter(ctx)
		if err != nil {
			return response{}, err
		}
		r, header, failed := c.once(ctx, u, token, k, limit)
		c.gate.Leave(ticket, failed.ending())
		if ctx.Err() != nil {
			return response{}, ctx.Err()
		}
		if failed == nil {
			return r, nil
		}
		c.metrics.request(k.name, failed)
		if failed.Status == http.StatusUnauthorized && attempt == 0 {
			// The token is expired, revoked or answered with a claims challenge: try once with a new one.
			c.tokens.Refused(serial, claimsChallenge(header))
			continue
		}
		c.hold(failed)
		return response{}, failed
	}
}

// once makes one request.
func (c *Client) once(ctx context.Context, u *url.URL, token string, k kind, most time.Duration) (response, http.Header, *Error) {
	limit, end := newTimeLimit(ctx, most)
	defer end()
	header := http.Header{
		"Authorization": {"Bearer " + token},
		"Accept":        {"application/json"},
		"User-Agent":    {c.userAgent},
		// The transport would ask for it too, and decompress it at twice the cost.
		"Accept-Encoding": {"gzip"},
	}
	maps.Copy(header, k.header)
	req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: header}).
		WithContext(httptrace.WithClientTrace(limit.ctx, c.lastLook(limit)))
	sent := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.metrics.seconds(time.Since(sent))
		return response{}, nil, noResponse.fail("", limit.cause(withoutURL(err)))
	}
	defer resp.Body.Close()
	received := time.Now()
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	body, err := c.readBody(resp)
	c.metrics.seconds(time.Since(sent))
	var failed *Error
	switch {
	case resp.StatusCode != http.StatusOK:
		failed = responseError(resp, body.Bytes(), received)
	case err != nil:
		failed = brokenBody.fail("", limit.cause(withoutURL(err))).of(resp)
	case body.Len() > maxBody:
		failed = hugeBody.fail(fmt.Sprintf("the body is larger than %d bytes", maxBody), nil).of(resp)
	default:
		return response{u, body, date, received}, resp.Header, nil
	}
	c.recycle(body)
	return response{}, resp.Header, failed
}

// lastLook holds a request back that has waited for its connection while another one was told to wait:
// between the gate and the first byte lie a dial and a handshake (invariant 6). The transport calls the
// hook on the request's own goroutine, right before it writes. A request that ends meanwhile would be
// written all the same, so its connection goes.
func (c *Client) lastLook(limit *timeLimit) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		limit.pause()
		defer limit.resume()
		if c.gate.opened(limit.ctx) != nil {
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
	// The length that a response announces is a claim: memory beyond this comes with the bytes.
	body.Grow(int(min(max(0, resp.ContentLength), maxRecycled)) + bytes.MinRead)
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

// responseError makes the error of a response that is not a 200.
func responseError(resp *http.Response, body []byte, received time.Time) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: clean(resp.Header.Get("request-id"), maxCode)}
	e.RetryAfter, e.Bounded = retryAfter(resp.Header, received)
	words := readError(body)
	e.Code, e.Detail = words.code, words.detail
	classify(e, words.phrases(), resp.Request != nil && resp.Request.URL != nil && continues(resp.Request.URL))
	return e
}

// hold closes the gate where a response asks everyone to wait (invariant 6).
func (c *Client) hold(e *Error) {
	if e.Action != Hold {
		return
	}
	wait := e.RetryAfter
	c.mu.Lock()
	c.heldBy = e
	if wait == 0 {
		wait = c.throttled.NextBackOff()
	}
	c.mu.Unlock()
	if e.Bounded {
		c.gate.HoldAndProbe(wait)
	} else {
		c.gate.Hold(wait)
	}
	c.metrics.held(wait)
}

// held returns until when no request starts, and why. The time is in the past, and the reason nil, if
// nothing holds requests back.
func (c *Client) held(now time.Time) (until time.Time, why *Error) {
	until = c.gate.Held()
	if !until.After(now) {
		return until, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return until, c.heldBy
}

// calm forgets the growing wait once a request succeeded.
func (c *Client) calm() {
	c.gate.Probed()
	c.mu.Lock()
	c.throttled.Reset()
	c.mu.Unlock()
}
