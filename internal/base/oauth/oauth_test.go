package oauth

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// endpoint is a token endpoint. Its tokens are numbered.
type endpoint struct {
	*httptest.Server

	mu       sync.Mutex
	secret   string
	inBody   bool // takes the secret in the body only, and not by basic authentication
	life     int  // of a token in seconds, 0 to say nothing of it
	kind     string
	answer   http.HandlerFunc // instead of a token
	requests []string         // the bodies
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{secret: "first & 1st", life: 300, kind: "Bearer"}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		_ = r.ParseForm()
		e.requests = append(e.requests, r.PostForm.Encode())
		user, secret, _ := r.BasicAuth()
		secret = strings.NewReplacer("+", " ", "%26", "&").Replace(secret) // RFC 6749, section 2.3.1
		if e.inBody {
			user, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case e.answer != nil:
			e.answer(w, r)
		case user != "connector" || secret != e.secret:
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": "the secret " + secret + r.PostForm.Get("client_secret") + " is wrong"})
		default:
			answer := map[string]any{"access_token": fmt.Sprint("token-", len(e.requests)), "token_type": e.kind}
			if e.life > 0 {
				answer["expires_in"] = e.life
			}
			_ = json.NewEncoder(w).Encode(answer)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// change changes how it answers.
func (e *endpoint) change(how func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	how()
}

func (e *endpoint) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.requests)
}

// client is a Tokens with its secret and a clock that a test moves.
type client struct {
	*Tokens
	secret string
	logged bytes.Buffer
}

func newClient(e *endpoint) *client {
	c := &client{secret: "first & 1st"}
	roots := x509.NewCertPool()
	roots.AddCert(e.Certificate())
	c.Tokens = New(Config{URL: e.URL + "/token", ClientID: "connector", Secret: func() string { return c.secret }, Scopes: []string{"kafka", "topics"},
		TLS: func() *tls.Config { return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12} },
		Log: slog.New(slog.NewTextHandler(&c.logged, nil))})
	return c
}

// after moves the clock.
func (c *client) after(d time.Duration) {
	now := c.now().Add(d)
	c.now = func() time.Time { return now }
}

func (c *client) mustGive(t *testing.T, want string) {
	t.Helper()
	token, err := c.Token(t.Context())
	if err != nil || token != want {
		t.Fatalf("got %q, %v, want %q", token, err, want)
	}
}

func TestToken_IsAskedForOnceAndAgainAtFourFifthsOfItsLife(t *testing.T) {
	e := newEndpoint(t)
	c := newClient(e)
	c.mustGive(t, "token-1")
	c.after(235 * time.Second)
	c.mustGive(t, "token-1")
	c.after(10 * time.Second)
	c.mustGive(t, "token-2")
	if want := "grant_type=client_credentials&scope=kafka+topics"; e.requests[0] != want {
		t.Errorf("asked for %q, want %q", e.requests[0], want)
	}
}

func TestToken_OfAnEndpointThatTakesTheSecretInTheBody(t *testing.T) {
	e := newEndpoint(t)
	e.inBody = true
	c := newClient(e)
	c.mustGive(t, "token-2") // the first request sent it as basic authentication
	c.after(time.Hour)
	c.mustGive(t, "token-3") // what the endpoint takes is remembered
}

func TestToken_IsAskedForWithTheSecretOfTheMoment(t *testing.T) {
	e := newEndpoint(t)
	c := newClient(e)
	c.mustGive(t, "token-1")
	e.change(func() { e.secret = "second" })
	c.secret = "second"
	c.after(4 * time.Minute)
	c.mustGive(t, "token-2")
}

func TestToken_IsUsedOnceIfNobodySaysHowLongItIsValid(t *testing.T) {
	e := newEndpoint(t)
	e.life = 0
	c := newClient(e)
	c.mustGive(t, "token-1")
	c.mustGive(t, "token-2")
}

func TestToken_IsUsedWhileItIsValidIfTheEndpointGivesNoNewOne(t *testing.T) {
	e := newEndpoint(t)
	c := newClient(e)
	c.mustGive(t, "token-1")
	e.change(func() {
		e.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	})
	c.after(299 * time.Second)
	c.mustGive(t, "token-1")
	if said := c.logged.String(); !strings.Contains(said, "503 Service Unavailable") {
		t.Errorf("logged %q", said)
	}
	c.after(2 * time.Second)
	if token, err := c.Token(t.Context()); err == nil {
		t.Fatalf("got %q after its end", token)
	}
	e.change(func() { e.answer = nil })
	c.mustGive(t, fmt.Sprint("token-", e.asked()+1))
}

func TestToken_ErrorsNameTheTroubleAndNothingSecret(t *testing.T) {
	for name, test := range map[string]struct {
		answer  http.HandlerFunc
		says    string
		refused bool
	}{
		"a wrong secret": {nil, "401 Unauthorized, invalid_client: the secret [redacted] is wrong", true},
		"not found": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "hush "+r.PostForm.Get("scope"), http.StatusNotFound)
		},
			"404 Not Found", true},
		"too many requests": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, "429 Too Many Requests", false},
		"down":              {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502 Bad Gateway", false},
		"no token":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, "missing access_token", false},
		"a page for people": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hush")) }, "cannot parse json", false},
		"another kind of token": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"hush","token_type":"mac"}`))
		}, `the token's type is "MAC"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			e.answer = test.answer
			c := newClient(e)
			c.secret = "hush"
			token, err := c.Token(t.Context())
			if err == nil || token != "" || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), e.URL) {
				t.Errorf("got %q, %v, want an error that says %q", token, err, test.says)
			}
			if errors.Is(err, ErrRefused) != test.refused {
				t.Errorf("refused %v, want %v: %v", !test.refused, test.refused, err)
			}
			if strings.Contains(fmt.Sprint(err), "hush") {
				t.Error("the secret is in the error")
			}
		})
	}
}

func TestToken_AnEndpointWhoseCertificateIsNotKnownIsRefused(t *testing.T) {
	e := newEndpoint(t)
	c := newClient(e)
	c.tls = func() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }
	_, err := c.Token(t.Context())
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "unknown authority") || e.asked() != 0 {
		t.Errorf("got %v", err)
	}
}

// A client of Kafka takes errors of the network for the broker's, and would look for another one.
func TestToken_AnEndpointThatIsNotThereIsNoBrokerThatIsNotThere(t *testing.T) {
	e := newEndpoint(t)
	c := newClient(e)
	e.Close()
	_, err := c.Token(t.Context())
	var network *net.OpError
	if err == nil || errors.As(err, &network) || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestToken_TheSecretIsNotSentWhereTheEndpointRedirects(t *testing.T) {
	other := newEndpoint(t)
	e := newEndpoint(t)
	e.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}
	_, err := newClient(e).Token(t.Context())
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "307 Temporary Redirect") {
		t.Errorf("got %v", err)
	}
	if other.asked() != 0 {
		t.Error("the redirect was followed")
	}
}
