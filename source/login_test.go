package source

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	testTenant = "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11"
	testClient = "2f7d6c1e-77b0-4c5e-9f60-6f1b0f7c9a42"
)

// login is the login service inside a synctest bubble: no network, virtual time.
type login struct {
	// answer says what the nth token request gets; a zero answer is a good token.
	answer func(n int, form url.Values) loginAnswer

	mu       sync.Mutex
	requests []url.Values
	at       []time.Time
	logs     strings.Builder
}

type loginAnswer struct {
	status int // 0: a token
	header http.Header
	body   string
	roles  []string // of the token; nil: Chat.Read.All
	tenant string   // of the token; "": the configured one
	opaque bool
	after  time.Duration // how long the answer takes
}

func (l *login) RoundTrip(r *http.Request) (*http.Response, error) {
	reply := func(status int, header http.Header, body string) (*http.Response, error) {
		if header == nil {
			header = http.Header{}
		}
		header.Set("Content-Type", "application/json")
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
	root := "https://login.test/" + testTenant
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		return reply(200, nil, fmt.Sprintf(`{"token_endpoint":"%[1]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","issuer":"%[1]s/v2.0"}`, root))
	}
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.requests = append(l.requests, r.PostForm)
	l.at = append(l.at, time.Now())
	n := len(l.requests)
	var a loginAnswer
	if l.answer != nil {
		a = l.answer(n, r.PostForm)
	}
	l.mu.Unlock()
	if a.after > 0 {
		select {
		case <-time.After(a.after):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.status != 0 {
		return reply(a.status, a.header, a.body)
	}
	if a.body != "" {
		return reply(200, nil, a.body)
	}
	token := fmt.Sprintf("opaque-%d", n)
	if !a.opaque {
		token = a.jwt(n)
	}
	return reply(200, nil, fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"ext_expires_in":3600,"access_token":%q}`, token))
}

func (a loginAnswer) jwt(n int) string {
	if a.roles == nil {
		a.roles = []string{"Chat.Read.All"}
	}
	if a.tenant == "" {
		a.tenant = testTenant
	}
	claims, _ := json.Marshal(map[string]any{"tid": a.tenant, "appid": testClient, "roles": a.roles, "uti": n})
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part(claims) + "." + part([]byte("signature"))
}

// asked is how many tokens were asked for.
func (l *login) asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.requests)
}

func (l *login) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logs.Write(p)
}

func (l *login) log() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logs.String()
}

func (l *login) credentials() Credentials {
	return Credentials{
		Kind: AuthSecret, TenantID: testTenant, ClientID: testClient, Secret: func() string { return "hush-hush" },
		Authority: "https://login.test", Scope: "https://graph.test/.default",
		HTTP: &http.Client{Transport: l}, Log: slog.New(slog.NewTextHandler(l, nil)), Metrics: NewMetrics(nil),
	}
}

// refused is an answer of the login service with an AADSTS number.
func refused(status, number int) loginAnswer {
	return loginAnswer{status: status, body: fmt.Sprintf(
		`{"error":"invalid_client","error_description":"AADSTS%d: It will not do.\r\nTrace ID: x","error_codes":[%d]}`, number, number)}
}

// serials calls Token so many times at once and returns what came, an error as -1.
func serials(ctx context.Context, t *Tokens, calls int) []int {
	got := make([]int, calls)
	var done sync.WaitGroup
	for i := range got {
		done.Go(func() {
			_, serial, err := t.Token(ctx)
			if err != nil {
				serial = -1
			}
			got[i] = serial
		})
	}
	done.Wait()
	return got
}
