package schema

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// deny lets the registry answer requests that begin like this with a status and a body.
func (f *registry) deny(method, path string, status int, body string) {
	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasPrefix(r.URL.Path, path) {
			return false
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	})
}

// An account that may register but not set the level still registers, and is told what to check.
func TestRegister_ARegistryThatDeniesTheLevelStillRegisters(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"401":                   {401, `{"error_code":40101,"message":"User cannot access the resource."}`},
		"403":                   {403, `{"error_code":40301,"message":"User is denied operation WriteCompatibility on subject"}`},
		"403 of a proxy":        {403, "<html><body><h1>Forbidden</h1>\n<script>secret()</script></body></html>"},
		"404, no such resource": {404, "<html>nothing</html>"},
		"405":                   {405, ``},
		"409":                   {409, `{"error_code":409,"message":"config is managed elsewhere"}`},
		"422, unknown level":    {422, `{"error_code":42203,"message":"Invalid compatibility level"}`},
		"501":                   {501, ``},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake(t, srfake.WithGlobalCompat(sr.CompatBackward))
			fake.deny("PUT", "/config", c.status, c.body)
			client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}})
			made, err := client.Register(t.Context(), subject)
			if err != nil {
				t.Fatal(err)
			}
			if registered, ok := fake.GetSchema(subject, 1); !ok || registered.ID != made.ID {
				t.Errorf("the schema is not registered under ID %d", made.ID)
			}
			if made.NoLevel == nil {
				t.Fatal("nothing says that the level was not set")
			}
			for _, want := range []string{subject, "set the compatibility level", name[:3], "BACKWARD", "have FULL_TRANSITIVE set"} {
				if !strings.Contains(made.NoLevel.Error(), want) {
					t.Errorf("%q is not in: %v", want, made.NoLevel)
				}
			}
			again, err := client.Register(t.Context(), subject)
			if err != nil || again.NoLevel != nil {
				t.Errorf("the second time: %v, %v; it was said once", err, again.NoLevel)
			}
		})
	}
}

// A level that cannot be set because the registry is in trouble is not given up.
func TestRegister_ALevelThatCannotBeSetForNowIsTriedAgain(t *testing.T) {
	for _, status := range []int{408, 429, 500, 503} {
		fake := newFake(t)
		fake.deny("PUT", "/config", status, ``)
		_, err := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}}).Register(t.Context(), subject)
		if err == nil || IsPermanent(err) {
			t.Errorf("%d: %v, want an error that may pass", status, err)
		}
		if _, registered := fake.GetSchema(subject, 1); registered {
			t.Errorf("%d: registered without its level", status)
		}
	}
}

func TestRegister_WhereRegisteringIsDeniedTooBothAreTold(t *testing.T) {
	fake := newFake(t)
	fake.deny("PUT", "/config", 403, `{"message":"no write compatibility"}`)
	fake.deny("POST", "/subjects/"+subject+"/versions", 403, `{"message":"no write"}`)
	_, err := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}}).Register(t.Context(), subject)
	if !errors.Is(err, ErrRegistryRefused) || !IsPermanent(err) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"register the schema", "no write", "set the compatibility level", "no write compatibility"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// An account that may register but neither list versions nor check registers all the same, and does not
// touch the level of a subject that may be somebody else's.
func TestRegister_WhatMayNotBeCheckedIsRegistered(t *testing.T) {
	for name, path := range map[string]string{
		"versions":      "/subjects/" + subject + "/versions",
		"compatibility": "/compatibility/",
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake(t)
			if _, _, err := fake.RegisterSchema(subject, older(t)); err != nil {
				t.Fatal(err)
			}
			method := "GET"
			if name == "compatibility" {
				method = "POST"
			}
			fake.deny(method, path, 403, `{"message":"denied"}`)
			client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}})
			standing, err := client.Check(t.Context(), subject)
			if err != nil || standing.Registered || standing.Unchecked == nil || !strings.Contains(standing.Unchecked.Error(), "denied") {
				t.Errorf("check: %+v, %v", standing, err)
			}
			made, err := client.Register(t.Context(), subject)
			if err != nil || (made.NoLevel != nil) != (name == "versions") {
				t.Errorf("%+v, %v", made, err)
			}
			if registered, ok := fake.GetSchema(subject, 2); !ok || registered.ID != made.ID {
				t.Errorf("version 2 is not the schema under ID %d", made.ID)
			}
			for _, write := range fake.writes() {
				if strings.HasPrefix(write, "PUT") {
					t.Errorf("the level was set: %s", write)
				}
			}
		})
	}
}

func TestCheck_ALevelThatMayNotBeReadIsLeftOut(t *testing.T) {
	fake := newFake(t)
	client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}})
	made, err := client.Register(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	fake.deny("GET", "/config", 403, ``)
	standing, err := client.Check(t.Context(), subject)
	if want := (Standing{Registered: true, Exists: true, ID: made.ID}); err != nil || standing != want {
		t.Errorf("got %+v, %v, want %+v", standing, err, want)
	}
}

// normalizing is a registry that holds the schema in another form, which a plain lookup does not find.
func normalizing(t *testing.T, plain, normal int, body string) (address string, asked func() []string) {
	t.Helper()
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.Method+" "+r.URL.RequestURI())
		status, answer := plain, `{"error_code":40403,"message":"Schema not found"}`
		if r.URL.Query().Get("normalize") == "true" {
			status, answer = normal, body
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string { return requests }
}

// A schema that was registered in normal form is found by asking for that form.
func TestRegister_FindsASchemaInNormalForm(t *testing.T) {
	for _, mode := range []RegistryMode{RegistryLookup, RegistryRegister} {
		address, asked := normalizing(t, 404, 200, `{"subject":"`+subject+`","id":7,"version":1,"schema":"{}"}`)
		made, err := newRegistry(t, RegistryConfig{URLs: []string{address}, Mode: mode}).Register(t.Context(), subject)
		if err != nil || made.ID != 7 {
			t.Errorf("%s: %+v, %v", mode, made, err)
		}
		want := []string{"POST /subjects/" + subject, "POST /subjects/" + subject + "?normalize=true"}
		if got := asked(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: asked %q, want %q", mode, got, want)
		}
	}
}

func TestRegister_ARegistryThatDoesNotKnowNormalFormsIsNotRefused(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   error // nil: it may pass
	}{
		{404, `{"error_code":40403,"message":"Schema not found"}`, ErrNotRegistered},
		{400, `{"message":"unknown parameter normalize"}`, ErrNotRegistered},
		{422, ``, ErrNotRegistered},
		{503, ``, nil},
		{429, ``, nil},
	} {
		address, _ := normalizing(t, 404, c.status, c.body)
		_, err := newRegistry(t, RegistryConfig{URLs: []string{address}, Mode: RegistryLookup}).Register(t.Context(), subject)
		if err == nil || IsPermanent(err) != (c.want != nil) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%d: got %v, want %v", c.status, err, c.want)
		}
	}
}

// What a registry, or a proxy in its place, said is one bounded line without markup, control characters
// or the connector's own credentials.
func TestRegister_TheRegistrysWordsAreShownCleaned(t *testing.T) {
	for name, c := range map[string]struct{ body, want, never string }{
		"JSON":           {`{"error_code":40301,"message":"User is denied\noperation Read"}`, "User is denied operation Read", "\n"},
		"HTML":           {"<!DOCTYPE html><html><head><style>a{}</style></head><body><h1>403</h1>\r\n<p>Blocked by policy 17</p></body></html>", "Blocked by policy 17", "<"},
		"text":           {"plain refusal", "plain refusal", "\x00"},
		"control":        {"a\x1b[31mred\x00b\u202e", "a [31mred b", "\x1b"},
		"password":       {"user u with password hunter2 is unknown", "password [redacted] is unknown", "hunter2"},
		"authorization":  {"Authorization: Basic dTpodW50ZXIy", "Basic [redacted]", "dTpodW50ZXIy"},
		"empty":          {"", "403", "\x00"},
		"endless":        {strings.Repeat("word ", 100_000), "word word", strings.Repeat("word ", 200)},
		"invalid UTF-8":  {"caf\xe9", "caf?", "\xe9"},
		"cause is first": {`{"message":"` + strings.Repeat("because ", 20) + `"}`, strings.Repeat("because ", 19), "\x00"},
	} {
		address, _ := answers(t, "POST", "/subjects/"+subject, 403, c.body)
		_, err := newRegistry(t, RegistryConfig{URLs: []string{address}, Username: "u", Password: "hunter2"}).Register(t.Context(), subject)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.never) || len(err.Error()) > 700 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
