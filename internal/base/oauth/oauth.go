package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// ErrRefused is wrapped by the error if the endpoint does not accept what it is asked, or its certificate is not accepted:
// another try is of no use until somebody changes something.
var ErrRefused = errors.New("refused")

// Config says where tokens come from.
type Config struct {
	URL, ClientID string
	// Secret gives the client secret as it is now.
	Secret func() string
	Scopes []string
	// TLS gives the configuration for a connection to the endpoint that is made now.
	TLS func() *tls.Config
	Log *slog.Logger
}

// Tokens gives tokens. It is safe for concurrent use.
type Tokens struct {
	secret func() string
	tls    func() *tls.Config
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	config  clientcredentials.Config
	token   string
	renew   time.Time // when a new one is to be asked for
	expires time.Time
}

// longestLife bounds how long a token is used, whatever the endpoint says.
const longestLife = 24 * time.Hour

// requestTimeout bounds one request to the endpoint.
const requestTimeout = 10 * time.Second

// New makes a source of tokens. It asks for none yet.
func New(cfg Config) *Tokens {
	return &Tokens{secret: cfg.Secret, tls: cfg.TLS, log: cfg.Log, now: time.Now,
		config: clientcredentials.Config{ClientID: cfg.ClientID, TokenURL: cfg.URL, Scopes: cfg.Scopes}}
}

// client is for one token: it is asked for too seldom to keep a connection.
func (t *Tokens) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = t.tls()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport, Timeout: requestTimeout,
		// The secret goes to no other address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Token returns a token that has at least a fifth of its life before it, as Kafka's own client does
// (sasl.login.refresh.window.factor is 0.8), or, as long as the endpoint gives no new one, the present one while it is
// valid. The error may wrap ErrRefused.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	t.mu.Lock() // held during the request: who else needs a token waits for this one
	defer t.mu.Unlock()
	now := t.now()
	if now.Before(t.renew) {
		return t.token, nil
	}
	secret := t.secret()
	t.config.ClientSecret = secret
	token, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client()))
	if err == nil && !strings.EqualFold(token.Type(), "Bearer") {
		err = fmt.Errorf("the token's type is %q", token.Type())
	}
	if err == nil {
		err = CheckToken(token.AccessToken)
	}
	if err != nil {
		err = t.explain(err, secret)
		if now.Before(t.expires) {
			t.log.Warn("no new token for Kafka, the present one is used while it is valid", "error", err, "valid_for", t.expires.Sub(now).Round(time.Second))
			return t.token, nil
		}
		return "", err
	}
	// Without an expiry, or one that makes sense, nobody knows how long it is valid: it is used once.
	t.token, t.expires, t.renew = token.AccessToken, time.Time{}, time.Time{}
	if life := min(token.Expiry.Sub(now), longestLife); life > 0 {
		t.expires, t.renew = now.Add(life), now.Add(life*4/5)
	}
	return t.token, nil
}

// longestDescription bounds what is shown of an endpoint's own words, in bytes.
const longestDescription = 300

// explain says what went wrong without the secret, whatever the endpoint answered. It hides errors of the network from
// errors.As, because who speaks to a broker would take them for the broker's.
func (t *Tokens) explain(err error, secret string) error {
	where := "oauth: get a token for client " + t.config.ClientID + " from " + t.config.TokenURL
	var answered *oauth2.RetrieveError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("%s: %w: %s", where, ErrRefused, untrusted.Error())
	case !errors.As(err, &answered):
		return errors.New(where + ": " + without(secret, err.Error()))
	}
	said := answered.Response.Status
	if answered.ErrorCode != "" {
		said += ", " + answered.ErrorCode
	}
	if answered.ErrorDescription != "" {
		said += ": " + answered.ErrorDescription
	}
	if said = without(secret, said); len(said) > longestDescription {
		said = said[:longestDescription] + "…"
	}
	status := answered.Response.StatusCode
	if status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests {
		return fmt.Errorf("%s: %s", where, said)
	}
	return fmt.Errorf("%s: %w: %s", where, ErrRefused, said)
}

func without(secret, text string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, "[redacted]")
}
