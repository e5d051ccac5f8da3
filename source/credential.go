package source

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// AuthKind is a way to prove to Entra ID which application this is.
type AuthKind string

// The kinds, by the names that GRAPH_AUTH gives them.
const (
	AuthSecret           AuthKind = "secret"
	AuthCertificate      AuthKind = "certificate"
	AuthWorkloadIdentity AuthKind = "workload-identity"
	AuthManagedIdentity  AuthKind = "managed-identity"
)

// Credentials are an application's own, for the client credentials flow, or the managed identity of the
// machine. None of it is taken from the environment. Two things the SDK finds there by itself: where the
// platform hands out a managed identity (IDENTITY_ENDPOINT and the like), and AZURE_REGIONAL_AUTHORITY_NAME.
type Credentials struct {
	Kind AuthKind
	// TenantID is the tenant the token must be of. ClientID is the application's, or the user-assigned
	// managed identity's; the system-assigned one has none.
	TenantID, ClientID string
	// Secret returns the client secret as it is now (AuthSecret).
	Secret func() string
	// CertificateFile holds certificate and key, PEM or PFX; CertificatePassword returns the PFX's
	// password as it is now, nil for none (AuthCertificate).
	CertificateFile     string
	CertificatePassword func() string
	// FederatedTokenFile holds the assertion that the cluster issues (AuthWorkloadIdentity).
	FederatedTokenFile string
	// Authority is the login root, https only; Scope what a token is asked for. See Cloud.
	Authority, Scope string
	// Needs are roles the token must hold besides the one that reading messages needs: of each list,
	// one.
	Needs [][]string
	// HTTP makes the token requests. Redirects are refused whatever it says.
	HTTP *http.Client
	// Log and Metrics are told of tokens that could not be renewed; nil for nowhere.
	Log     *slog.Logger
	Metrics *Metrics
}

// How long a token request may take: each try, and all of them with the pauses in between.
const (
	tokenTryTimeout = 20 * time.Second
	tokenTimeout    = time.Minute
)

// credential makes a credential object. One is made for each token, so that a rotated secret, certificate
// or federated assertion is used from the next token on, and so that no cache of the SDK's hands out a
// token that Graph has refused.
func (c Credentials) credential() (azcore.TokenCredential, error) {
	own := *c.HTTP
	// A redirected POST would carry the secret along.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	options := policy.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.Authority},
		Transport: &own,
		Retry: policy.RetryOptions{MaxRetries: 2, TryTimeout: tokenTryTimeout,
			RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 5 * time.Second},
	}
	// Instance discovery asks login.microsoftonline.com whether the authority is genuine; a private one
	// must not be told to the world.
	discoverless := !knownLogin(c.Authority)
	switch c.Kind {
	case AuthSecret:
		return azidentity.NewClientSecretCredential(c.TenantID, c.ClientID, c.Secret(),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: discoverless})
	case AuthCertificate:
		password := ""
		if c.CertificatePassword != nil {
			password = c.CertificatePassword()
		}
		certificates, key, err := ReadCertificate(c.CertificateFile, password)
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(c.TenantID, c.ClientID, certificates, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: discoverless})
	case AuthWorkloadIdentity:
		// Not azidentity's WorkloadIdentityCredential, which keeps what it read for ten minutes and
		// fills what it is not given from the environment.
		assertion, err := plaintext.Read(c.FederatedTokenFile)
		if err != nil {
			return nil, fmt.Errorf("federated token: %w", err)
		}
		text := strings.TrimSpace(string(assertion))
		return azidentity.NewClientAssertionCredential(c.TenantID, c.ClientID,
			func(context.Context) (string, error) { return text, nil },
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: discoverless})
	case AuthManagedIdentity:
		options.Transport = direct(&own)
		managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if c.ClientID != "" {
			managed.ID = azidentity.ClientID(c.ClientID)
		}
		credential, err := azidentity.NewManagedIdentityCredential(managed)
		if err != nil {
			return nil, err
		}
		return uncached{credential}, nil
	default:
		return nil, fmt.Errorf("%q is not a kind of credential", c.Kind)
	}
}

// direct is the client without a proxy: the address that hands out a machine's identity is reached from
// that machine alone.
func direct(c *http.Client) *http.Client {
	transport, ok := c.Transport.(*http.Transport)
	if !ok {
		return c
	}
	own := *c
	straight := transport.Clone()
	straight.Proxy, straight.DisableKeepAlives = nil, true
	own.Transport = straight
	return &own
}

// uncached goes past the cache of managed identity tokens, which in the SDK belongs to the process and
// not to the credential. Claims are the way past it; they are not sent anywhere.
type uncached struct{ azcore.TokenCredential }

func (u uncached) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.Claims == "" {
		o.Claims = "{}"
	}
	return u.TokenCredential.GetToken(ctx, o)
}
