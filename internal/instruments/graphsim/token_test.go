package graphsim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
)

// azure are the client options with which the Azure SDK talks to a simulator.
func azure(c *client) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.s.AuthorityURL()},
		Transport: c.http,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

func TestToken_AzidentityGetsOneThatIsAccepted(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 3}})
	credential, err := azidentity.NewClientSecretCredential(c.s.TenantID(), c.s.ClientID(), c.s.ClientSecret(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azure(c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"https://graph.microsoft.com/.default", c.s.URL() + "/.default"} {
		token, err := credential.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			t.Fatal(err)
		}
		c.token = token.Token
		if e := c.page(messages(c.s.Users()[0])); len(e.Value) != 3 {
			t.Errorf("%d items", len(e.Value))
		}
		var claims jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(token.Token, &claims); err != nil {
			t.Fatal(err)
		}
		if claims["appid"] != c.s.ClientID() || claims["tid"] != c.s.TenantID() || claims["exp"] == nil || len(claims["roles"].([]any)) == 0 {
			t.Errorf("claims %v", claims)
		}
	}
}

func TestToken_RefusalsHaveTheirNumbers(t *testing.T) {
	c := start(t, Config{})
	good := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.s.ClientID()}, "client_secret": {c.s.ClientSecret()},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	for name, test := range map[string]struct {
		key, value string
		status     int
		number     float64
	}{
		"bad secret":       {"client_secret", "wrong", 401, 7000215},
		"expired secret":   {"client_secret", c.s.ExpiredClientSecret(), 401, 7000222},
		"no secret":        {"client_secret", "", 401, 7000218},
		"unknown app":      {"client_id", "f5ef4e62-0000-4000-8000-000000000000", 400, 700016},
		"not .default":     {"scope", "https://graph.microsoft.com/Chat.Read.All", 400, 1002012},
		"unknown resource": {"scope", "https://nothing.example/.default", 400, 500011},
		"other grant":      {"grant_type", "password", 400, 70003},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{}
			for k, v := range good {
				form[k] = v
			}
			form.Set(test.key, test.value)
			status, body := c.requestToken(form)
			if status != test.status || body["error_codes"].([]any)[0] != test.number {
				t.Errorf("%d %v", status, body)
			}
			if text := body["error_description"].(string); !strings.HasPrefix(text, "AADSTS") || strings.Contains(text, c.s.ClientSecret()) {
				t.Errorf("description %q", text)
			}
			for _, field := range []string{"error", "timestamp", "trace_id", "correlation_id", "error_uri"} {
				if body[field] == nil || body[field] == "" {
					t.Errorf("no %s", field)
				}
			}
		})
	}
	resp, err := c.http.PostForm(c.s.AuthorityURL()+"/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token", good)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Codes []int `json:"error_codes"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != 400 || body.Codes[0] != 90002 {
		t.Errorf("unknown tenant: %d %v %v", resp.StatusCode, body, err)
	}
}

func TestToken_ExpiresAndIsRequired(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Access: Access{TokenLifetime: time.Minute}})
	link := messages(c.s.Users()[0])
	c.clock.Add(time.Minute - time.Second)
	if a := c.get(link); a.status != http.StatusOK {
		t.Fatalf("%d before the token's end", a.status)
	}
	c.clock.Add(time.Second)
	for _, token := range []string{c.token, "made-up", ""} {
		c.token = token
		if a := c.get(link); a.status != http.StatusUnauthorized || !strings.Contains(string(a.body), "InvalidAuthenticationToken") || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestToken_RevokedOneGetsAChallengeIfTheClientCanTakeIt(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Faults: Faults{Revoke: 1}})
	link := messages(c.s.Users()[0])
	if a := c.get(link); a.status != http.StatusUnauthorized || strings.Contains(a.header.Get("WWW-Authenticate"), "claims") {
		t.Errorf("%d %v: a challenge without the capability", a.status, a.header)
	}
	credential, err := azidentity.NewClientSecretCredential(c.s.TenantID(), c.s.ClientID(), c.s.ClientSecret(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azure(c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	options := policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}, EnableCAE: true}
	first, err := credential.GetToken(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	c.token = first.Token
	a := c.get(link)
	_, rest, ok := strings.Cut(a.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`)
	claims, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, `"`))
	if a.status != http.StatusUnauthorized || !ok || err != nil || !json.Valid(claims) {
		t.Fatalf("%d %v", a.status, a.header)
	}
	c.adjust(Settings{Rates: map[string]float64{"fault-revoke": 0}})
	if a := c.get(link); a.status != http.StatusUnauthorized {
		t.Errorf("%d with a revoked token", a.status)
	}
	options.Claims = string(claims)
	second, err := credential.GetToken(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	c.token = second.Token
	if a := c.get(link); a.status != http.StatusOK {
		t.Errorf("%d after the challenge was met", a.status)
	}
}

func TestOpenID_ConfigurationOfTheOneTenant(t *testing.T) {
	c := start(t, Config{})
	const path = "/v2.0/.well-known/openid-configuration"
	var known map[string]any
	if err := json.Unmarshal(c.get("/"+c.s.TenantID()+path).body, &known); err != nil {
		t.Fatal(err)
	}
	if root := c.s.AuthorityURL() + "/" + c.s.TenantID(); known["token_endpoint"] != root+"/oauth2/v2.0/token" || known["issuer"] != root+"/v2.0" {
		t.Errorf("configuration %v", known)
	}
	if a := c.get("/11111111-1111-4111-8111-111111111111" + path); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "AADSTS90002") {
		t.Errorf("unknown tenant: %d %s", a.status, a.body)
	}
}
