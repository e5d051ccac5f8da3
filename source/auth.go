package source

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/internal/base/oauth"
)

// Tokens hands out access tokens for Graph. At most one request for a token is under way.
//
// A token is renewed when half of its life is over. Until it expires it is still used, so nobody
// waits for an early renewal but the one request that makes it, and a login service that is down for
// less than half a token's life costs nothing. A refusal during that time is not yet the end either: it
// is logged and counted, and the present token serves until it ends.
type Tokens struct {
	credentials Credentials
	make        func() (azcore.TokenCredential, error)

	mu       sync.Mutex
	text     string    // the newest token
	serial   int       // counts the tokens, so that a refused one is dropped once and not by every request that carried it
	renewAt  time.Time // when half of its life is over
	until    time.Time // when it is not used any more
	claims   string    // of a claims challenge that no token answers yet
	renewing chan struct{}
	failed   *Error    // how the last renewal failed; nil once one succeeds
	tryAt    time.Time // no renewal before, after one that failed
	pause    *backoff.ExponentialBackOff
}

// The pauses after a token request that failed, unless the login service names a longer one.
const renewFirst, renewLongest = time.Second, 30 * time.Second

// The life of a token is bounded whatever the login service says. A token that this machine's clock calls
// expired is used for a moment, or the login service would be asked without end; Graph refuses it if it
// is. Entra's tokens live for up to 28 hours, and lose nothing by an earlier renewal.
const shortestLife, longestLife = 10 * time.Second, 24 * time.Hour

// NewTokens makes a source of tokens. It asks for none yet.
func NewTokens(c Credentials) *Tokens {
	return &Tokens{credentials: c, make: c.credential}
}

// Token returns a token and its serial number. Its error is an *Error (Hold if the login service could not
// answer, StopTenant if it refused or if the token lacks a role) or the context's.
func (t *Tokens) Token(ctx context.Context) (token string, serial int, err error) {
	for {
		t.mu.Lock()
		now := time.Now()
		valid := now.Before(t.until)
		due := !now.Before(t.renewAt) && t.renewing == nil && !now.Before(t.tryAt)
		if valid && !due {
			defer t.mu.Unlock()
			return t.text, t.serial, nil
		}
		if under := t.renewing; under != nil {
			t.mu.Unlock()
			select {
			case <-under:
				continue
			case <-ctx.Done():
				return "", 0, ctx.Err()
			}
		}
		if !due { // a renewal failed a moment ago, and its pause is not over
			defer t.mu.Unlock()
			return "", 0, t.failure(now)
		}
		t.renewing = make(chan struct{})
		claims := t.claims
		t.mu.Unlock()

		got, failed := t.exchange(ctx, claims)
		if err := t.renewed(ctx, claims, got, failed); err != nil {
			return "", 0, err
		}
	}
}

// renewed takes over what an exchange with those claims gave, and wakes those who wait for it.
func (t *Tokens) renewed(ctx context.Context, claims string, got azcore.AccessToken, failed *Error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.renewing)
	t.renewing = nil
	if failed != nil && ctx.Err() != nil {
		return ctx.Err() // says nothing of the login service: whoever comes next asks it
	}
	c := t.credentials
	if c.Metrics != nil {
		c.Metrics.request("token", failed)
	}
	now := time.Now()
	if failed == nil && claims != t.claims {
		return nil // a challenge came meanwhile, which this token does not answer
	}
	if failed == nil {
		if t.failed != nil && c.Log != nil {
			c.Log.Info("tokens are got again", "expires", got.ExpiresOn.UTC())
		}
		t.text, t.serial, t.claims, t.failed, t.pause, t.tryAt = got.Token, t.serial+1, "", nil, nil, time.Time{}
		life := bounded(got.ExpiresOn.Sub(now), shortestLife, longestLife)
		t.renewAt = now.Add(life / 2)
		// A little before its end, because requests take their time.
		t.until = now.Add(life - min(time.Minute, life/10))
		return nil
	}
	if t.pause == nil {
		t.pause = backoff.NewExponentialBackOff(backoff.WithInitialInterval(renewFirst),
			backoff.WithMaxInterval(renewLongest), backoff.WithMaxElapsedTime(0))
		if now.Before(t.until) && c.Log != nil { // without a valid token the failure reaches the caller, who logs it
			c.Log.Warn("the token could not be renewed, the present one is used until it ends", "error", failed, "until", t.until.UTC())
		}
	}
	t.failed = failed
	t.tryAt = now.Add(max(t.pause.NextBackOff(), failed.RetryAfter))
	return nil
}

// failure is how the last renewal failed, with what is left of its pause.
func (t *Tokens) failure(now time.Time) *Error {
	failed := *t.failed
	if failed.Action == Hold {
		failed.RetryAfter = t.tryAt.Sub(now)
	}
	return &failed
}

// Refused drops the token with that serial number, because Graph refused it, so that the next call of
// Token gets a new one. claims are those of a claims challenge, empty for none.
func (t *Tokens) Refused(serial int, claims string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if serial == t.serial {
		t.until, t.renewAt, t.claims = time.Time{}, time.Time{}, claims
	}
}

// Inspect gets a new token and tells what it says of itself. The error is that of Token; with one that says
// the token lacks something, the information is there nonetheless.
func (t *Tokens) Inspect(ctx context.Context) (TokenInfo, error) {
	got, failed := t.exchange(ctx, "")
	if failed == nil {
		return t.credentials.inspect(got.Token, got.ExpiresOn), nil
	}
	if ctx.Err() != nil {
		return TokenInfo{}, ctx.Err()
	}
	if got.Token != "" {
		return t.credentials.inspect(got.Token, got.ExpiresOn), failed
	}
	return TokenInfo{Kind: t.credentials.Kind, TenantID: t.credentials.TenantID, ClientID: t.credentials.ClientID}, failed
}

// exchange asks for a token. With an error that says what the token lacks, the token is there as well.
func (t *Tokens) exchange(ctx context.Context, claims string) (azcore.AccessToken, *Error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	credential, err := t.make()
	if err != nil {
		return azcore.AccessToken{}, loginRefused.fail("the credential is unusable", plain(err))
	}
	got, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{t.credentials.Scope}, Claims: claims, EnableCAE: true})
	if err != nil {
		return azcore.AccessToken{}, t.credentials.refusal(err)
	}
	if err := oauth.CheckToken(got.Token); err != nil {
		return azcore.AccessToken{}, loginDown.fail("the login service issued an unusable token", err)
	}
	return got, t.credentials.check(t.credentials.inspect(got.Token, got.ExpiresOn))
}

// refusal tells a refusal, which concerns the whole tenant, from a login service that cannot be reached,
// which passes.
func (c Credentials) refusal(err error) *Error {
	service := "the login service"
	if c.Kind == AuthManagedIdentity {
		service = "the managed identity endpoint"
	}
	var answered *azidentity.AuthenticationFailedError
	known := errors.As(err, &answered)
	switch {
	case known && answered.RawResponse == nil:
		return loginDown.fail(service+" cannot be reached", plain(err))
	case known && transient(answered.RawResponse.StatusCode):
		failed := loginDown.fail(c.words(service+" issues no token", answered), nil).of(answered.RawResponse)
		failed.RetryAfter, failed.Bounded = retryAfter(answered.RawResponse.Header, time.Now())
		return failed
	case known:
		return loginRefused.fail(c.words(service+" refused", answered), nil).of(answered.RawResponse)
	case c.Kind == AuthManagedIdentity:
		// What azidentity calls unavailable: no identity is assigned to this machine.
		return loginRefused.fail(service+" refused", plain(err))
	default:
		return loginDown.fail(service+" cannot be reached", plain(err))
	}
}

func transient(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }

var aadstsPattern = regexp.MustCompile(`AADSTS\d+:[^\r\n"\\]{0,200}`)

// words appends to what happened what the login service said about it, if it said anything: its AADSTS
// line, or else the text of its response, without the secret should the service echo it.
func (c Credentials) words(happened string, answered *azidentity.AuthenticationFailedError) string {
	text := aadstsPattern.FindString(answered.Error())
	if text == "" {
		if body, err := runtime.Payload(answered.RawResponse); err == nil {
			said := readError(body)
			text = strings.TrimSpace(said.code + " " + said.detail)
		}
	}
	if c.Secret != nil {
		if secret := c.Secret(); secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	if text = clean(text, maxDetail); text == "" {
		return happened
	}
	return happened + ": " + text
}

// plain makes one line of an SDK's error, which has several. The cause is not always in the first one.
func plain(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	// The SDK appends a successful response that it cannot read, which may hold a token.
	text, _, _ := strings.Cut(err.Error(), "raw message was:")
	return errors.New(clean(text, maxDetail))
}
