package schema

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// RegistryMode says what Register may do.
type RegistryMode string

const (
	// RegistryRegister registers the schema, if the subject does not hold it yet and it is compatible.
	RegistryRegister RegistryMode = "register"
	// RegistryLookup never writes; the schema must have been registered.
	RegistryLookup RegistryMode = "lookup"
)

// RegistryConfig says where the registry is and how to speak to it.
type RegistryConfig struct {
	// URLs are the addresses of the registry's instances, which are tried in turn. No credentials in them.
	URLs []string
	// Mode is RegistryRegister or RegistryLookup; empty is RegistryRegister.
	Mode RegistryMode
	// Username and Password are for basic authentication.
	Username, Password string
	// BearerToken is for bearer authentication; not together with Username.
	BearerToken string
	// TLS is the client's TLS configuration (own CA, client certificate); nil is the system's.
	TLS *tls.Config
	// Timeout bounds one request; 0 is 10 s.
	Timeout time.Duration
}

const defaultRegistryTimeout = 10 * time.Second

// validate names the first setting that cannot be meant, without its value.
func (c RegistryConfig) validate() error {
	if len(c.URLs) == 0 {
		return fmt.Errorf("%w: there is no URL", ErrRegistryConfig)
	}
	for i, address := range c.URLs {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			return fmt.Errorf("%w: URL %d is not an http or https address", ErrRegistryConfig, i+1)
		case u.User != nil:
			return fmt.Errorf("%w: URL %d holds credentials, which would stand in logs; set user and password instead",
				ErrRegistryConfig, i+1)
		}
	}
	switch {
	case c.Mode != RegistryRegister && c.Mode != RegistryLookup && c.Mode != "":
		return fmt.Errorf("%w: mode is neither %s nor %s", ErrRegistryConfig, RegistryRegister, RegistryLookup)
	case c.BearerToken != "" && (c.Username != "" || c.Password != ""):
		return fmt.Errorf("%w: a bearer token and a user are set, only one can be sent", ErrRegistryConfig)
	case c.Password != "" && c.Username == "":
		return fmt.Errorf("%w: a password is set without a user", ErrRegistryConfig)
	case c.Timeout < 0:
		return fmt.Errorf("%w: the timeout is negative", ErrRegistryConfig)
	}
	return nil
}

// secrets returns what the client shows the registry of its credentials.
func (c RegistryConfig) secrets() (secrets []string) {
	if c.Password != "" {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)), c.Password)
	}
	if c.BearerToken != "" {
		secrets = append(secrets, c.BearerToken)
	}
	return secrets
}

// Registry registers the schema of the record, or looks it up. It does not retry: the errors of this
// package tell what is worth another attempt.
type Registry struct {
	client  *sr.Client
	mode    RegistryMode
	http    *http.Client
	secrets []string // never shown, even if the registry repeats them
}

// NewRegistry returns a client of the registry. It does not connect yet. The error wraps
// ErrRegistryConfig.
func NewRegistry(config RegistryConfig) (*Registry, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if config.TLS != nil {
		transport.TLSClientConfig = config.TLS.Clone()
	}
	timeout := config.Timeout
	if timeout == 0 {
		timeout = defaultRegistryTimeout
	}
	httpClient := &http.Client{Transport: transport, Timeout: timeout}
	options := []sr.ClientOpt{
		sr.HTTPClient(httpClient),
		sr.URLs(config.URLs...),
		sr.UserAgent("teams-kafka-connector"),
	}
	if config.Username != "" {
		options = append(options, sr.BasicAuth(config.Username, config.Password))
	}
	if config.BearerToken != "" {
		options = append(options, sr.BearerToken(config.BearerToken))
	}
	client, err := sr.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("schema: registry client: %w", err)
	}
	mode := config.Mode
	if mode == "" {
		mode = RegistryRegister
	}
	return &Registry{client: client, mode: mode, http: httpClient, secrets: config.secrets()}, nil
}

// Close closes idle connections.
func (r *Registry) Close() { r.http.CloseIdleConnections() }

// Subject is the subject of the values of a topic (TopicNameStrategy).
func Subject(topic string) string { return topic + "-value" }

// current is what is registered: the text of chat_message.avsc and nothing made from it.
func current() sr.Schema { return sr.Schema{Schema: text, Type: sr.TypeAvro} }
