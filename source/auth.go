package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// DefaultAuthority is the login root of the global cloud.
const DefaultAuthority = "https://login.microsoftonline.com"

// Credentials are an application's own, for the client credentials flow.
type Credentials struct {
	TenantID, ClientID string
	ClientSecret       string
	// Authority is the login root, https only.
	Authority string
	// HTTP makes the token requests.
	HTTP *http.Client
}

// Tokens hands out access tokens for Graph. It keeps the newest and renews it early; at most one
// request for a token is under way.
type Tokens struct {
	scope string
	make  func() (azcore.TokenCredential, error)

	mu         sync.Mutex
	credential azcore.TokenCredential
	token      azcore.AccessToken
	renewAt    time.Time
	serial     int // counts the tokens, so that a refused one is dropped once and not by every request that carried it
}

// NewTokens makes a source of tokens for the resource at graphRoot.
func NewTokens(c Credentials, graphRoot string) *Tokens {
	return &Tokens{
		scope: scopeOf(graphRoot),
		make: func() (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(c.TenantID, c.ClientID, c.ClientSecret,
				&azidentity.ClientSecretCredentialOptions{
					ClientOptions: policy.ClientOptions{
						Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.Authority},
						Transport: c.HTTP,
						Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 5 * time.Second},
					},
					// Instance discovery asks login.microsoftonline.com whether the authority is
					// genuine; a private one must not be told to the world.
					DisableInstanceDiscovery: !knownAuthorities[strings.TrimSuffix(c.Authority, "/")],
				})
		},
	}
}

var knownAuthorities = map[string]bool{
	DefaultAuthority:                           true,
	"https://login.microsoftonline.us":         true,
	"https://login.chinacloudapi.cn":           true,
	"https://login.partner.microsoftonline.cn": true,
}

// scopeOf is the scope to ask a token for. A root that is none of Microsoft's own stands for the global
// Graph behind a proxy.
func scopeOf(graphRoot string) string {
	switch root := strings.TrimSuffix(graphRoot, "/"); root {
	case "https://graph.microsoft.us", "https://dod-graph.microsoft.us", "https://microsoftgraph.chinacloudapi.cn":
		return root + "/.default"
	default:
		return "https://graph.microsoft.com/.default"
	}
}

// Token returns a token and its serial number. A non-empty claims is the answer to a claims challenge
// and gets a new token past every cache.
func (t *Tokens) Token(ctx context.Context, claims string) (token string, serial int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if claims == "" && time.Now().Before(t.renewAt) {
		return t.token.Token, t.serial, nil
	}
	if t.credential == nil {
		if t.credential, err = t.make(); err != nil {
			return "", 0, &Error{Action: StopTenant, Reason: ErrUnauthorized, Detail: "the credential is unusable", Cause: plain(err)}
		}
	}
	got, err := t.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{t.scope}, Claims: claims, EnableCAE: true})
	if err != nil {
		if ctx.Err() != nil {
			return "", 0, ctx.Err()
		}
		return "", 0, tokenError(err)
	}
	now := time.Now()
	margin := min(5*time.Minute, got.ExpiresOn.Sub(now)/5)
	t.token, t.renewAt = got, got.ExpiresOn.Add(-margin)
	t.serial++
	return got.Token, t.serial, nil
}

// Drop forgets the token with that serial number, because Graph refused it. azidentity cannot drop a
// token it has cached, so the credential goes with it.
func (t *Tokens) Drop(serial int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if serial == t.serial {
		t.credential, t.renewAt = nil, time.Time{}
	}
}

// tokenError tells a refusal, which concerns the whole tenant, from a login service that cannot be
// reached, which concerns everybody and passes.
func tokenError(err error) error {
	var refused *azidentity.AuthenticationFailedError
	if errors.As(err, &refused) && refused.RawResponse != nil {
		status := refused.RawResponse.StatusCode
		if status == http.StatusTooManyRequests || status >= 500 {
			return &Error{Action: Hold, Reason: ErrUnavailable, Status: status, Detail: "the login service gives no token",
				RetryAfter: retryAfter(refused.RawResponse.Header, time.Now())}
		}
		return &Error{Action: StopTenant, Reason: ErrUnauthorized, Status: status, Detail: "the login service refused: " + aadsts(err)}
	}
	return &Error{Action: Hold, Reason: ErrUnavailable, Detail: "the login service cannot be reached", Cause: plain(err)}
}

var aadstsPattern = regexp.MustCompile(`AADSTS\d+:[^\r\n"\\]{0,200}`)

// aadsts is the one line of a login error that says what is wrong.
func aadsts(err error) string {
	if found := aadstsPattern.FindString(err.Error()); found != "" {
		return strings.TrimSpace(found)
	}
	return "it gave no AADSTS code"
}

// plain keeps the first line of an SDK's error, which otherwise prints the whole exchange.
func plain(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > 300 {
		line = line[:300]
	}
	return fmt.Errorf("%s", line)
}
