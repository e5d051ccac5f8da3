package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

// TestErrors_EveryRow sends each response of the table through the client, and holds that each row is met by one
// of them: a row that an earlier one hides would never be.
func TestErrors_EveryRow(t *testing.T) {
	const first, next = "https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50", "https://graph.test/v1.0/users/u/chats/getAllMessages?$skiptoken=x"
	met := make(map[int]bool)
	for _, c := range []struct {
		status  int
		header  http.Header
		message string
		link    string
		action  Action
		reason  error
	}{
		{400, nil, "Invalid continuation token", next, Restart, ErrStaleLink},
		{400, nil, "Invalid $skip value", next, Restart, ErrStaleLink},
		{400, nil, "Invalid $filter query.", first, StopTenant, ErrBadRequest},
		{400, nil, "Bad Request", next, Restart, ErrStaleLink},
		{400, nil, "Bad Request", first, Suspend, ErrBadRequest},
		{401, nil, "", first, StopTenant, ErrUnauthorized},
		{402, nil, "the tenant needs a valid license", first, StopTenant, ErrUnpaid},
		{403, nil, "Missing role permissions on the request. API required one of 'Chat.Read.All'.", first, StopTenant, ErrUnauthorized},
		{403, nil, "No authorization information present on the request.", first, StopTenant, ErrUnauthorized},
		{403, nil, "Failed to get license information for the user.", first, Suspend, ErrUnlicensed},
		{403, nil, "Forbidden", first, Suspend, ErrDenied},
		{404, nil, "NotFound", first, Suspend, ErrUserGone},
		{408, nil, "", first, Retry, ErrUnavailable},
		{410, nil, "", next, Restart, ErrStaleLink},
		{412, nil, "not supported in delegated context", first, StopTenant, ErrUnauthorized},
		{429, nil, "", first, Hold, ErrThrottled},
		{429, http.Header{"Retry-After": {"7"}}, "", first, Hold, ErrThrottled},
		{504, http.Header{"Retry-After": {"7"}}, "UnknownError", first, Shrink, ErrUnavailable},
		{503, http.Header{"Retry-After": {"7"}}, "", first, Hold, ErrUnavailable},
		{500, nil, "", first, Retry, ErrUnavailable}, {502, nil, "", first, Retry, ErrUnavailable},
		{503, nil, "", first, Retry, ErrUnavailable}, {509, nil, "", first, Retry, ErrUnavailable},
		{302, nil, "", first, Retry, ErrMalformed}, {304, nil, "", first, Retry, ErrMalformed},
		{418, nil, "", first, StopTenant, ErrBadRequest}, {451, nil, "", next, StopTenant, ErrBadRequest},
		{204, nil, "", first, Retry, ErrMalformed}, {206, nil, "", first, Retry, ErrMalformed}, {600, nil, "", first, Retry, ErrMalformed},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
				h := c.header.Clone()
				if h == nil {
					h = http.Header{}
				}
				h.Set("request-id", "r-1")
				return c.status, h, fmt.Sprintf(`{"error":{"code":"Code","message":%q}}`, c.message)
			}}
			_, err := g.client().Page(t.Context(), c.link)
			var failed *Error
			if !errors.As(err, &failed) || failed.Action != c.action || !errors.Is(err, c.reason) || failed.RequestID != "r-1" || failed.Status != c.status {
				t.Errorf("%d %q: %v, want %v because %v", c.status, c.message, err, c.action, c.reason)
				return
			}
			for i, r := range rules {
				if r.matches(failed, said{texts: []string{c.message}}.phrases(), c.link == next) {
					met[i] = true
					break
				}
			}
		})
	}
	for i, r := range rules {
		if !met[i] {
			t.Errorf("row %d (%d, %q) is met by no response", i, r.least, r.says)
		}
	}
}

// brokenOff is a body that ends with an error, as a cut connection does.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// answers is a transport that gives one response, or none.
type answers struct{ body io.Reader }

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.body == nil {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Request-Id": {"r-1"}}, Body: io.NopCloser(a.body), ContentLength: -1, Request: r}, nil
}

func TestErrors_EveryFaultOfATransport(t *testing.T) {
	for name, c := range map[string]struct {
		body   io.Reader
		action Action
		reason error
	}{
		"no response":  {nil, Retry, ErrUnavailable},
		"broken body":  {brokenOff{}, Retry, ErrMalformed},
		"no page":      {strings.NewReader("<html>"), Retry, ErrMalformed},
		"huge body":    {endless{}, Shrink, ErrMalformed},
		"foreign link": {strings.NewReader(page("https://evil.test/")), Suspend, ErrRefusedLink},
	} {
		g := &graph{}
		client := g.client()
		client.http.Transport = answers{c.body}
		_, err := client.Page(t.Context(), "https://graph.test/v1.0/x")
		var failed *Error
		if !errors.As(err, &failed) || failed.Action != c.action || !errors.Is(err, c.reason) {
			t.Errorf("%s: %v, want %v because %v", name, err, c.action, c.reason)
		}
	}
}

func TestErrors_AnItemThatFitsNowhereSuspendsItsUser(t *testing.T) {
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, page("", `{"id":"1"}`) }}
	synctest.Test(t, func(t *testing.T) {
		p := NewPoller(PollerConfig{
			Client: g.client(), Ladder: mustLadder(t, time.Hour, time.Minute), PageSize: 50, InFlight: 1,
			Deliver: func(context.Context, Delivery) error { return &Refusal{errors.New("too large")} },
			Log:     slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
		}, map[string]offsets.Position{"u": {Start: time.Now().Add(-time.Hour).UnixMilli()}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		<-time.After(30 * time.Second)
		synctest.Wait()
		if s := p.Status(); len(s.Suspended) != 1 || !errors.Is(s.Suspended[0].Reason, ErrItemRefused) || s.Suspended[0].RetryAt.Before(time.Now()) {
			t.Errorf("suspended: %+v", s.Suspended)
		}
		cancel()
		<-ended
	})
}

func TestErrors_TheTableNamesEveryRow(t *testing.T) {
	if rows := strings.Count(ErrorTable(), "\n") - 2; rows != len(rules)+len(faults) {
		t.Errorf("%d rows, want %d", rows, len(rules)+len(faults))
	}
	for _, r := range append(append([]rule{}, rules...), faults[:]...) {
		if r.reason == nil || r.seen == "" || r.remedy == "" {
			t.Errorf("row %+v is not whole", r)
		}
		if r.action == StopTenant && !slices.Contains(stopReasons[:], r.reason) {
			t.Errorf("row %+v stops a tenant for a reason that the metric does not know", r)
		}
	}
}
