package config

import (
	"fmt"
	"strings"
	"testing"
)

const (
	contosoID  = "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11"
	fabrikamID = "1c2d3e4f-0a0b-4c0d-8e0f-112233445566"
)

// two is a configuration of two tenants.
func two() Settings {
	return Settings{
		GraphTenants: "contoso, Fabrikam", KafkaBrokers: "127.0.0.1:9092", SourcePollInterval: "1h", SourceRate: "100",
		Tenants: map[string]Settings{
			"contoso":  {AzureTenantID: contosoID, AzureClientID: "c1", AzureClientSecret: "s1", SourceUsers: "u1"},
			"Fabrikam": {AzureTenantID: strings.ToUpper(fabrikamID), AzureClientID: "c2", AzureClientSecret: "s2", SourceUsers: "u2,u3", SourceRate: "50", GraphCloud: "usgov"},
		},
	}
}

// environment puts settings into the environment of the test and reads them from there.
func environment(t *testing.T, s Settings) (Config, error) {
	t.Helper()
	for name, value := range s.Variables() {
		t.Setenv(name, value)
	}
	return Load()
}

func TestTenants_EachHasItsOwnAndSharesTheRest(t *testing.T) {
	for name, parse := range map[string]func(t *testing.T, s Settings) (Config, error){
		"parsed": func(_ *testing.T, s Settings) (Config, error) { return Parse(s) },
		"loaded": environment,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(t, two())
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Tenants) != 2 {
				t.Fatalf("%d tenants", len(c.Tenants))
			}
			got := ""
			for _, of := range c.Tenants {
				got += fmt.Sprintln(of.Alias, of.ID, of.Identity.ClientID, of.Identity.Secret.Reveal(), of.Users.Listed, of.PollInterval, of.Rate, of.Graph, of.Identity.Authority)
			}
			want := "contoso " + contosoID + " c1 s1 [u1] 1h0m0s 100 https://graph.microsoft.com https://login.microsoftonline.com\n" +
				"Fabrikam " + fabrikamID + " c2 s2 [u2 u3] 1h0m0s 50 https://graph.microsoft.us https://login.microsoftonline.us\n"
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if c.Tenants[0].String() != "contoso ("+contosoID+")" || c.Tenants[1].Variable("SOURCE_USERS") != "FABRIKAM_SOURCE_USERS" {
				t.Errorf("named %v, %s", c.Tenants[0], c.Tenants[1].Variable("SOURCE_USERS"))
			}
		})
	}
}

// A tenant that lacks a credential must fail, and not sign in with another's or with the unprefixed one.
func TestTenants_CredentialsNeverFallBack(t *testing.T) {
	for name, test := range map[string]struct {
		change   func(own, all *Settings)
		variable string
	}{
		"a tenant id": {func(own, all *Settings) {
			own.AzureTenantID, all.AzureTenantID = "", "22222222-2222-4222-8222-222222222222"
		}, "FABRIKAM_AZURE_TENANT_ID"},
		"a client id": {func(own, all *Settings) { own.AzureClientID, all.AzureClientID = "", "shared" }, "FABRIKAM_AZURE_CLIENT_ID"},
		"a secret":    {func(own, all *Settings) { own.AzureClientSecret, all.AzureClientSecret = "", "shared" }, "FABRIKAM_AZURE_CLIENT_SECRET"},
		"a secret's file": {func(own, all *Settings) {
			own.AzureClientSecret, all.SecretFiles = "", map[string]string{"AZURE_CLIENT_SECRET": written(t, "shared")}
		}, "FABRIKAM_AZURE_CLIENT_SECRET"},
		"a certificate": {func(own, all *Settings) {
			own.GraphAuth, all.AzureClientCertificatePath = "certificate", certificate(t)
		}, "FABRIKAM_AZURE_CLIENT_CERTIFICATE_PATH"},
		"a federated token": {func(own, all *Settings) {
			own.GraphAuth, all.AzureFederatedTokenFile = "workload-identity", written(t, "x")
		}, "FABRIKAM_AZURE_FEDERATED_TOKEN_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			s := two()
			own := s.Tenants["Fabrikam"]
			test.change(&own, &s)
			s.Tenants["Fabrikam"] = own
			refusedFor(t, s, test.variable, "is not set")
			if _, err := environment(t, s); err == nil || !strings.Contains(err.Error(), test.variable+" is not set") {
				t.Errorf("loaded: %v", err)
			}
		})
	}
}

func TestTenants_OfAKSsWebhookNothingIsTakenAndNothingRefused(t *testing.T) {
	s := two()
	s.AzureTenantID, s.AzureClientID, s.AzureFederatedTokenFile, s.AzureAuthorityHost = contosoID, "injected", written(t, "x"), "https://login.microsoftonline.us/"
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	if id := c.Tenants[0].Identity; id.ClientID != "c1" || id.FederatedTokenFile != "" || id.Authority != "https://login.microsoftonline.com" {
		t.Errorf("got %+v", id)
	}
}

func TestTenants_AreRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		change         func(*Settings)
		own            func(*Settings) // of Fabrikam
		variable, says string
	}{
		"no alias":            {change: func(s *Settings) { s.GraphTenants = "contoso,Fabrikam,a-b" }, variable: "GRAPH_TENANTS", says: `"a-b"`},
		"an alias twice":      {change: func(s *Settings) { s.GraphTenants = "contoso,Fabrikam,CONTOSO" }, variable: "GRAPH_TENANTS", says: "twice"},
		"a tenant twice":      {own: func(s *Settings) { s.AzureTenantID = contosoID }, variable: "GRAPH_TENANTS", says: "as contoso and as Fabrikam"},
		"its own mistake":     {own: func(s *Settings) { s.SourcePageSize = "many" }, variable: "FABRIKAM_SOURCE_PAGE_SIZE", says: `"many"`},
		"everybody's mistake": {change: func(s *Settings) { s.SourcePageSize = "many" }, variable: "SOURCE_PAGE_SIZE", says: `"many"`},
		"no users":            {own: func(s *Settings) { s.SourceUsers = "" }, variable: "FABRIKAM_SOURCE_USERS", says: "is not set"},
		"everybody's users":   {change: func(s *Settings) { s.SourceUsers = "u" }, variable: "SOURCE_USERS", says: "set CONTOSO_SOURCE_USERS"},
		"its own topic":       {own: func(s *Settings) { s.KafkaTopic = "fabrikam" }, variable: "FABRIKAM_KAFKA_TOPIC", says: "all tenants share KAFKA_TOPIC"},
		"its own password":    {own: func(s *Settings) { s.SecretFiles = map[string]string{"KAFKA_SASL_PASSWORD": "f"} }, variable: "FABRIKAM_KAFKA_SASL_PASSWORD", says: "all tenants share"},
		"too much in all": {change: func(s *Settings) { s.SourceRate = "790" },
			own: func(s *Settings) { s.AzureClientID = "C1" }, variable: "SOURCE_RATE", says: "840 requests per second"},
	} {
		t.Run(name, func(t *testing.T) {
			s := two()
			if test.change != nil {
				test.change(&s)
			}
			own := s.Tenants["Fabrikam"]
			if test.own != nil {
				test.own(&own)
			}
			s.Tenants["Fabrikam"] = own
			if strings.HasPrefix(test.says, `"a-b"`) || test.says == "twice" {
				// The tenants that are named without variables are complained of as well.
				_, err := Parse(s)
				if err == nil || !strings.Contains(err.Error(), test.variable+" is") || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			refusedFor(t, s, test.variable, test.says)
		})
	}
}

func TestTenants_SeveralApplicationsMayAskForMoreTogether(t *testing.T) {
	s := two()
	s.SourceRate = "790"
	if _, err := Parse(s); err != nil {
		t.Error(err)
	}
}
