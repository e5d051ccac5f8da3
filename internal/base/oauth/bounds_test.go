package oauth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Whatever an endpoint says of a token's life, the token is renewed within a day, and one that cannot be
// sent is refused.
func TestToken_WhatTheEndpointSaysHasBounds(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]struct {
		kind, body string
		fails      bool
		once       bool // the token is used once
	}{
		"zero":                {object, `{"access_token":"x","token_type":"Bearer","expires_in":0}`, false, true},
		"negative":            {object, `{"access_token":"x","token_type":"Bearer","expires_in":-5}`, false, true},
		"missing":             {object, `{"access_token":"x","token_type":"Bearer"}`, false, true},
		"1e18":                {object, `{"access_token":"x","token_type":"Bearer","expires_in":1000000000000000000}`, false, false},
		"a string":            {object, `{"access_token":"x","token_type":"Bearer","expires_in":"3600"}`, false, false},
		"text":                {object, `{"access_token":"x","token_type":"Bearer","expires_in":"soon"}`, true, false},
		"1e18 in a form":      {form, "access_token=x&token_type=Bearer&expires_in=1000000000000000000", false, true},
		"years in a form":     {form, "access_token=x&token_type=Bearer&expires_in=9000000000", false, false},
		"a token of megabyte": {form, "access_token=" + strings.Repeat("x", 1_000_000) + "&token_type=Bearer", true, false},
		"a control character": {object, `{"access_token":"x\u0001auth","token_type":"Bearer","expires_in":300}`, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			e.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				fmt.Fprint(w, c.body)
			}
			tokens := newClient(e)
			text, err := tokens.Token(t.Context())
			if c.fails != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				if strings.Contains(err.Error(), "\x01") || len(err.Error()) > 1000 {
					t.Errorf("error of %d bytes", len(err.Error()))
				}
				return
			}
			want := 1
			if c.once {
				want = 2
			}
			if _, err := tokens.Token(t.Context()); err != nil || text != "x" || e.asked() != want {
				t.Errorf("token %q, %v, %d requests for two calls, want %d", text, err, e.asked(), want)
			}
			tokens.after(longestLife)
			if _, err := tokens.Token(t.Context()); err != nil || e.asked() != want+1 {
				t.Errorf("a day later: %v, %d requests, want %d", err, e.asked(), want+1)
			}
		})
	}
}
