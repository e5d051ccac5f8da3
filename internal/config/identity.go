package config

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/teams-kafka/connector/internal/base/plaintext"
	"github.com/teams-kafka/connector/source"
)

// Identity is how the connector signs in to one tenant.
type Identity struct {
	Kind source.AuthKind
	// ClientID is empty for a system-assigned managed identity.
	ClientID string
	// Secret is for source.AuthSecret, the certificate's file and password for source.AuthCertificate,
	// FederatedTokenFile for source.AuthWorkloadIdentity.
	Secret              Secret
	CertificateFile     string
	CertificatePassword Secret
	FederatedTokenFile  string
	// Authority is the login root, Scope what a token is asked for.
	Authority, Scope string
}

// identity parses how to sign in, by GRAPH_AUTH or by what is set.
func (p *parser) identity() Identity {
	s := p.settings
	id := Identity{ClientID: s.AzureClientID}
	kind := p.oneOf("GRAPH_AUTH", s.GraphAuth)
	if kind == "auto" {
		kind = string(p.kindOfWhatIsSet())
	}
	id.Kind = source.AuthKind(kind)
	if id.Kind != source.AuthManagedIdentity {
		p.required("AZURE_CLIENT_ID", s.AzureClientID)
	}
	switch id.Kind {
	case source.AuthSecret:
		id.Secret = p.secret("AZURE_CLIENT_SECRET", s.AzureClientSecret)
	case source.AuthCertificate:
		id.CertificateFile = p.required("AZURE_CLIENT_CERTIFICATE_PATH", s.AzureClientCertificatePath)
		if p.isSet("AZURE_CLIENT_CERTIFICATE_PASSWORD", s.AzureClientCertificatePassword) {
			id.CertificatePassword = p.secret("AZURE_CLIENT_CERTIFICATE_PASSWORD", s.AzureClientCertificatePassword)
		}
		if id.CertificateFile == "" {
			break
		}
		if _, _, err := source.ReadCertificate(id.CertificateFile, id.CertificatePassword.Reveal()); err != nil {
			p.refuse("AZURE_CLIENT_CERTIFICATE_PATH", id.CertificateFile, "cannot be used: "+err.Error())
		}
	case source.AuthWorkloadIdentity:
		id.FederatedTokenFile = p.required("AZURE_FEDERATED_TOKEN_FILE", s.AzureFederatedTokenFile)
		if id.FederatedTokenFile == "" {
			break
		}
		if _, err := plaintext.Read(id.FederatedTokenFile); err != nil {
			p.refuse("AZURE_FEDERATED_TOKEN_FILE", id.FederatedTokenFile, "cannot be read: "+err.Error())
		}
	}
	return id
}

// kindOfWhatIsSet chooses a kind from the variables that are set. A managed identity has to be asked for by
// name: it needs no variable, so a forgotten secret would look like one.
func (p *parser) kindOfWhatIsSet() source.AuthKind {
	s := p.settings
	var kinds []source.AuthKind
	var names []string
	for _, c := range []struct {
		kind  source.AuthKind
		name  string
		isSet bool
	}{
		{source.AuthSecret, "AZURE_CLIENT_SECRET", p.isSet("AZURE_CLIENT_SECRET", s.AzureClientSecret)},
		{source.AuthCertificate, "AZURE_CLIENT_CERTIFICATE_PATH", s.AzureClientCertificatePath != ""},
		{source.AuthWorkloadIdentity, "AZURE_FEDERATED_TOKEN_FILE", s.AzureFederatedTokenFile != ""},
	} {
		if c.isSet {
			kinds, names = append(kinds, c.kind), append(names, prefix(p.alias)+c.name)
		}
	}
	switch {
	case len(kinds) == 1:
		return kinds[0]
	case len(kinds) > 1:
		p.refuse("GRAPH_AUTH", "", fmt.Sprintf("must say which of %s is meant: all of them are set", strings.Join(names, " and ")))
	case p.isSet("AZURE_CLIENT_CERTIFICATE_PASSWORD", s.AzureClientCertificatePassword):
		p.refuse("AZURE_CLIENT_CERTIFICATE_PATH", "", "is not set, but the password for it is")
	default:
		p.refuse("AZURE_CLIENT_SECRET", "", "is not set, and neither is "+prefix(p.alias)+"AZURE_CLIENT_CERTIFICATE_PATH nor "+
			prefix(p.alias)+"AZURE_FEDERATED_TOKEN_FILE; a managed identity has to be named with GRAPH_AUTH=managed-identity")
	}
	return ""
}

// cloud parses where Graph and the login service are. Roots of two different clouds are refused: a token of
// one cloud is worth nothing in another, so it could not work, and what Graph says then (401) misleads.
func (p *parser) cloud() (graph *url.URL, authority, scope string) {
	s := p.settings
	cloud, ok := source.CloudNamed(s.GraphCloud)
	if !ok {
		var names []string
		for _, c := range source.Clouds() {
			names = append(names, c.Name)
		}
		p.refuse("GRAPH_CLOUD", s.GraphCloud, "must be "+strings.Join(names, " or "))
		return nil, "", ""
	}
	if cloud.Missing != "" {
		p.refuse("GRAPH_CLOUD", s.GraphCloud, "cannot be streamed: "+cloud.Missing)
		return nil, "", ""
	}
	graph, _ = url.Parse(cloud.Graph)
	if s.GraphEndpoint != "" {
		graph = p.root("GRAPH_ENDPOINT", s.GraphEndpoint, true)
	}
	if graph != nil {
		if of, known := source.CloudOfGraph(graph.String()); known && of.Name != cloud.Name {
			p.refuse("GRAPH_ENDPOINT", s.GraphEndpoint, fmt.Sprintf("is the root of GRAPH_CLOUD=%s, but GRAPH_CLOUD is %s", of.Name, cloud.Name))
		}
	}
	authority = cloud.Login
	if s.AzureAuthorityHost != "" {
		root := p.root("AZURE_AUTHORITY_HOST", s.AzureAuthorityHost, false)
		if root == nil {
			return graph, "", cloud.Scope()
		}
		authority = root.String()
		if !cloud.SignsInAt(authority) {
			p.refuse("AZURE_AUTHORITY_HOST", s.AzureAuthorityHost, fmt.Sprintf(
				"is not the login root of GRAPH_CLOUD=%s, which is %s", cloud.Name, cloud.Login))
		}
	}
	return graph, authority, cloud.Scope()
}
