package source

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// simulator starts a simulated tenant and returns it with the credentials that fit it but for their kind.
func simulator(t *testing.T, seed uint64) (*graphsim.Server, Credentials) {
	t.Helper()
	sim, err := graphsim.Start(graphsim.Config{Seed: seed, Users: 2, Chats: 1, History: graphsim.History{Messages: 3}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.CAPEM())
	return sim, Credentials{
		TenantID: sim.TenantID(), ClientID: sim.ClientID(), Authority: sim.AuthorityURL(), Scope: "https://graph.microsoft.com/.default",
		HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
	}
}

// reads fetches a page with the tokens of the credentials.
func reads(t *testing.T, sim *graphsim.Server, c Credentials) error {
	t.Helper()
	root, err := url.Parse(sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient(root, c.HTTP, NewTokens(c), NewGate(1000), "test (instance 1)", NewMetrics(nil))
	now := time.Now().UnixMilli()
	page, err := client.Page(t.Context(), client.MessagesURL(sim.Users()[0], now-48*3600_000, now, 50, Query{}))
	if err == nil && len(page.Items) != 3 {
		t.Errorf("%d items, want 3", len(page.Items))
	}
	return err
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func clientPEM(t *testing.T, sim *graphsim.Server) []byte {
	t.Helper()
	text, err := sim.ClientCertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pfx makes a PFX of a certificate in PEM.
func pfx(t *testing.T, encoder *pkcs12.Encoder, text []byte, password string) []byte {
	t.Helper()
	certificates, key, err := parseCertificate(text, "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := encoder.Encode(key, certificates[0], nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCredentials_EveryKindGetsATokenThatGraphTakes(t *testing.T) {
	sim, base := simulator(t, 1)
	federated := func(t *testing.T) string {
		text, err := sim.FederatedToken("", "")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, set := range map[string]func(t *testing.T, c *Credentials){
		"secret": func(_ *testing.T, c *Credentials) {
			c.Kind, c.Secret = AuthSecret, sim.ClientSecret
		},
		"certificate, PEM": func(t *testing.T, c *Credentials) {
			c.Kind, c.CertificateFile = AuthCertificate, write(t, "client.pem", clientPEM(t, sim))
		},
		"certificate, PFX with a password": func(t *testing.T, c *Credentials) {
			c.Kind, c.CertificateFile = AuthCertificate, write(t, "client.pfx", pfx(t, pkcs12.Modern, clientPEM(t, sim), "open sesame"))
			c.CertificatePassword = func() string { return "open sesame" }
		},
		"workload identity": func(t *testing.T, c *Credentials) {
			c.Kind, c.FederatedTokenFile = AuthWorkloadIdentity, write(t, "token", []byte(federated(t)+"\n"))
		},
		"managed identity, user-assigned": func(t *testing.T, c *Credentials) {
			managedIdentity(t, sim, sim.ClientID())
			c.Kind = AuthManagedIdentity
		},
		"managed identity, system-assigned": func(t *testing.T, c *Credentials) {
			managedIdentity(t, sim, "")
			c.Kind, c.ClientID = AuthManagedIdentity, ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := base
			set(t, &c)
			if err := reads(t, sim, c); err != nil {
				t.Fatal(err)
			}
			info, err := NewTokens(c).Inspect(t.Context())
			if err != nil || info.Kind != c.Kind || info.ClientID != sim.ClientID() || info.TenantID != sim.TenantID() {
				t.Errorf("inspected: %+v, %v", info, err)
			}
		})
	}
}

func TestCredentials_EveryKindIsRefusedByName(t *testing.T) {
	sim, base := simulator(t, 2)
	other, _ := simulator(t, 3)
	for name, test := range map[string]struct {
		set  func(t *testing.T, c *Credentials)
		want string
	}{
		"wrong secret": {func(_ *testing.T, c *Credentials) {
			c.Kind, c.Secret = AuthSecret, func() string { return "wrong" }
		}, "AADSTS7000215"},
		"expired secret": {func(_ *testing.T, c *Credentials) {
			c.Kind, c.Secret = AuthSecret, sim.ExpiredClientSecret
		}, "AADSTS7000222"},
		"another application's certificate": {func(t *testing.T, c *Credentials) {
			clientPEM(t, sim)
			c.Kind, c.CertificateFile = AuthCertificate, write(t, "client.pem", clientPEM(t, other))
		}, "AADSTS700027"},
		"a certificate that is gone": {func(_ *testing.T, c *Credentials) {
			c.Kind, c.CertificateFile = AuthCertificate, "no-such-file.pem"
		}, "no-such-file.pem"},
		"another workload's token": {func(t *testing.T, c *Credentials) {
			text, err := sim.FederatedToken("system:serviceaccount:other:connector", "")
			if err != nil {
				t.Fatal(err)
			}
			c.Kind, c.FederatedTokenFile = AuthWorkloadIdentity, write(t, "token", []byte(text))
		}, "AADSTS70021"},
		"a federated token that is gone": {func(_ *testing.T, c *Credentials) {
			c.Kind, c.FederatedTokenFile = AuthWorkloadIdentity, "no-such-token"
		}, "no-such-token"},
		"no managed identity": {func(t *testing.T, c *Credentials) {
			managedIdentity(t, sim, "00000000-0000-4000-8000-000000000000")
			c.Kind = AuthManagedIdentity
		}, "the managed identity endpoint refused"},
		"a kind there is not": {func(_ *testing.T, c *Credentials) { c.Kind = "device" }, "not a kind of credential"},
	} {
		t.Run(name, func(t *testing.T) {
			c := base
			test.set(t, &c)
			err := reads(t, sim, c)
			var failed *Error
			if !errors.As(err, &failed) || failed.Action != StopTenant || !errors.Is(err, ErrUnauthorized) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want the tenant to stop for %s", err, test.want)
			}
		})
	}
}

// What is rotated in a file is used for the next token, without a new process and without a new Tokens.
func TestCredentials_RotatedFilesAreReadForEachToken(t *testing.T) {
	sim, base := simulator(t, 4)
	other, _ := simulator(t, 5)
	good, err := sim.FederatedToken("", "")
	if err != nil {
		t.Fatal(err)
	}
	bad, err := sim.FederatedToken("system:serviceaccount:other:connector", "")
	if err != nil {
		t.Fatal(err)
	}
	for kind, contents := range map[AuthKind][2][]byte{
		AuthCertificate:      {clientPEM(t, other), clientPEM(t, sim)},
		AuthWorkloadIdentity: {[]byte(bad), []byte(good)},
	} {
		t.Run(string(kind), func(t *testing.T) {
			// As Kubernetes mounts a secret: a link to a link to a folder, swapped as a whole.
			dir := t.TempDir()
			for i, content := range contents {
				version := filepath.Join(dir, fmt.Sprintf("..version%d", i))
				if err := os.Mkdir(version, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(version, "file"), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Symlink("..version0", filepath.Join(dir, "..data")),
				os.Symlink("..data/file", filepath.Join(dir, "file"))); err != nil {
				t.Fatal(err)
			}
			c := base
			c.Kind, c.CertificateFile, c.FederatedTokenFile = kind, filepath.Join(dir, "file"), filepath.Join(dir, "file")
			tokens := NewTokens(c)
			if _, err := tokens.Inspect(t.Context()); !errors.Is(err, ErrUnauthorized) {
				t.Fatalf("before the rotation: %v", err)
			}
			if err := errors.Join(os.Symlink("..version1", filepath.Join(dir, "..data_tmp")),
				os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))); err != nil {
				t.Fatal(err)
			}
			if _, err := tokens.Inspect(t.Context()); err != nil {
				t.Errorf("after the rotation: %v", err)
			}
		})
	}
}

// afterwards calls then after each response.
type afterwards struct {
	http.RoundTripper
	then func(*http.Response)
}

func (a afterwards) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(r)
	if err == nil {
		a.then(resp)
	}
	return resp, err
}

func TestCredentials_AClaimsChallengeIsAnsweredWithANewToken(t *testing.T) {
	sim, c := simulator(t, 8)
	revoke := func(rate float64) {
		if err := sim.Adjust(graphsim.Settings{Rates: map[string]float64{"fault-revoke": rate}}); err != nil {
			t.Error(err)
		}
	}
	revoke(1)
	challenged := 0
	c.Kind, c.Secret = AuthSecret, sim.ClientSecret
	c.HTTP.Transport = afterwards{c.HTTP.Transport, func(resp *http.Response) {
		if resp.StatusCode == http.StatusUnauthorized && claimsChallenge(resp.Header) != "" {
			challenged++
			revoke(0)
		}
	}}
	if err := reads(t, sim, c); err != nil {
		t.Fatal(err)
	}
	if given := sim.Stats().TokenOutcomes["200"]; challenged != 1 || given != 2 {
		t.Errorf("%d challenges, %d tokens; want 1 and 2", challenged, given)
	}
}

// managedIdentity serves the protocol by which App Service and Container Apps hand out an identity, and points
// the SDK there.
func managedIdentity(t *testing.T, sim *graphsim.Server, assigned string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("X-IDENTITY-HEADER") != "machine" || q.Get("resource") != "https://graph.microsoft.com" || q.Get("client_id") != assigned {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"statusCode":400,"message":"No managed identity was found for the specified parameters."}`)
			return
		}
		text, err := sim.AccessToken([]string{"Chat.Read.All"}, false, time.Hour)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_on":"%d","resource":"https://graph.microsoft.com","token_type":"Bearer"}`, text, time.Now().Add(time.Hour).Unix())
	}))
	t.Cleanup(server.Close)
	t.Setenv("IDENTITY_ENDPOINT", server.URL)
	t.Setenv("IDENTITY_HEADER", "machine")
}

// metadata answers for the address at which a virtual machine finds its identity, without a network.
type metadata struct {
	answers []string
	asked   []*http.Request
}

func (m *metadata) RoundTrip(r *http.Request) (*http.Response, error) {
	m.asked = append(m.asked, r)
	status, body := 200, m.answers[min(len(m.asked), len(m.answers))-1]
	if strings.Contains(body, "error") {
		status = 400
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestCredentials_OfAVirtualMachineGoToItsMetadataAddressAndPastTheSDKsCache(t *testing.T) {
	token := func(n int) string {
		return fmt.Sprintf(`{"access_token":%q,"expires_on":"%d","resource":"https://graph.microsoft.com","token_type":"Bearer"}`,
			loginAnswer{}.jwt(n), time.Now().Add(time.Hour).Unix())
	}
	m := &metadata{answers: []string{token(1), token(2)}}
	tokens := NewTokens(Credentials{Kind: AuthManagedIdentity, TenantID: testTenant, ClientID: testClient,
		Scope: "https://graph.microsoft.com/.default", HTTP: &http.Client{Transport: m}})
	first, serial := mustToken(t, tokens)
	tokens.Refused(serial, "")
	if second, _ := mustToken(t, tokens); second == first || len(m.asked) != 2 {
		t.Errorf("the same token after it was refused; asked %d times", len(m.asked))
	}
	for _, r := range m.asked {
		if r.URL.Host != "169.254.169.254" || r.Header.Get("Metadata") != "true" || r.URL.Query().Get("client_id") != testClient {
			t.Errorf("asked %s", r.URL.Redacted())
		}
	}

	m = &metadata{answers: []string{`{"error":"invalid_request","error_description":"Identity not found"}`}}
	for _, client := range []string{testClient, ""} {
		_, err := NewTokens(Credentials{Kind: AuthManagedIdentity, TenantID: testTenant, ClientID: client,
			Scope: "https://graph.microsoft.com/.default", HTTP: &http.Client{Transport: m}}).Inspect(t.Context())
		var failed *Error
		if !errors.As(err, &failed) || failed.Action != StopTenant {
			t.Errorf("client id %q: %v, want the tenant to stop", client, err)
		}
	}
}

func TestCredentials_AManagedIdentityIsNotAskedForThroughAProxy(t *testing.T) {
	proxied := &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.test:8080") }}}
	if transport := direct(proxied).Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("it goes through the proxy")
	}
	if proxied.Transport.(*http.Transport).Proxy == nil {
		t.Error("the proxy of the other requests is gone as well")
	}
}

func TestReadCertificate_TakesPEMAndEveryUsualPFX(t *testing.T) {
	sim, _ := simulator(t, 6)
	text := clientPEM(t, sim)
	for name, test := range map[string]struct {
		data     []byte
		password string
	}{
		"PEM":                            {text, ""},
		"PEM with a password not needed": {text, "unused"},
		"PFX, AES and SHA-256":           {pfx(t, pkcs12.Modern, text, "secret"), "secret"},
		"PFX, triple DES and SHA-1":      {pfx(t, pkcs12.LegacyDES, text, "secret"), "secret"},
		"PFX without a password":         {pfx(t, pkcs12.Modern, text, ""), ""},
	} {
		certificates, key, err := ReadCertificate(write(t, "client", test.data), test.password)
		if err != nil || len(certificates) != 1 || key == nil {
			t.Errorf("%s: %d certificates, %v", name, len(certificates), err)
		}
	}
}

func TestReadCertificate_SaysWhatIsWrongAndNeverThePassword(t *testing.T) {
	sim, _ := simulator(t, 7)
	text := clientPEM(t, sim)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := func(private any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	block, keyPart := pem.Decode(text)
	certificate := pem.EncodeToMemory(block)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"wrong password":      {pfx(t, pkcs12.Modern, text, "secret"), "the password is wrong"},
		"an encrypted key":    {slices.Concat(certificate, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})), "supported in PFX only"},
		"no key":              {certificate, "no private key"},
		"no certificate":      {keyPart, "no certificate"},
		"another key":         {slices.Concat(certificate, key(other)), "belongs to none"},
		"an elliptic key":     {slices.Concat(certificate, key(elliptical)), "RSA keys only"},
		"neither PEM nor PFX": {[]byte("hello"), "neither PEM nor a readable PFX"},
		"an empty file":       {nil, "neither PEM nor a readable PFX"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ReadCertificate(write(t, "client", test.data), "canary-password")
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestCloud_KnowsWhatBelongsTogether(t *testing.T) {
	for _, c := range Clouds() {
		if c.Scope() != c.Graph+"/.default" {
			t.Errorf("%s: scope %s", c.Name, c.Scope())
		}
		if of, ok := CloudOfGraph(c.Graph + "/"); !ok || of.Name != c.Name {
			t.Errorf("%s: its Graph root is said to be %q's", c.Name, of.Name)
		}
		if !c.SignsInAt(c.Login) || !c.SignsInAt("https://login.example.com") {
			t.Errorf("%s does not sign in at its own login root, or not at a private one", c.Name)
		}
		for _, other := range Clouds() {
			if other.Login != c.Login && c.SignsInAt(other.Login) {
				t.Errorf("%s signs in at %s's login root", c.Name, other.Name)
			}
		}
	}
	if _, ok := CloudOfGraph("https://graph.microsoft.com.evil.test"); ok {
		t.Error("a foreign host is taken for a Graph root")
	}
	china, ok := CloudNamed("China")
	if !ok || !strings.Contains(china.Missing, "getAllRetainedMessages") || !china.SignsInAt(chinaLogin) {
		t.Errorf("china: %+v", china)
	}
}
