package schema

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

const subject = "teams.chat.messages-value"

// request is what a registry was asked.
type request struct{ method, path, authorization, body string }

// registry is a stand-in that writes down what it was asked.
type registry struct {
	*srfake.Registry
	mu       sync.Mutex
	requests []request
}

func newFake(t *testing.T, options ...srfake.Option) *registry {
	t.Helper()
	fake := &registry{Registry: srfake.New(options...)}
	t.Cleanup(fake.Close)
	fake.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		fake.mu.Lock()
		defer fake.mu.Unlock()
		fake.requests = append(fake.requests, request{r.Method, r.URL.Path, r.Header.Get("Authorization"), string(body)})
		return false
	})
	return fake
}

// writes are the requests that change something, in order.
func (f *registry) writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var writes []string
	for _, r := range f.requests {
		if r.method == http.MethodPut || r.method == http.MethodDelete || (r.method == http.MethodPost && strings.HasSuffix(r.path, "/versions") && strings.HasPrefix(r.path, "/subjects/")) {
			writes = append(writes, r.method+" "+r.path)
		}
	}
	return writes
}

func newRegistry(t *testing.T, config RegistryConfig) *Registry {
	t.Helper()
	client, err := NewRegistry(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// older is the schema without its last fields: what may have been registered by an older connector.
func older(t *testing.T) sr.Schema {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal([]byte(Text()), &record); err != nil {
		t.Fatal(err)
	}
	record["fields"] = record["fields"].([]any)[:5]
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return sr.Schema{Schema: string(text)}
}

func TestRegister_ANewSubjectIsFullTransitiveBeforeItHasASchema(t *testing.T) {
	fake := newFake(t)
	client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}})
	made, err := client.Register(t.Context(), subject)
	if err != nil || made.NoLevel != nil {
		t.Fatal(err, made.NoLevel)
	}
	id := made.ID
	got := fake.writes()
	if len(got) != 2 || got[0] != "PUT /config/"+subject || got[1] != "POST /subjects/"+subject+"/versions" {
		t.Errorf("the registry was written to by %q", got)
	}
	registered, ok := fake.GetSchema(subject, 1)
	if !ok || registered.ID != id || registered.Schema.Schema != Text() {
		t.Errorf("registered is not the text of the schema under id %d: %v", id, ok)
	}
	plain, err := sr.NewClient(sr.URLs(fake.URL()))
	if err != nil {
		t.Fatal(err)
	}
	if level := plain.Compatibility(t.Context(), subject)[0]; level.Err != nil || level.Level != sr.CompatFullTransitive {
		t.Errorf("the subject's level is %v, %v", level.Level, level.Err)
	}

	again, err := client.Register(t.Context(), subject)
	if err != nil || again.ID != id || len(fake.writes()) != 2 {
		t.Errorf("the second time: id %d, want %d, %v, written by %q", again.ID, id, err, fake.writes())
	}
}

func TestRegister_AnExistingSubjectKeepsItsLevelAndIsCheckedFirst(t *testing.T) {
	fake := newFake(t)
	if _, _, err := fake.RegisterSchema(subject, older(t)); err != nil {
		t.Fatal(err)
	}
	client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}, Mode: RegistryRegister})
	made, err := client.Register(t.Context(), subject)
	if err != nil || made.NoLevel != nil {
		t.Fatal(err, made.NoLevel)
	}
	id := made.ID
	if got := fake.writes(); len(got) != 1 || got[0] != "POST /subjects/"+subject+"/versions" {
		t.Errorf("the registry was written to by %q", got)
	}
	if registered, ok := fake.GetSchema(subject, 2); !ok || registered.ID != id {
		t.Errorf("version 2 is not the schema under id %d", id)
	}
	checked := false
	for _, r := range fake.requests {
		checked = checked || r.path == "/compatibility/subjects/"+subject+"/versions"
		if r.path == "/subjects/"+subject+"/versions" && r.method == http.MethodPost && !checked {
			t.Error("registered before it was checked")
		}
	}
	if !checked {
		t.Error("compatibility was not checked")
	}
}

func TestRegister_LookupNeverWrites(t *testing.T) {
	fake := newFake(t)
	client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}, Mode: RegistryLookup})
	_, err := client.Register(t.Context(), subject)
	if !errors.Is(err, ErrNotRegistered) || !strings.Contains(err.Error(), subject) || !strings.Contains(err.Error(), "connector schema register") {
		t.Errorf("a subject that does not exist: %v", err)
	}
	if _, _, err := fake.RegisterSchema(subject, older(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Register(t.Context(), subject); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("a subject with another schema: %v", err)
	}
	want, _, err := fake.RegisterSchema(subject, sr.Schema{Schema: Text()})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := client.Register(t.Context(), subject); err != nil || found.ID != want {
		t.Errorf("want id %d, got %d, %v", want, found.ID, err)
	}
	if got := fake.writes(); len(got) != 0 {
		t.Errorf("the registry was written to by %q", got)
	}
}

// answers is a registry that has the subject with another schema, and answers one path as told.
func answers(t *testing.T, method, path string, status int, body string) (address string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.URL.RequestURI())
		mu.Unlock()
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch {
		case r.Method == method && r.URL.Path == path:
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		case r.Method == http.MethodPost && r.URL.Path == "/subjects/"+subject:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":40403,"message":"Schema not found"}`)
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, `[1]`)
		default:
			_, _ = io.WriteString(w, `{"is_compatible":true}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

func TestRegister_AnIncompatibleSchemaIsNotRegistered(t *testing.T) {
	const explanation = "READER_FIELD_MISSING_DEFAULT_VALUE at path /fields/3"
	address, asked := answers(t, http.MethodPost, "/compatibility/subjects/"+subject+"/versions", http.StatusOK,
		`{"is_compatible":false,"messages":["`+explanation+`","second"]}`)
	client := newRegistry(t, RegistryConfig{URLs: []string{address}})
	for name, err := range map[string]error{
		"register": failure(client.Register(t.Context(), subject)),
		"check":    failure(client.Check(t.Context(), subject)),
	} {
		if !errors.Is(err, ErrIncompatible) || !strings.Contains(err.Error(), explanation+"; second") || !strings.Contains(err.Error(), subject) {
			t.Errorf("%s: %v", name, err)
		}
	}
	verbose := false
	for _, r := range asked() {
		if r == "POST /subjects/"+subject+"/versions" || strings.HasPrefix(r, "PUT") {
			t.Errorf("it was written to: %s", r)
		}
		verbose = verbose || strings.HasSuffix(r, "/versions?verbose=true")
	}
	if !verbose {
		t.Errorf("no explanation was asked for: %q", asked())
	}
}

// Apicurio Registry 3 answers the check with a bare no, and explains itself when it refuses the registration.
func TestRegister_TakesTheReasonFromTheRegistrationIfTheCheckGivesNone(t *testing.T) {
	const explanation = "reader type: INT not compatible with writer type: STRING at /fields/0"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch r.Method + " " + r.URL.Path {
		case "GET /subjects/" + subject + "/versions":
			_, _ = io.WriteString(w, `[1]`)
		case "POST /subjects/" + subject:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":40403,"message":"Schema not found"}`)
		case "POST /compatibility/subjects/" + subject + "/versions":
			_, _ = io.WriteString(w, `{"is_compatible":false}`)
		case "POST /subjects/" + subject + "/versions":
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"error_code":409,"message":"`+explanation+`"}`)
		default:
			t.Errorf("unexpected: %s %s", r.Method, r.URL.Path)
		}
	}))
	t.Cleanup(server.Close)
	client := newRegistry(t, RegistryConfig{URLs: []string{server.URL}})
	if err := failure(client.Register(t.Context(), subject)); !errors.Is(err, ErrIncompatible) || !strings.Contains(err.Error(), explanation) {
		t.Errorf("register: %v", err)
	}
	err := failure(client.Check(t.Context(), subject))
	if !errors.Is(err, ErrIncompatible) || !strings.Contains(err.Error(), "the registry gives no reason") {
		t.Errorf("check, which must not write: %v", err)
	}
}

func failure[T any](_ T, err error) error { return err }

func TestCheck_TellsHowTheSchemaStandsAndWritesNothing(t *testing.T) {
	fake := newFake(t)
	client := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}})
	check := func(want Standing) {
		t.Helper()
		if got, err := client.Check(t.Context(), subject); err != nil || got != want {
			t.Errorf("want %+v, got %+v, %v", want, got, err)
		}
	}
	check(Standing{})
	if _, _, err := fake.RegisterSchema(subject, older(t)); err != nil {
		t.Fatal(err)
	}
	check(Standing{Exists: true, Level: "BACKWARD"}) // the registry's
	if err := fake.SetCompat(subject, sr.CompatFull); err != nil {
		t.Fatal(err)
	}
	check(Standing{Exists: true, Level: "FULL"}) // its own
	if got := fake.writes(); len(got) != 0 {
		t.Errorf("the registry was written to by %q", got)
	}
	made, err := client.Register(t.Context(), subject)
	if err != nil || made.NoLevel != nil {
		t.Fatal(err, made.NoLevel)
	}
	id := made.ID
	check(Standing{Registered: true, ID: id, Exists: true, Level: "FULL"})
}

// TestRegister_SaysWhatWaitingDoesNotMend classifies every kind of answer.
func TestRegister_SaysWhatWaitingDoesNotMend(t *testing.T) {
	permanent := []error{ErrNotRegistered, ErrIncompatible, ErrRegistryRefused, ErrRegistryConfig}
	const lookup, versions = "/subjects/" + subject, "/subjects/" + subject + "/versions"
	for _, test := range []struct {
		method, path string
		status       int
		body         string
		want         error // nil: it may pass
	}{
		{"POST", lookup, 401, `{"error_code":401,"message":"Unauthorized"}`, ErrRegistryRefused},
		{"POST", lookup, 403, ``, ErrRegistryRefused},
		{"POST", lookup, 404, `<html>not here</html>`, ErrRegistryRefused},
		{"POST", lookup, 422, `{"error_code":42201,"message":"Invalid schema"}`, ErrRegistryRefused},
		{"POST", lookup, 429, ``, nil},
		{"POST", lookup, 500, `{"error_code":50001,"message":"Error in the backend data store"}`, nil},
		{"POST", lookup, 503, ``, nil},
		{"POST", lookup, 200, `no json`, nil},
		{"GET", versions, 422, ``, ErrRegistryRefused},
		{"GET", versions, 502, ``, nil},
		{"POST", "/compatibility" + versions, 422, ``, ErrRegistryRefused},
		{"POST", versions, 409, `{"error_code":409,"message":"Schema being registered is incompatible"}`, ErrIncompatible},
		{"POST", versions, 422, `{"error_code":42205,"message":"Subject is in read-only mode"}`, ErrRegistryRefused},
		{"POST", versions, 504, ``, nil},
	} {
		address, _ := answers(t, test.method, test.path, test.status, test.body)
		_, err := newRegistry(t, RegistryConfig{URLs: []string{address}}).Register(t.Context(), subject)
		if err == nil {
			t.Errorf("%s %s %d: no error", test.method, test.path, test.status)
			continue
		}
		for _, sentinel := range permanent {
			if errors.Is(err, sentinel) != errors.Is(test.want, sentinel) {
				t.Errorf("%s %s %d: want %v, got %v", test.method, test.path, test.status, test.want, err)
			}
		}
		if IsPermanent(err) != (test.want != nil) {
			t.Errorf("%s %s %d: permanent is %v", test.method, test.path, test.status, IsPermanent(err))
		}
		if !strings.Contains(err.Error(), subject) {
			t.Errorf("the subject is not named: %v", err)
		}
	}
}

func TestRegister_ALongAnswerIsCutShort(t *testing.T) {
	address, _ := answers(t, "POST", "/subjects/"+subject, 403, strings.Repeat("é\xff", 100_000))
	_, err := newRegistry(t, RegistryConfig{URLs: []string{address}}).Register(t.Context(), subject)
	if err == nil || len(err.Error()) > 4*maxAnswer+500 {
		t.Errorf("the error is %d bytes long", len(err.Error()))
	}
}

func TestRegister_ARegistryThatIsDownMayComeBack(t *testing.T) {
	fake := newFake(t)
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	_, err := newRegistry(t, RegistryConfig{URLs: []string{down.URL}}).Register(t.Context(), subject)
	if err == nil || errors.Is(err, ErrRegistryRefused) {
		t.Errorf("alone: %v", err)
	}
	if _, err := newRegistry(t, RegistryConfig{URLs: []string{down.URL, fake.URL()}}).Register(t.Context(), subject); err != nil {
		t.Errorf("with another instance: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}}).Register(ctx, subject)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestRegister_SendsCredentials(t *testing.T) {
	for _, config := range []RegistryConfig{{Username: "u", Password: "hunter2"}, {BearerToken: "hunter2"}} {
		want := "Basic dTpodW50ZXIy"
		if config.BearerToken != "" {
			want = "Bearer hunter2"
		}
		fake := newFake(t, srfake.WithAuth(want))
		config.URLs = []string{fake.URL()}
		if _, err := newRegistry(t, config).Register(t.Context(), subject); err != nil {
			t.Errorf("with credentials: %v", err)
		}
		_, err := newRegistry(t, RegistryConfig{URLs: []string{fake.URL()}}).Register(t.Context(), subject)
		if !errors.Is(err, ErrRegistryRefused) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("without credentials: %v", err)
		}
	}
}

func TestRegister_VerifiesTheServerAndShowsTheClientsCertificate(t *testing.T) {
	fake := newFake(t)
	server := httptest.NewUnstartedServer(fake.Handler())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	client := newRegistry(t, RegistryConfig{URLs: []string{server.URL}, TLS: &tls.Config{RootCAs: roots, Certificates: server.TLS.Certificates}})
	if _, err := client.Register(t.Context(), subject); err != nil {
		t.Errorf("with CA and certificate: %v", err)
	}
	if _, err := newRegistry(t, RegistryConfig{URLs: []string{server.URL}, TLS: &tls.Config{RootCAs: roots}}).Register(t.Context(), subject); err == nil {
		t.Error("without a certificate it went through")
	}
	if _, err := newRegistry(t, RegistryConfig{URLs: []string{server.URL}}).Register(t.Context(), subject); err == nil {
		t.Error("an unknown CA was trusted")
	}
}

func TestNewRegistry_RefusesSettingsThatCannotBeMeant(t *testing.T) {
	for name, config := range map[string]RegistryConfig{
		"no URL":              {},
		"no scheme":           {URLs: []string{"registry:8081"}},
		"another scheme":      {URLs: []string{"http://a", "ftp://b"}},
		"no host":             {URLs: []string{"http://"}},
		"credentials in URL":  {URLs: []string{"https://u:hunter2@registry"}},
		"unknown mode":        {URLs: []string{"http://a"}, Mode: "hunter2"},
		"token and user":      {URLs: []string{"http://a"}, Username: "u", BearerToken: "hunter2"},
		"password, no user":   {URLs: []string{"http://a"}, Password: "hunter2"},
		"a negative timeout":  {URLs: []string{"http://a"}, Timeout: -1},
		"a URL that is wrong": {URLs: []string{"http://[hunter2"}},
	} {
		if _, err := NewRegistry(config); !errors.Is(err, ErrRegistryConfig) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSubject(t *testing.T) {
	if got := Subject("teams.chat.messages"); got != subject {
		t.Errorf("got %q", got)
	}
}
