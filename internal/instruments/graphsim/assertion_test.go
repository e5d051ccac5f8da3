package graphsim

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
)

var graphScope = policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}

// realClock starts a simulator on the real clock, by which the Azure SDK signs its assertions.
func realClock(t *testing.T, cfg Config) *client {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &client{t: t, s: s, http: trusting(t, s), header: http.Header{}}
}

func TestAssertion_CertificateCredential(t *testing.T) {
	c := realClock(t, Config{Users: 2, Chats: 1, History: History{Messages: 2}})
	pem, err := c.s.ClientCertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	certificates, key, err := azidentity.ParseCertificates(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	credential, err := azidentity.NewClientCertificateCredential(c.s.TenantID(), c.s.ClientID(), certificates, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: azure(c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(context.Background(), graphScope)
	if err != nil {
		t.Fatal(err)
	}
	c.token = token.Token
	if e := c.page(messages(c.s.Users()[0])); len(e.Value) != 2 {
		t.Errorf("%d items", len(e.Value))
	}

	other := realClock(t, Config{Seed: 99})
	foreign, err := other.s.ClientCertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	if certificates, key, err = azidentity.ParseCertificates(foreign, nil); err != nil {
		t.Fatal(err)
	}
	credential, err = azidentity.NewClientCertificateCredential(c.s.TenantID(), c.s.ClientID(), certificates, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: azure(c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := credential.GetToken(context.Background(), graphScope); err == nil {
		t.Error("a certificate that is not registered was accepted")
	}
}

func TestAssertion_WorkloadIdentity(t *testing.T) {
	c := realClock(t, Config{Users: 2, Chats: 1, History: History{Messages: 2}})
	text, err := c.s.FederatedToken("", "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: azure(c), DisableInstanceDiscovery: true, ClientID: c.s.ClientID(), TenantID: c.s.TenantID(), TokenFilePath: file,
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(context.Background(), graphScope)
	if err != nil {
		t.Fatal(err)
	}
	c.token = token.Token
	if e := c.page(messages(c.s.Users()[0])); len(e.Value) != 2 {
		t.Errorf("%d items", len(e.Value))
	}
}

func TestAssertion_Refusals(t *testing.T) {
	c := start(t, Config{})
	pem, err := c.s.ClientCertificatePEM()
	if err != nil || len(pem) == 0 {
		t.Fatal(err)
	}
	federated := func(subject, audience string) string {
		text, err := c.s.FederatedToken(subject, audience)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	// assertion signs as the application with its own key.
	assertion := func(change func(claims jwt.MapClaims, header map[string]any)) string {
		now := c.clock.Now()
		claims := jwt.MapClaims{
			"iss": c.s.ClientID(), "sub": c.s.ClientID(), "jti": "1", "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
			"aud": c.s.AuthorityURL() + "/" + c.s.TenantID() + "/oauth2/v2.0/token",
		}
		token := jwt.NewWithClaims(jwt.SigningMethodPS256, claims)
		token.Header["x5t#S256"] = thumbprint(c.s.certificate.der)
		change(claims, token.Header)
		text, err := token.SignedString(c.s.certificate.key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := assertion(func(jwt.MapClaims, map[string]any) {})
	older := func() string { // RS256 and the SHA-1 thumbprint
		now := c.clock.Now()
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": c.s.ClientID(), "sub": c.s.ClientID(), "jti": "2", "exp": now.Add(time.Minute).Unix(),
			"aud": c.s.AuthorityURL() + "/" + c.s.TenantID() + "/oauth2/v2.0/token",
		})
		sum := sha1.Sum(c.s.certificate.der)
		token.Header["x5t"] = base64.StdEncoding.EncodeToString(sum[:]) // not the URL-safe alphabet, as MSAL for Go writes it
		text, err := token.SignedString(c.s.certificate.key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}()
	for name, test := range map[string]struct {
		assertion string
		status    int
		number    float64
	}{
		"certificate":          {good, http.StatusOK, 0},
		"older certificate":    {older, http.StatusOK, 0},
		"federated":            {federated("", ""), http.StatusOK, 0},
		"other subject":        {federated("system:serviceaccount:other:connector", ""), 400, 70021},
		"other audience":       {federated("", "https://kubernetes.default.svc"), 400, 700212},
		"garbage":              {"garbage", 401, 50027},
		"bad signature":        {good[:len(good)-8] + "AAAAAAAA", 401, 700027},
		"unknown thumbprint":   {assertion(func(_ jwt.MapClaims, h map[string]any) { h["x5t#S256"] = thumbprint([]byte("other")) }), 401, 700027},
		"expired":              {assertion(func(m jwt.MapClaims, _ map[string]any) { m["exp"] = c.clock.Now().Add(-time.Hour).Unix() }), 401, 700024},
		"without end":          {assertion(func(m jwt.MapClaims, _ map[string]any) { delete(m, "exp") }), 401, 50027},
		"for another endpoint": {assertion(func(m jwt.MapClaims, _ map[string]any) { m["aud"] = "https://elsewhere.example" }), 401, 700023},
		"other app's subject":  {assertion(func(m jwt.MapClaims, _ map[string]any) { m["sub"] = "somebody" }), 401, 700021},
		"of an unknown issuer": {assertion(func(m jwt.MapClaims, _ map[string]any) { m["iss"] = "https://cluster.example" }), 400, 70021},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := c.requestToken(url.Values{
				"grant_type": {"client_credentials"}, "client_id": {c.s.ClientID()}, "scope": {"https://graph.microsoft.com/.default"},
				"client_assertion_type": {assertionType}, "client_assertion": {test.assertion},
			})
			if status != test.status || test.number != 0 && body["error_codes"].([]any)[0] != test.number {
				t.Errorf("%d %v", status, body)
			}
		})
	}
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
