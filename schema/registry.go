package schema

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
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
			return fmt.Errorf("%w: URL %d is no http or https address", ErrRegistryConfig, i+1)
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

// Registry registers the schema of the record, or looks it up. It retries nothing: see the errors of
// this package for what is worth another try.
type Registry struct {
	client *sr.Client
	mode   RegistryMode
	http   *http.Client
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
	return &Registry{client: client, mode: mode, http: httpClient}, nil
}

// Close closes idle connections.
func (r *Registry) Close() { r.http.CloseIdleConnections() }

// Subject is the subject of the values of a topic (TopicNameStrategy).
func Subject(topic string) string { return topic + "-value" }

// current is what is registered: the text of chat_message.avsc and nothing made from it.
func current() sr.Schema { return sr.Schema{Schema: text, Type: sr.TypeAvro} }

// Register returns the id of the schema under the subject.
//
// In register mode it registers the schema if the subject does not hold it: compatibility is checked
// first, and a subject that does not exist yet is given the compatibility level FULL_TRANSITIVE before
// it gets its first schema. The level of a subject that exists is its owner's affair. In lookup mode
// it writes nothing.
//
// The error wraps ErrNotRegistered, ErrIncompatible or ErrRegistryRefused, or is one that may pass.
func (r *Registry) Register(ctx context.Context, subject string) (id int, err error) {
	found, err := r.client.LookupSchema(ctx, subject, current())
	switch {
	case err == nil:
		return found.ID, nil
	case !isMissing(err):
		return 0, fail("look the schema up", subject, err)
	case r.mode == RegistryLookup:
		return 0, fmt.Errorf("schema: subject %q: %w; register it (connector schema register), "+
			"or let the connector do it (SCHEMA_REGISTRY_MODE=register)", subject, ErrNotRegistered)
	}
	exists, err := r.check(ctx, subject)
	// A registry that gives no reason here (Apicurio Registry 3 does not) gives one when it refuses the registration.
	if err != nil && !errors.Is(err, errNoReason) {
		return 0, err
	}
	if !exists {
		level := sr.SetCompatibility{Level: sr.CompatFullTransitive}
		for _, result := range r.client.SetCompatibility(ctx, level, subject) {
			if result.Err != nil {
				return 0, fail("set the compatibility level", subject, result.Err)
			}
		}
	}
	id, err = r.client.RegisterSchema(ctx, subject, current(), -1, -1)
	if err != nil {
		return 0, fail("register the schema", subject, err)
	}
	return id, nil
}

// Standing tells how the schema stands with a subject.
type Standing struct {
	// Registered tells whether the subject holds the schema, and ID is the schema's id then.
	Registered bool
	ID         int
	// Exists tells whether the subject holds any schema at all. One that does not is made by Register, with
	// the level FULL_TRANSITIVE.
	Exists bool
	// Level is the compatibility level that new versions of the subject are held to: its own, or else
	// the registry's. It is empty for a subject that does not exist.
	Level string
}

// Check tells how the schema stands with the subject, and writes nothing. It returns no error for a
// schema that is registered or could be. The error wraps ErrIncompatible, with the registry's
// explanation, or ErrRegistryRefused, or is one that may pass.
func (r *Registry) Check(ctx context.Context, subject string) (Standing, error) {
	var standing Standing
	found, err := r.client.LookupSchema(ctx, subject, current())
	switch {
	case err == nil:
		standing.Registered, standing.Exists, standing.ID = true, true, found.ID
	case !isMissing(err):
		return Standing{}, fail("look the schema up", subject, err)
	default:
		if standing.Exists, err = r.check(ctx, subject); err != nil {
			return Standing{}, err
		}
	}
	if standing.Exists {
		for _, result := range r.client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject) {
			if result.Err != nil {
				return Standing{}, fail("read the compatibility level", subject, result.Err)
			}
			standing.Level = result.Level.String()
		}
	}
	return standing, nil
}

// check tells whether the subject exists, and whether the schema is compatible with it.
func (r *Registry) check(ctx context.Context, subject string) (exists bool, err error) {
	versions, err := r.client.SubjectVersions(ctx, subject)
	if isMissing(err) || (err == nil && len(versions) == 0) {
		return false, nil
	}
	if err != nil {
		return false, fail("list the versions", subject, err)
	}
	const all = -2 // versions; those the subject's own level asks for
	result, err := r.client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, all, current())
	if err != nil {
		return true, fail("check the compatibility", subject, err)
	}
	if !result.Is {
		return true, incompatible(subject, strings.Join(result.Messages, "; "))
	}
	return true, nil
}

// errNoReason is wrapped, beside ErrIncompatible, when the registry does not say what is incompatible.
var errNoReason = errors.New("the registry gives no reason")

func incompatible(subject, explanation string) error {
	if explanation == "" {
		return fmt.Errorf("schema: subject %q: %w: %w", subject, ErrIncompatible, errNoReason)
	}
	return fmt.Errorf("schema: subject %q: %w: %s", subject, ErrIncompatible, explanation)
}

// isMissing tells whether the registry says that it does not have the subject or the schema. A 404
// without one of the registry's own codes comes from something else.
func isMissing(err error) bool {
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return false
	}
	switch response.ErrorCode {
	case sr.ErrSubjectNotFound.Code, sr.ErrSchemaNotFound.Code, sr.ErrVersionNotFound.Code, sr.ErrSubjectSoftDeleted.Code:
		return true
	}
	return false
}

// maxExplanation bounds what of a registry's answer stands in an error, in bytes. An answer that is no
// registry's can be a whole web page.
const maxExplanation = 4096

// fail says what failed, and whether waiting can mend it.
func fail(what, subject string, err error) error {
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return fmt.Errorf("schema: subject %q: %s: %w", subject, what, err)
	}
	explanation := strings.ToValidUTF8(response.Error(), "?")
	if len(explanation) > maxExplanation {
		explanation = strings.ToValidUTF8(explanation[:maxExplanation], "") + " …"
	}
	switch status := response.StatusCode; {
	case status == http.StatusConflict:
		return incompatible(subject, explanation)
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		return fmt.Errorf("schema: subject %q: %s: the registry answers %d: %s", subject, what, status, explanation)
	default:
		return fmt.Errorf("schema: subject %q: %s: %w: it answers %d: %s",
			subject, what, ErrRegistryRefused, status, explanation)
	}
}
