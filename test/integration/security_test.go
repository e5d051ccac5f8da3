//go:build integration

package integration

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/test/certificates"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/process"
)

// secured is a broker that nobody reaches without signing in, but for the tests on the plaintext listener. It has these
// listeners besides: SASL takes each mechanism and ends a session's life after reauthentication; MUTUAL takes
// certificates, behind a forwarder that can cut its connections; ENCRYPTED takes SCRAM-SHA-512 over TLS.
type secured struct {
	*kafka.Cluster
	dir       string
	issuer    *certificates.Issuer // of brokers and clients
	endpoint  *tokenEndpoint
	forwarder *forwarder
}

// reauthentication is how long a session lives on the listener SASL (connections.max.reauth.ms).
const reauthentication = 3 * time.Second

const (
	plainPassword = "plain-password"
	scramPassword = "scram-password"
	wrong         = "a-wrong-one"
)

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{dir: t.TempDir(), issuer: certificates.NewIssuer(t, "issuer"), endpoint: startTokenEndpoint(t), forwarder: startForwarder(t)}
	keys := s.file(t, "keys.json", s.endpoint.keys())
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	s.Cluster = kafka.Start(t, kafka.Options{
		ScramUsers: map[string]string{"scram": scramPassword, "rotating": "first-password"},
		JVM: []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://" + keys,
			"-Dorg.apache.kafka.sasl.oauthbearer.allowed.files=" + keys},
		Properties: map[string]string{
			"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
			"super.users":           "User:ANONYMOUS;User:plain;User:scram;User:rotating;User:token;User:CN=certificate",
		},
		Listeners: []kafka.Listener{
			{Name: "SASL", Protocol: "SASL_PLAINTEXT", Properties: map[string]string{
				"sasl.enabled.mechanisms":        "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
				"connections.max.reauth.ms":      fmt.Sprint(reauthentication.Milliseconds()),
				"plain.sasl.jaas.config":         `org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="` + plainPassword + `" user_narrow="` + plainPassword + `";`,
				"scram-sha-256.sasl.jaas.config": scram,
				"scram-sha-512.sasl.jaas.config": scram,

				"oauthbearer.sasl.jaas.config":                    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
				"oauthbearer.sasl.server.callback.handler.class":  "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
				"oauthbearer.sasl.oauthbearer.jwks.endpoint.url":  "file://" + keys,
				"oauthbearer.sasl.oauthbearer.expected.audience":  audience,
				"oauthbearer.sasl.oauthbearer.expected.issuer":    issuerName,
				"oauthbearer.sasl.oauthbearer.clock.skew.seconds": "0",
			}},
			{Name: "MUTUAL", Protocol: "SSL", Advertised: s.forwarder.address(), Properties: s.encryption(t, "mutual", "ssl.client.auth", "required")},
			{Name: "ENCRYPTED", Protocol: "SASL_SSL", Properties: s.encryption(t, "encrypted",
				"sasl.enabled.mechanisms", "SCRAM-SHA-512", "scram-sha-512.sasl.jaas.config", scram)},
		},
	})
	s.forwarder.to(s.Listener("MUTUAL")[0])
	return s
}

// encryption are the properties of a listener that speaks TLS, with its own stores.
func (s *secured) encryption(t *testing.T, listener string, more ...string) map[string]string {
	t.Helper()
	s.identity(t, s.issuer, listener, "broker", time.Now().Add(time.Hour))
	properties := map[string]string{
		"ssl.keystore.type": "PEM", "ssl.keystore.location": s.path(listener + ".pem"),
		"ssl.truststore.type": "PEM", "ssl.truststore.location": s.file(t, listener+"-trusted.pem", s.issuer.PEM),
	}
	for i := 0; i < len(more); i += 2 {
		properties[more[i]] = more[i+1]
	}
	return properties
}

func (s *secured) path(name string) string { return filepath.Join(s.dir, name) }

// file puts a file there at once, in the place of one that may be there.
func (s *secured) file(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(s.path(name+".new"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path(name+".new"), s.path(name)); err != nil {
		t.Fatal(err)
	}
	return s.path(name)
}

// identity writes a certificate and its key to name.crt and name.key, and both to name.pem, as Kafka wants them.
func (s *secured) identity(t *testing.T, issuer *certificates.Issuer, name, subject string, until time.Time) {
	t.Helper()
	certificate, key := issuer.Issue(t, subject, until)
	s.file(t, name+".crt", certificate)
	s.file(t, name+".key", key)
	s.file(t, name+".pem", append(key, certificate...))
}

func (s *secured) address(listener string) string { return s.Listener(listener)[0] }

// by changes settings to sign in by a mechanism on a listener.
func (s *secured) by(mechanism, listener string) func(*config.Settings) {
	return func(c *config.Settings) {
		c.KafkaBrokers, c.KafkaSASLMechanism = s.address(listener), mechanism
		switch mechanism {
		case "PLAIN":
			c.KafkaSASLUsername, c.KafkaSASLPassword = "plain", plainPassword
		case "OAUTHBEARER":
			c.KafkaSASLOAuthTokenURL, c.KafkaSASLOAuthScope = s.endpoint.URL+"/token", "kafka"
			c.KafkaSASLOAuthClientID, c.KafkaSASLOAuthClientSecret = "token", clientSecret
		case "SCRAM-SHA-256", "SCRAM-SHA-512":
			c.KafkaSASLUsername, c.KafkaSASLPassword = "scram", scramPassword
		case "":
			c.KafkaBrokers = s.forwarder.address()
			c.KafkaTLSCertFile, c.KafkaTLSKeyFile = s.path("client.crt"), s.path("client.key")
		}
		if listener != "SASL" {
			c.KafkaTLS, c.KafkaTLSCAFile = "true", s.path("issuer.pem")
		}
	}
}

// TestSecurity runs what a broker that is secured in every way is needed for.
func TestSecurity(t *testing.T) {
	s := startSecured(t)
	s.identity(t, s.issuer, "client", "certificate", time.Now().Add(time.Hour))
	s.file(t, "issuer.pem", s.issuer.PEM)
	t.Run("signs in", func(t *testing.T) {
		for name, settings := range map[string]func(*config.Settings){
			"plain":        s.by("PLAIN", "SASL"),
			"scram256":     s.by("SCRAM-SHA-256", "SASL"),
			"scram512":     s.by("SCRAM-SHA-512", "SASL"),
			"token":        s.by("OAUTHBEARER", "SASL"),
			"certificate":  s.by("", "MUTUAL"),
			"scram512-tls": s.by("SCRAM-SHA-512", "ENCRYPTED"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				signsIn(t, s, name, settings)
				if given := s.endpoint.given.Load(); name == "token" && given < 4 { // the doctor asks for one, too
					t.Errorf("only %d tokens were asked for", given)
				}
			})
		}
	})
	t.Run("is refused", func(t *testing.T) { isRefused(t, s) })
	t.Run("permissions", func(t *testing.T) { permissions(t, s) })
	t.Run("rotates", func(t *testing.T) {
		t.Run("a password", func(t *testing.T) {
			t.Parallel()
			passwordRotates(t, s)
		})
		t.Run("all certificates", func(t *testing.T) {
			t.Parallel()
			certificatesRotate(t, s)
		})
	})
}

// signsIn streams through a listener, with the doctor before, and sees that the sessions' end is met by signing in again
// and not by another connection.
func signsIn(t *testing.T, secured *secured, name string, settings func(*config.Settings)) {
	ctx := within(t, 2*time.Minute)
	s := newStage(t, secured.Cluster, name, nil)
	settings(&s.settings)
	s.settings.AdminAddress = "127.0.0.1:0"
	for _, f := range s.doctor(t, ctx) {
		if f.Check == "kafka-sign-in" {
			t.Logf("%s: %s", name, f.Seen)
		}
	}
	p := s.start(t)
	served, _ := p.WaitFor(t, ctx, 0, "admin endpoints are served")
	p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 10)
	_, address, _ := strings.Cut(served, "address=")
	before := connects(t, ctx, address)
	lives := time.Now().Add(2 * reauthentication)
	s.commits(t, ctx, 10)
	pause(ctx, time.Until(lives))
	s.commits(t, ctx, 10)
	if after := connects(t, ctx, address); before == 0 || after != before {
		t.Errorf("%v connections were made, %v of them before two lives of a session", after, before)
	}
	mustBeRight(t, s.settle(t, ctx, p), 300)
	mustKeepSecrets(t, p)
}

// mustKeepSecrets fails if a log shows a password, a secret or a token.
func mustKeepSecrets(t *testing.T, p *process.Process) {
	t.Helper()
	for _, line := range p.Lines() {
		for _, secret := range []string{plainPassword, scramPassword, clientSecret, wrong, "eyJ"} { // so every JWT begins
			if strings.Contains(line, secret) {
				t.Error("the log shows a secret")
			}
		}
	}
}

// connects counts the connections that a connector made, by its metrics.
func connects(t *testing.T, ctx context.Context, address string) (sum float64) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "teams_connector_kafka_connects_total{") {
			var n float64
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &n); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

// isRefused shows that who is not let in says so by name, at once, and with the exit code for what somebody must change.
func isRefused(t *testing.T, secured *secured) {
	s := newStage(t, secured.Cluster, "refused", quiet)
	other := certificates.NewIssuer(t, "other")
	secured.identity(t, other, "other", "certificate", time.Now().Add(time.Hour))
	secured.file(t, "other-ca.pem", other.PEM)
	for _, c := range []struct {
		name, mechanism, listener string
		change                    func(*config.Settings)
		says                      string
	}{
		{"wrong password of PLAIN", "PLAIN", "SASL", func(c *config.Settings) { c.KafkaSASLPassword = wrong }, "SASL_AUTHENTICATION_FAILED"},
		{"wrong password of SCRAM", "SCRAM-SHA-512", "SASL", func(c *config.Settings) { c.KafkaSASLPassword = wrong }, "SASL_AUTHENTICATION_FAILED"},
		{"unknown user", "SCRAM-SHA-256", "SASL", func(c *config.Settings) { c.KafkaSASLUsername = "nobody" }, "SASL_AUTHENTICATION_FAILED"},
		{"wrong password over TLS", "SCRAM-SHA-512", "ENCRYPTED", func(c *config.Settings) { c.KafkaSASLPassword = wrong }, "SASL_AUTHENTICATION_FAILED"},
		{"another mechanism", "PLAIN", "ENCRYPTED", func(*config.Settings) {}, "UNSUPPORTED_SASL_MECHANISM"},
		{"wrong client secret", "OAUTHBEARER", "SASL", func(c *config.Settings) { c.KafkaSASLOAuthClientSecret = wrong }, "401 Unauthorized, invalid_client"},
		{"token signed by somebody else", "OAUTHBEARER", "SASL", func(c *config.Settings) { c.KafkaSASLOAuthScope = "forged" }, "SASL_AUTHENTICATION_FAILED"},
		{"token for somebody else", "OAUTHBEARER", "SASL", func(c *config.Settings) { c.KafkaSASLOAuthScope = "elsewhere" }, "SASL_AUTHENTICATION_FAILED"},
		{"token that is over", "OAUTHBEARER", "SASL", func(c *config.Settings) { c.KafkaSASLOAuthScope = "over" }, "SASL_AUTHENTICATION_FAILED"},
		{"brokers by an unknown issuer", "", "MUTUAL", func(c *config.Settings) { c.KafkaTLSCAFile = secured.path("other-ca.pem") }, "certificate signed by unknown authority"},
		{"certificate by an unknown issuer", "", "MUTUAL", func(c *config.Settings) {
			c.KafkaTLSCertFile, c.KafkaTLSKeyFile = secured.path("other.crt"), secured.path("other.key")
		}, "remote error: tls: "},
		{"no certificate", "", "MUTUAL", func(c *config.Settings) { c.KafkaTLSCertFile, c.KafkaTLSKeyFile = "", "" }, "remote error: tls: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := within(t, time.Minute)
			of := *s
			secured.by(c.mechanism, c.listener)(&of.settings)
			c.change(&of.settings)
			p := of.start(t)
			code := p.Wait(t, ctx)
			took := time.Since(p.Started)
			last := p.Tail(1)
			if code != 2 || !strings.Contains(last, c.says) {
				t.Errorf("exit code %d, want 2, and %q:\n%s", code, c.says, p.Tail(20))
			}
			mustKeepSecrets(t, p)
			t.Logf("after %v: %s", took.Round(10*time.Millisecond), last)
			findings, err := of.examine(t, ctx)
			failed := slices.DeleteFunc(findings, func(f finding) bool { return f.Verdict != "fail" })
			if err == nil || len(failed) != 1 || !strings.Contains(failed[0].Seen, c.says) || failed[0].Check != "kafka-sign-in" && failed[0].Check != "kafka" {
				t.Fatalf("doctor: %v, want one check that fails and says %q\n%+v", err, c.says, failed)
			}
			t.Logf("doctor: %s: %s", failed[0].Check, failed[0].Seen)
		})
	}
}

// What the brokers want to read in a token.
const (
	audience     = "kafka-brokers"
	issuerName   = "https://idp.example.com"
	clientSecret = "client-secret"
)

// tokenEndpoint gives tokens for client credentials, as JWTs that the brokers check with its public key. A scope other than
// "kafka" is for a token with which something is wrong.
type tokenEndpoint struct {
	*httptest.Server
	key, foreign *rsa.PrivateKey

	given atomic.Int64
}

// How long a token is valid, and what the endpoint says of it, so that a new one is asked for now and then. A session does not
// outlive its token, and no broker takes two logins within a second (KafkaChannel.MIN_REAUTH_INTERVAL_ONE_SECOND_NANOS): a
// token that is over soon would cost connections.
const (
	tokenLife     = time.Minute
	tokenLifeSaid = 5 * time.Second
)

const keyID = "first"

func startTokenEndpoint(t *testing.T) *tokenEndpoint {
	t.Helper()
	e := &tokenEndpoint{}
	for _, key := range []**rsa.PrivateKey{&e.key, &e.foreign} {
		var err error
		if *key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

// keys is the public key as a JWK set.
func (e *tokenEndpoint) keys() []byte {
	encode := base64.RawURLEncoding.EncodeToString
	text, _ := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID,
		"n": encode(e.key.N.Bytes()), "e": encode(big.NewInt(int64(e.key.E)).Bytes())}}}) // text only
	return text
}

func (e *tokenEndpoint) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(status int, what map[string]any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(what)
	}
	if r.PostFormValue("grant_type") != "client_credentials" {
		answer(http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	if user, secret, _ := r.BasicAuth(); user != "token" || secret != clientSecret {
		answer(http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "the client is not known"})
		return
	}
	now := time.Now()
	key, claims := e.key, jwt.MapClaims{"sub": "token", "aud": audience, "iss": issuerName, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix()}
	switch r.PostFormValue("scope") {
	case "forged":
		key = e.foreign
	case "elsewhere":
		claims["aud"] = "somebody-else"
	case "over":
		claims["iat"], claims["exp"] = now.Add(-2*time.Minute).Unix(), now.Add(-time.Minute).Unix()
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = keyID
	text, err := token.SignedString(key)
	if err != nil {
		answer(http.StatusInternalServerError, nil)
		return
	}
	e.given.Add(1)
	answer(http.StatusOK, map[string]any{"access_token": text, "token_type": "Bearer", "expires_in": int(tokenLifeSaid.Seconds())})
}

// forwarder is in front of a listener and can cut its connections.
type forwarder struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	open   map[net.Conn]bool
}

func startForwarder(t *testing.T) *forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{listener: l, open: make(map[net.Conn]bool)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.forward(front) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.cut()
		running.Wait()
	})
	return f
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

func (f *forwarder) to(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

func (f *forwarder) forward(front net.Conn) {
	defer front.Close()
	f.mu.Lock()
	target := f.target
	f.mu.Unlock()
	back, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer back.Close()
	f.mu.Lock()
	f.open[front], f.open[back] = true, true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.open, front)
		delete(f.open, back)
		f.mu.Unlock()
	}()
	var copying sync.WaitGroup
	for from, into := range map[net.Conn]net.Conn{front: back, back: front} {
		copying.Go(func() {
			_, _ = io.Copy(into, from)
			_ = into.(*net.TCPConn).CloseWrite()
		})
	}
	copying.Wait()
}

// cut closes all connections.
func (f *forwarder) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.open {
		_ = conn.Close()
	}
}
