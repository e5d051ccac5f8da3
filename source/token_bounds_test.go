package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever the login service says of a token's life, a token that it gives is used without a request a
// call, and renewed within a day.
func TestTokens_WhatTheLoginServiceSaysOfALifeHasBounds(t *testing.T) {
	for name, c := range map[string]struct {
		fields string
		fails  bool
	}{
		"0":            {`"expires_in":0`, false},
		"negative":     {`"expires_in":-86400`, false},
		"1e18":         {`"expires_in":1000000000000000000`, false},
		"a long year":  {`"expires_in":9000000000`, false},
		"a string":     {`"expires_in":"3600"`, false},
		"missing":      {`"x":1`, true},
		"text":         {`"expires_in":"soon"`, true},
		"a fraction":   {`"expires_in":1.5`, true},
		"null":         {`"expires_in":null`, true},
		"ext 1e18":     {`"expires_in":3600,"ext_expires_in":1000000000000000000`, false},
		"ext negative": {`"expires_in":3600,"ext_expires_in":-1`, false},
		"on year 9999": {`"expires_on":253402300799`, false},
		"on 1970":      {`"expires_on":"0"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &login{answer: func(n int, _ url.Values) loginAnswer {
				return loginAnswer{body: fmt.Sprintf(`{"token_type":"Bearer",%s,"access_token":%q}`, c.fields, loginAnswer{}.jwt(n))}
			}}
			inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
				for range 20 {
					if _, _, err := tokens.Token(t.Context()); c.fails != (err != nil) {
						t.Fatalf("error %v", err)
					}
				}
				asked := l.asked()
				if asked != 1 {
					t.Errorf("%d requests for 20 calls, want 1", asked)
				}
				if c.fails {
					return
				}
				<-time.After(longestLife)
				if mustToken(t, tokens); l.asked() != asked+1 {
					t.Errorf("a day later the token is still used")
				}
			})
		})
	}
}

func TestTokens_ATokenThatNoHeaderHoldsIsTheLoginServicesFailure(t *testing.T) {
	for name, token := range map[string]string{
		"empty": "", "a megabyte": strings.Repeat("x", 1<<20), "a line break": "secret-x\r\nHost: evil", "not ASCII": "secret-é",
	} {
		t.Run(name, func(t *testing.T) {
			l := &login{answer: func(int, url.Values) loginAnswer {
				return loginAnswer{body: fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":%q}`, token)}
			}}
			inBubble(t, l, nil, func(t *testing.T, tokens *Tokens) {
				failed := failedToken(t, tokens)
				if !errors.Is(failed, ErrLogin) || strings.Contains(failed.Error(), "secret-") || len(failed.Error()) > 1000 {
					t.Errorf("%v", failed)
				}
			})
		})
	}
}

// FuzzTokenAnswer takes whatever body: it gives a token for a bounded time or an error, and neither
// panics nor asks without end.
func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{
		`{"token_type":"Bearer","expires_in":3600,"access_token":"x"}`, `{"expires_in":1e400,"access_token":"x"}`, `{"expires_on":"1e18","access_token":"x"}`,
		`{"access_token":{}}`, "<html>", "", `{"error":"invalid_client","error_description":"AADSTS1"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			l := &login{answer: func(int, url.Values) loginAnswer { return loginAnswer{body: body} }}
			tokens := NewTokens(l.credentials())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for range 10 {
				text, _, err := tokens.Token(ctx)
				if err == nil && text == "" {
					t.Error("an empty token")
				}
				if err != nil && len(err.Error()) > 2000 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
			}
			if l.asked() > 3 {
				t.Errorf("%d requests for 10 calls", l.asked())
			}
			tokens.mu.Lock()
			defer tokens.mu.Unlock()
			if left := time.Until(tokens.until); left > longestLife {
				t.Errorf("a token for %v", left)
			}
		})
	})
}
