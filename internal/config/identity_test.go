package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/source"
)

// refusedFor expects one complaint, that begins with the variable's name and says what is told.
func refusedFor(t *testing.T, s Settings, name, says string) {
	t.Helper()
	_, err := Parse(s)
	if err == nil {
		t.Fatalf("accepted, want %s refused", name)
	}
	text := err.Error()
	if !strings.Contains(text, "\n  "+name+" ") || !strings.Contains(text, says) || strings.Count(text, "\n") != 1 {
		t.Errorf("got %v\nwant one complaint about %s that says %q", err, name, says)
	}
	if !strings.Contains(text, "for example "+name+"=") {
		t.Errorf("no example in %v", err)
	}
}

func written(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func certificate(t *testing.T) string {
	t.Helper()
	sim, err := graphsim.Start(graphsim.Config{Users: 1, Chats: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	text, err := sim.ClientCertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	return written(t, string(text))
}

func TestIdentity_IsWhatGRAPH_AUTHSaysOrWhatIsSet(t *testing.T) {
	pem, token := certificate(t), written(t, "assertion")
	for name, test := range map[string]struct {
		change func(*Settings)
		want   source.AuthKind
	}{
		"a secret": {func(*Settings) {}, source.AuthSecret},
		"a certificate": {func(s *Settings) {
			s.AzureClientSecret, s.AzureClientCertificatePath = "", pem
		}, source.AuthCertificate},
		"a federated token, as AKS's webhook names it": {func(s *Settings) {
			s.AzureClientSecret, s.AzureFederatedTokenFile, s.AzureAuthorityHost = "", token, "https://login.microsoftonline.com/"
		}, source.AuthWorkloadIdentity},
		"a secret by name, whatever else is set": {func(s *Settings) {
			s.GraphAuth, s.AzureFederatedTokenFile, s.AzureClientCertificatePath = "secret", token, pem
		}, source.AuthSecret},
		"a system-assigned identity": {func(s *Settings) {
			s.GraphAuth, s.AzureClientID, s.AzureClientSecret = "managed-identity", "", ""
		}, source.AuthManagedIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			c, err := Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			if id := c.Tenants[0].Identity; id.Kind != test.want || id.ClientID != s.AzureClientID {
				t.Errorf("got %+v, want %s", id, test.want)
			}
		})
	}
}

func TestIdentity_AmbiguousOrIncompleteSetsAreRefusedByName(t *testing.T) {
	pem, token := certificate(t), written(t, "assertion")
	for name, test := range map[string]struct {
		change         func(*Settings)
		variable, says string
	}{
		"nothing": {func(s *Settings) { s.AzureClientSecret = "" }, "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE; a managed identity has to be named with GRAPH_AUTH=managed-identity"},
		"two at once": {func(s *Settings) { s.AzureFederatedTokenFile = token },
			"GRAPH_AUTH", "AZURE_CLIENT_SECRET and AZURE_FEDERATED_TOKEN_FILE"},
		"a password without its file": {func(s *Settings) { s.AzureClientSecret, s.AzureClientCertificatePassword = "", "x" },
			"AZURE_CLIENT_CERTIFICATE_PATH", "the password for it is"},
		"a secret by name":        {func(s *Settings) { s.GraphAuth, s.AzureClientSecret = "secret", "" }, "AZURE_CLIENT_SECRET", "is not set"},
		"a certificate by name":   {func(s *Settings) { s.GraphAuth = "certificate" }, "AZURE_CLIENT_CERTIFICATE_PATH", "is not set"},
		"a workload by name":      {func(s *Settings) { s.GraphAuth = "workload-identity" }, "AZURE_FEDERATED_TOKEN_FILE", "is not set"},
		"no application":          {func(s *Settings) { s.AzureClientID = "" }, "AZURE_CLIENT_ID", "is not set"},
		"a kind there is not":     {func(s *Settings) { s.GraphAuth = "device-code" }, "GRAPH_AUTH", "workload-identity"},
		"a domain for the tenant": {func(s *Settings) { s.AzureTenantID = "contoso.onmicrosoft.com" }, "AZURE_TENANT_ID", "GUID"},
		"a file without a certificate": {func(s *Settings) { s.AzureClientSecret, s.AzureClientCertificatePath = "", token },
			"AZURE_CLIENT_CERTIFICATE_PATH", "neither PEM nor a readable PFX"},
		"a certificate that is not there": {func(s *Settings) { s.AzureClientSecret, s.AzureClientCertificatePath = "", pem+"x" },
			"AZURE_CLIENT_CERTIFICATE_PATH", "cannot be used"},
		"a federated token that is not there": {func(s *Settings) { s.AzureClientSecret, s.AzureFederatedTokenFile = "", token+"x" },
			"AZURE_FEDERATED_TOKEN_FILE", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			refusedFor(t, s, test.variable, test.says)
		})
	}
}

func TestCloud_GivesRootLoginAndScope(t *testing.T) {
	for name, test := range map[string]struct {
		change              func(*Settings)
		graph, login, scope string
	}{
		"by default": {func(*Settings) {}, "https://graph.microsoft.com", "https://login.microsoftonline.com", "https://graph.microsoft.com/.default"},
		"usgov":      {func(s *Settings) { s.GraphCloud = "usgov" }, "https://graph.microsoft.us", "https://login.microsoftonline.us", "https://graph.microsoft.us/.default"},
		"dod":        {func(s *Settings) { s.GraphCloud = "DoD" }, "https://dod-graph.microsoft.us", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us/.default"},
		"proxies": {func(s *Settings) {
			s.GraphCloud, s.GraphEndpoint, s.AzureAuthorityHost = "usgov", "https://graph.proxy.example/", "https://login.proxy.example"
		}, "https://graph.proxy.example", "https://login.proxy.example", "https://graph.microsoft.us/.default"},
		"as AKS's webhook in that cloud": {func(s *Settings) {
			s.GraphCloud, s.AzureAuthorityHost = "dod", "https://login.microsoftonline.us/"
		}, "https://dod-graph.microsoft.us", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us/.default"},
	} {
		t.Run(name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			c, err := Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			of := c.Tenants[0]
			if of.Graph.String() != test.graph || of.Identity.Authority != test.login || of.Identity.Scope != test.scope {
				t.Errorf("got %v, %s, %s", of.Graph, of.Identity.Authority, of.Identity.Scope)
			}
		})
	}
}

func TestCloud_WhatCannotWorkIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change         func(*Settings)
		variable, says string
	}{
		"china": {func(s *Settings) { s.GraphCloud = "china" }, "GRAPH_CLOUD", "getAllRetainedMessages"},
		"none":  {func(s *Settings) { s.GraphCloud = "moon" }, "GRAPH_CLOUD", "usgov or dod"},
		"another cloud's Graph": {func(s *Settings) { s.GraphEndpoint = "https://graph.microsoft.us" },
			"GRAPH_ENDPOINT", "is the root of GRAPH_CLOUD=usgov, but GRAPH_CLOUD is global"},
		"another cloud's login": {func(s *Settings) { s.GraphCloud, s.AzureAuthorityHost = "usgov", "https://login.microsoftonline.com" },
			"AZURE_AUTHORITY_HOST", "which is https://login.microsoftonline.us"},
	} {
		t.Run(name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			refusedFor(t, s, test.variable, test.says)
		})
	}
}
