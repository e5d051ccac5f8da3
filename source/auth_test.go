package source

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// inBubble runs a test of tokens in virtual time.
func inBubble(t *testing.T, l *login, change func(*Credentials), test func(*testing.T, *Tokens)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := l.credentials()
		if change != nil {
			change(&c)
		}
		test(t, NewTokens(c))
	})
}

func mustToken(t *testing.T, tokens *Tokens) (string, int) {
	t.Helper()
	text, serial, err := tokens.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return text, serial
}

func failedToken(t *testing.T, tokens *Tokens) *Error {
	t.Helper()
	_, _, err := tokens.Token(t.Context())
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an *Error", err)
	}
	return failed
}

func TestTokens_OneRequestIsUnderWayHoweverManyWait(t *testing.T) {
	l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{after: 3 * time.Second} }}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		for _, serial := range serials(t.Context(), tokens, 50) {
			if serial != 1 {
				t.Fatalf("serial %d, want 1", serial)
			}
		}
		if l.asked() != 1 {
			t.Errorf("%d requests for a token, want 1", l.asked())
		}
	})
}

func TestTokens_AreRenewedAtHalfTheirLifeAndNobodyElseWaits(t *testing.T) {
	l := &login{answer: func(n int, _ url.Values) loginAnswer {
		if n == 1 {
			return loginAnswer{}
		}
		return loginAnswer{after: 15 * time.Second} // a slow login service
	}}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		mustToken(t, tokens)
		<-time.After(29 * time.Minute)
		if mustToken(t, tokens); l.asked() != 1 {
			t.Fatalf("%d requests before half of the token's life was over", l.asked())
		}
		<-time.After(2 * time.Minute)
		renewal := make(chan int)
		go func() {
			_, serial, _ := tokens.Token(t.Context())
			renewal <- serial
		}()
		synctest.Wait()
		began := time.Now()
		for _, serial := range serials(t.Context(), tokens, 20) {
			if serial != 1 {
				t.Errorf("serial %d while the renewal is under way, want the present token", serial)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the others waited %v for an early renewal", waited)
		}
		if serial := <-renewal; serial != 2 || l.asked() != 2 {
			t.Errorf("serial %d after %d requests, want the second of 2", serial, l.asked())
		}
	})
}

func TestTokens_APresentTokenOutlivesALoginServiceThatIsDownOrRefuses(t *testing.T) {
	for name, a := range map[string]loginAnswer{
		"down":    {status: 503, body: `{}`},
		"refuses": refused(401, 7000222),
		"no role": {roles: []string{"User.Read.All"}},
	} {
		t.Run(name, func(t *testing.T) {
			healed := false
			l := &login{answer: func(n int, _ url.Values) loginAnswer {
				if n == 1 || healed {
					return loginAnswer{}
				}
				return a
			}}
			inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
				mustToken(t, tokens)
				for range 27 { // from half of its life to its last minutes
					<-time.After(time.Minute)
				}
				for range 27 {
					<-time.After(time.Minute)
					if _, serial := mustToken(t, tokens); serial != 1 {
						t.Fatalf("serial %d", serial)
					}
				}
				if asked := l.asked(); asked < 10 || asked > 200 {
					t.Errorf("asked %d times in 27 minutes", asked)
				}
				if n := strings.Count(l.log(), "could not be renewed"); n != 1 {
					t.Errorf("logged %d times, want once:\n%s", n, l.log())
				}
				var outcomes int
				for _, outcome := range []string{ErrLogin.Error(), ErrUnauthorized.Error()} {
					outcomes += int(testutil.ToFloat64(tokens.credentials.Metrics.requests.WithLabelValues("token", outcome)))
				}
				if outcomes < 10 {
					t.Errorf("counted %d failures", outcomes)
				}
				<-time.After(7 * time.Minute) // now it has ended
				if failed := failedToken(t, tokens); failed.Reason == nil {
					t.Error("no reason")
				}
				healed = true
				<-time.After(renewLongest * 2)
				if _, serial := mustToken(t, tokens); serial != 2 {
					t.Errorf("serial %d, want 2", serial)
				}
				if !strings.Contains(l.log(), "tokens are got again") {
					t.Error("the recovery is not logged")
				}
			})
		})
	}
}

// The login service's own Retry-After holds for it as Graph's does for Graph (invariant 6), for whoever asks.
func TestTokens_ObeyTheLoginServicesRetryAfter(t *testing.T) {
	l := &login{answer: func(n int, _ url.Values) loginAnswer {
		if n == 1 {
			return loginAnswer{status: 429, header: http.Header{"Retry-After": {"90"}}, body: `{}`}
		}
		return loginAnswer{}
	}}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		failed := failedToken(t, tokens)
		if failed.Action != Hold || failed.RetryAfter != 90*time.Second {
			t.Errorf("%v after %v, want to hold for 90s", failed.Action, failed.RetryAfter)
		}
		<-time.After(30 * time.Second)
		if failed := failedToken(t, tokens); failed.RetryAfter != time.Minute || l.asked() != 1 {
			t.Errorf("%v left, asked %d times; want 1m and once", failed.RetryAfter, l.asked())
		}
		<-time.After(time.Minute)
		mustToken(t, tokens)
	})
}

func TestTokens_ARefusedOneIsReplacedOnceWithTheAnswerToItsChallenge(t *testing.T) {
	l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{after: time.Second} }}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		_, serial := mustToken(t, tokens)
		challenge := `{"access_token":{"nbf":{"essential":true,"value":"1795000000"}}}`
		for range 30 { // every request that carried it comes back refused
			tokens.Refused(serial, challenge)
		}
		for _, serial := range serials(t.Context(), tokens, 30) {
			if serial != 2 {
				t.Fatalf("serial %d, want 2", serial)
			}
		}
		tokens.Refused(serial, challenge) // a straggler
		if _, serial := mustToken(t, tokens); serial != 2 || l.asked() != 2 {
			t.Errorf("serial %d after %d requests, want 2 and 2", serial, l.asked())
		}
		if first, second := l.requests[0].Get("claims"), l.requests[1].Get("claims"); strings.Contains(first, "nbf") || !strings.Contains(second, "1795000000") {
			t.Errorf("claims %q, then %q", first, second)
		}
	})
}

func TestTokens_AChallengeThatComesDuringARenewalIsAnswered(t *testing.T) {
	l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{after: 5 * time.Second} }}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		_, serial := mustToken(t, tokens)
		<-time.After(31 * time.Minute)
		done := make(chan int)
		go func() {
			_, serial, _ := tokens.Token(t.Context())
			done <- serial
		}()
		synctest.Wait()
		tokens.Refused(serial, `{"access_token":{"nbf":{"essential":true,"value":"1795000000"}}}`)
		if <-done; !strings.Contains(l.requests[l.asked()-1].Get("claims"), "1795000000") {
			t.Errorf("the last of %d requests does not answer the challenge", l.asked())
		}
	})
}

func TestTokens_ARotatedSecretIsUsedFromTheNextTokenOn(t *testing.T) {
	secret := "old"
	l := &login{answer: func(_ int, form url.Values) loginAnswer {
		if form.Get("client_secret") == "new" {
			return loginAnswer{}
		}
		return refused(401, 7000222)
	}}
	inBubble(t, l, func(c *Credentials) { c.Secret = func() string { return secret } }, func(t *testing.T, tokens *Tokens) {
		if failed := failedToken(t, tokens); failed.Action != StopTenant || !errors.Is(failed, ErrUnauthorized) || !strings.Contains(failed.Error(), "AADSTS7000222") {
			t.Errorf("got %v (%v)", failed, failed.Action)
		}
		secret = "new"
		<-time.After(stopSecond)
		mustToken(t, tokens)
	})
}

func TestTokens_WhatTheTokenLacksIsNamedBeforeGraphIsAsked(t *testing.T) {
	for name, test := range map[string]struct {
		answer loginAnswer
		needs  [][]string
		want   []string // in the error; nil for none
	}{
		"the least":      {answer: loginAnswer{roles: []string{"Chat.Read.All"}}},
		"read and write": {answer: loginAnswer{roles: []string{"Chat.ReadWrite.All"}}},
		"opaque":         {answer: loginAnswer{opaque: true}},
		"none at all":    {answer: loginAnswer{roles: []string{}}, want: []string{"Chat.Read.All", "no roles", testClient}},
		"others":         {answer: loginAnswer{roles: []string{"User.Read.All", "Chat.Read"}}, want: []string{"Chat.Read.All or Chat.ReadWrite.All", "Chat.Read, User.Read.All"}},
		"another need":   {answer: loginAnswer{}, needs: [][]string{{"User.Read.All", "Directory.Read.All"}}, want: []string{"User.Read.All or Directory.Read.All"}},
		"another tenant": {answer: loginAnswer{tenant: "11111111-1111-4111-8111-111111111111"}, want: []string{"11111111-1111-4111-8111-111111111111", testTenant}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &login{answer: func(int, url.Values) loginAnswer { return test.answer }}
			inBubble(t, l, func(c *Credentials) { c.Needs = test.needs }, func(t *testing.T, tokens *Tokens) {
				if test.want == nil {
					mustToken(t, tokens)
					return
				}
				failed := failedToken(t, tokens)
				if failed.Action != StopTenant || !errors.Is(failed, ErrUnauthorized) {
					t.Errorf("got %v (%v)", failed, failed.Action)
				}
				for _, want := range test.want {
					if !strings.Contains(failed.Error(), want) {
						t.Errorf("%q is not in %v", want, failed)
					}
				}
				info, err := tokens.Inspect(t.Context())
				if !errors.Is(err, ErrUnauthorized) || info.ClientID != testClient || info.Kind != AuthSecret {
					t.Errorf("inspected: %+v, %v", info, err)
				}
			})
		})
	}
}

// A role that is granted later needs a new token: each probe of a stopped tenant asks for one.
func TestTokens_AGrantedRoleIsNoticed(t *testing.T) {
	granted := []string{}
	l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{roles: granted} }}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		failedToken(t, tokens)
		granted = []string{"Chat.Read.All"}
		<-time.After(stopSecond)
		mustToken(t, tokens)
	})
}

func TestTokens_InspectTellsWhatTheTokenSays(t *testing.T) {
	l := &login{answer: func(int, url.Values) loginAnswer {
		return loginAnswer{roles: []string{"User.Read.All", "Chat.Read.All"}}
	}}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		info, err := tokens.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.TenantID != testTenant || info.ClientID != testClient || !slices.Equal(info.Roles, []string{"Chat.Read.All", "User.Read.All"}) ||
			info.Opaque || info.Kind != AuthSecret || time.Until(info.Expires).Round(time.Minute) != time.Hour {
			t.Errorf("got %+v", info)
		}
	})
}

func TestTokens_AHangingLoginServiceIsGivenUp(t *testing.T) {
	l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{after: time.Hour} }}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		began := time.Now()
		if failed := failedToken(t, tokens); failed.Action != Hold {
			t.Errorf("%v (%v), want to hold", failed, failed.Action)
		}
		if took := time.Since(began); took > tokenTimeout {
			t.Errorf("took %v", took)
		}
	})
}

// One whose context ends says nothing of the login service: the next one asks at once.
func TestTokens_ACanceledCallerLeavesTheOthersTheirToken(t *testing.T) {
	l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{after: 5 * time.Second} }}
	inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first := make(chan error)
		go func() {
			_, _, err := tokens.Token(ctx)
			first <- err
		}()
		synctest.Wait()
		_, serial := mustToken(t, tokens)
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) || serial != 1 {
			t.Errorf("first %v, then serial %d", err, serial)
		}
	})
}

func TestTokens_ErrorsHoldNothingOfSecretsAndTokens(t *testing.T) {
	for name, a := range map[string]loginAnswer{
		"a broken body":        {body: `{"token_type":"Bearer","expires_in":3600,"access_token":"canary-token`},
		"an answer in HTML":    {body: `<html>canary-token</html>`},
		"a secret echoed back": {status: 401, body: `{"error":"invalid_client","error_description":"nothing known of hush-hush"}`},
		"a redirect":           {status: 307, header: http.Header{"Location": {"https://evil.test/token"}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &login{answer: func(int, url.Values) loginAnswer { return a }}
			inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
				text := failedToken(t, tokens).Error()
				if strings.Contains(text, "canary-token") || strings.Contains(text, "hush-hush") {
					t.Errorf("told too much: %s", text)
				}
				for _, form := range l.requests {
					if form.Get("client_secret") != "hush-hush" {
						t.Errorf("a request without the secret: %v", len(form))
					}
				}
				if name == "a redirect" && l.asked() != 1 {
					t.Errorf("asked %d times: the redirect was followed", l.asked())
				}
			})
		})
	}
}

// 401 from Graph: one new token, one more try, then the tenant stops; another user's 401 at the same time gets
// the same new token.
func TestClient_ARefusedTokenIsReplacedOnceForAllRequests(t *testing.T) {
	l := &login{}
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }}
	synctest.Test(t, func(t *testing.T) {
		client := g.client()
		client.tokens = NewTokens(l.credentials())
		first, _ := mustToken(t, client.tokens)
		g.answer = func(_ int, r *http.Request) (int, http.Header, string) {
			if r.Header.Get("Authorization") == "Bearer "+first {
				return 401, nil, `{"error":{"code":"InvalidAuthenticationToken"}}`
			}
			return 200, nil, emptyPage
		}
		failures := make(chan error)
		for range 20 {
			go func() {
				_, err := client.Page(t.Context(), "https://graph.test/v1.0/users/u/chats/getAllMessages")
				failures <- err
			}()
		}
		for range 20 {
			if err := <-failures; err != nil {
				t.Error(err)
			}
		}
		if l.asked() != 2 {
			t.Errorf("%d tokens were asked for, want 2", l.asked())
		}
		g.answer = func(int, *http.Request) (int, http.Header, string) { return 401, nil, `{}` }
		before := len(g.requests)
		_, err := client.Page(t.Context(), "https://graph.test/v1.0/users/u/chats/getAllMessages")
		var failed *Error
		if !errors.As(err, &failed) || failed.Action != StopTenant || len(g.requests) != before+2 || l.asked() != 3 {
			t.Errorf("%v after %d requests and %d tokens", err, len(g.requests)-before, l.asked())
		}
	})
}
