package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/teams-kafka/connector/schema"
)

const testSubject = "teams.chat.messages-value"

func TestSchemaPrint_GivesTheTextThatIsRegistered(t *testing.T) {
	got := command(t, nil, "", "schema", "print")
	if got.code != exitOK || got.stdout != schema.Text() || got.stderr != "" {
		t.Errorf("exit code %d, %d bytes, %s", got.code, len(got.stdout), got.stderr)
	}
}

func TestSchemaCheckAndRegister_TellWhatTheyFindAndDo(t *testing.T) {
	fake := srfake.New()
	t.Cleanup(fake.Close)
	// The registry is not to be written to by the connector itself, but register is told to.
	env := []string{"SCHEMA_REGISTRY_URL=" + fake.URL(), "SCHEMA_REGISTRY_MODE=lookup"}
	expect := func(code int, stdout string, args ...string) {
		t.Helper()
		got := command(t, env, "", append([]string{"schema"}, args...)...)
		if got.code != code || got.stdout != stdout {
			t.Errorf("%v: exit code %d, %q, %s; want %d, %q", args, got.code, got.stdout, got.stderr, code, stdout)
		}
	}
	expect(exitOK, "subject \""+testSubject+"\": the subject does not exist; registering the schema creates it with the compatibility level FULL_TRANSITIVE\n", "check")
	if _, exists := fake.GetSchema(testSubject, 1); exists {
		t.Error("check has registered the schema")
	}
	expect(exitOK, "1\n", "register")
	if registered, _ := fake.GetSchema(testSubject, 1); registered.Schema.Schema != schema.Text() {
		t.Error("another text than the schema's was registered")
	}
	expect(exitOK, "1\n", "register")
	expect(exitOK, "subject \""+testSubject+"\": the schema is registered with ID 1; the compatibility level is FULL_TRANSITIVE\n", "check")

	env = append(env, "KAFKA_TOPIC=other")
	if _, _, err := fake.RegisterSchema("other-value", sr.Schema{Schema: `{"type":"record","name":"ChatMessage","namespace":"com.microsoft.graph","fields":[]}`}); err != nil {
		t.Fatal(err)
	}
	expect(exitOK, "subject \"other-value\": the schema is not registered, but compatible with the registered versions; the compatibility level is BACKWARD\n", "check")
}

// refusing is a registry that holds another schema and finds ours incompatible with it.
func refusing(t *testing.T, explanation string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/subjects/"+testSubject:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
		case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/compatibility/"):
			text, _ := json.Marshal(explanation)
			fmt.Fprintf(w, `{"is_compatible":false,"messages":[%s]}`, text)
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `[1]`)
		default:
			t.Errorf("%s %s: it was written to", r.Method, r.URL.Path)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestSchema_ExitCodesSayWhatHasToBeDone(t *testing.T) {
	const explanation = "READER_FIELD_MISSING_DEFAULT_VALUE at /fields/3"
	incompatible := refusing(t, explanation)
	down := httptest.NewServer(nil)
	down.Close()
	forbidden := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer forbidden.Close()
	for _, test := range []struct {
		name, command string
		env           []string
		code          int
		says          string
	}{
		{"check, incompatible", "check", []string{"SCHEMA_REGISTRY_URL=" + incompatible.URL}, exitFailed, explanation},
		{"register, incompatible", "register", []string{"SCHEMA_REGISTRY_URL=" + incompatible.URL}, exitUsage, explanation},
		{"check, down", "check", []string{"SCHEMA_REGISTRY_URL=" + down.URL}, exitFailed, "connection refused"},
		{"register, down", "register", []string{"SCHEMA_REGISTRY_URL=" + down.URL}, exitFailed, "connection refused"},
		{"check, refused", "check", []string{"SCHEMA_REGISTRY_URL=" + forbidden.URL}, exitUsage, "403"},
		{"register, refused", "register", []string{"SCHEMA_REGISTRY_URL=" + forbidden.URL}, exitUsage, "403"},
		{"check, no registry", "check", nil, exitUsage, "SCHEMA_REGISTRY_URL"},
		{"register, no registry", "register", nil, exitUsage, "SCHEMA_REGISTRY_URL"},
		{"check, wrong topic", "check", []string{"SCHEMA_REGISTRY_URL=" + down.URL, "KAFKA_TOPIC=a b"}, exitUsage, "KAFKA_TOPIC"},
		{"no such command", "delete", nil, exitUsage, "delete"},
	} {
		got := command(t, test.env, "", "schema", test.command)
		if got.code != test.code || !strings.Contains(got.stdout+got.stderr, test.says) {
			t.Errorf("%s: exit code %d, want %d; %q is not said:\n%s%s", test.name, got.code, test.code, test.says, got.stdout, got.stderr)
		}
	}
}

// TestSchema_SignsInAsConfigured goes the whole way from the variables to the registry: basic auth, bearer,
// an own CA, a client certificate.
func TestSchema_SignsInAsConfigured(t *testing.T) {
	fake := srfake.New()
	t.Cleanup(fake.Close)
	type signIn struct {
		authorization string
		certificates  int
	}
	signIns := make(chan signIn, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signIns <- signIn{r.Header.Get("Authorization"), len(r.TLS.PeerCertificates)}
		fake.Handler().ServeHTTP(w, r)
	}))
	certificate, key := clientCertificate(t)
	server.TLS = requestClientCertificate()
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	base := []string{"SCHEMA_REGISTRY_URL=" + server.URL, "SCHEMA_REGISTRY_CA_FILE=" + authority}
	for _, test := range []struct {
		name string
		env  []string
		want signIn
	}{
		{"nothing", nil, signIn{}},
		{"user and password", []string{"SCHEMA_REGISTRY_USERNAME=u", "SCHEMA_REGISTRY_PASSWORD=hunter2"}, signIn{"Basic dTpodW50ZXIy", 0}},
		{"token", []string{"SCHEMA_REGISTRY_TOKEN=hunter2"}, signIn{"Bearer hunter2", 0}},
		{"client certificate", []string{"SCHEMA_REGISTRY_CERT_FILE=" + certificate, "SCHEMA_REGISTRY_KEY_FILE=" + key}, signIn{"", 1}},
	} {
		got := command(t, append(test.env, base...), "", "schema", "register")
		if got.code != exitOK || len(signIns) == 0 {
			t.Errorf("%s: exit code %d, %d requests, %s", test.name, got.code, len(signIns), got.stderr)
		}
		for len(signIns) > 0 {
			if sent := <-signIns; sent != test.want {
				t.Errorf("%s: want %+v, got %+v", test.name, test.want, sent)
			}
		}
		if strings.Contains(got.stdout+got.stderr, "hunter2") {
			t.Errorf("%s: the secret was printed", test.name)
		}
	}
	if got := command(t, []string{"SCHEMA_REGISTRY_URL=" + server.URL}, "", "schema", "check"); got.code != exitFailed || !strings.Contains(got.stderr, x509.UnknownAuthorityError{}.Error()) {
		t.Errorf("an unknown CA: exit code %d, %s", got.code, got.stderr)
	}
}
