package graphsim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble makes a simulator without a network inside the test's bubble, and a client of it.
func inBubble(t *testing.T, cfg Config, latency time.Duration) *client {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, s: s, http: &http.Client{Transport: s.Transport(latency)}, header: http.Header{}}
	c.token = c.login()
	return c
}

func TestTransport_AnswersInVirtualTimeAndTakesItsLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, Config{Users: 2, Chats: 1, Rate: 1}, 300*time.Millisecond)
		time.Sleep(24 * time.Hour)
		c.token = c.login()
		began := time.Now()
		e := c.page(messages(c.s.Users()[0], "$top=50"))
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("a page took %v", took)
		}
		if len(e.Value) != 50 || !strings.HasPrefix(e.link(), c.s.URL()) {
			t.Errorf("%d items, link %q", len(e.Value), e.link())
		}
		if n := len(c.readAll(e.link())); n < 10_000 {
			t.Errorf("%d further items, although a day has passed", n)
		}
	})
}

func TestTransport_FaultsLookAsTheyDoOverANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, Config{Users: 1, Chats: 1, MaxMembers: 1, History: History{Messages: 500}, Faults: Faults{SlowFor: 8 * time.Second}}, 0)
		path := messages(c.s.Users()[0], "$top=500")
		c.adjust(Settings{Rates: map[string]float64{"fault-cut": 1}})
		if a := c.get(path); a.status != http.StatusOK || !errors.Is(a.err, io.ErrUnexpectedEOF) {
			t.Errorf("a cut body: %d %v", a.status, a.err)
		}
		c.adjust(Settings{Rates: map[string]float64{"fault-cut": 0, "fault-slow": 1}})
		began := time.Now()
		response, err := c.http.Do(c.request(t.Context(), path))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("the headers of a slow body took %v", took)
		}
		body, err := io.ReadAll(response.Body)
		if took := time.Since(began); err != nil || !json.Valid(body) || took != 8*time.Second {
			t.Errorf("a slow body: %v after %v, %d bytes", err, took, len(body))
		}
	})
}

func TestTransport_EndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, Config{Users: 1, Chats: 1, MaxMembers: 1, History: History{Messages: 500}}, 0)
		path := messages(c.s.Users()[0], "$top=500")

		c.http.Transport = c.s.Transport(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		unanswered, err := c.http.Do(c.request(ctx, path))
		if err == nil {
			defer unanswered.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that ended on its way: %v", err)
		}

		c.http.Transport = c.s.Transport(0)
		c.adjust(Settings{Rates: map[string]float64{"fault-slow": 1}})
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		response, err := c.http.Do(c.request(ctx, path))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.ReadAll(response.Body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a body whose request ended: %v", err)
		}
	})
}

// request makes a request with the client's token.
func (c *client) request(ctx context.Context, path string) *http.Request {
	c.t.Helper()
	root, err := url.Parse(c.s.URL() + path)
	if err != nil {
		c.t.Fatal(err)
	}
	r := (&http.Request{Method: http.MethodGet, URL: root, Header: http.Header{"Authorization": {"Bearer " + c.token}}}).WithContext(ctx)
	return r
}
