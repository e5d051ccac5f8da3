package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// SASL is how the connector signs in to Kafka; Mechanism is empty for not at all.
type SASL struct {
	Mechanism string
	// Username and Password are for PLAIN and SCRAM.
	Username string
	Password Secret
	// OAuth is for OAUTHBEARER.
	OAuth OAuth
}

// OAuth says where tokens for Kafka come from: an endpoint that gives them for client credentials (RFC 6749, section 4.4).
type OAuth struct {
	TokenURL *url.URL
	ClientID string
	Secret   Secret
	Scopes   []string
	// Extensions go to the brokers beside the token (RFC 7628, section 3.1).
	Extensions map[string]string
	// TLS is how the endpoint is spoken to.
	TLS *TLS
}

const oauthBearer = "OAUTHBEARER"

func (p *parser) sasl() SASL {
	s := p.settings
	c := SASL{Mechanism: p.oneOf("KAFKA_SASL_MECHANISM", s.KafkaSASLMechanism)}
	if c.Mechanism == oauthBearer {
		c.OAuth = p.oauth()
	} else {
		p.refuseOAuth()
	}
	switch c.Mechanism {
	case "":
	case oauthBearer:
		if s.KafkaSASLUsername != "" {
			p.refuse("KAFKA_SASL_USERNAME", s.KafkaSASLUsername, "is set but OAUTHBEARER signs in with KAFKA_SASL_OAUTH_CLIENT_ID")
		}
		if p.isSet("KAFKA_SASL_PASSWORD", s.KafkaSASLPassword) {
			p.refuse("KAFKA_SASL_PASSWORD", "", "is set but OAUTHBEARER signs in with KAFKA_SASL_OAUTH_CLIENT_SECRET")
		}
	default:
		c.Username = p.required("KAFKA_SASL_USERNAME", s.KafkaSASLUsername)
		c.Password = p.secret("KAFKA_SASL_PASSWORD", s.KafkaSASLPassword)
	}
	return c
}

// refuseOAuth refuses what is for OAUTHBEARER only.
func (p *parser) refuseOAuth() {
	p.settings.each(func(s Setting, value *string) {
		const why = "is set but KAFKA_SASL_MECHANISM is not " + oauthBearer
		switch path := p.settings.SecretFiles[s.Name]; {
		case !strings.HasPrefix(s.Name, "KAFKA_SASL_OAUTH_"):
		case path != "":
			p.refuse(s.FileVariable(), path, why)
		case *value != "":
			p.refuse(s.Name, "", why) // the value may be a URL with a password
		}
	})
}

func (p *parser) oauth() OAuth {
	s := p.settings
	return OAuth{
		TokenURL:   p.tokenURL("KAFKA_SASL_OAUTH_TOKEN_URL", s.KafkaSASLOAuthTokenURL),
		ClientID:   p.required("KAFKA_SASL_OAUTH_CLIENT_ID", s.KafkaSASLOAuthClientID),
		Secret:     p.secret("KAFKA_SASL_OAUTH_CLIENT_SECRET", s.KafkaSASLOAuthClientSecret),
		Scopes:     strings.Fields(s.KafkaSASLOAuthScope),
		Extensions: p.extensions("KAFKA_SASL_OAUTH_EXTENSIONS", s.KafkaSASLOAuthExtensions),
		TLS:        &TLS{roots: p.rootsFile("KAFKA_SASL_OAUTH_CA_FILE", s.KafkaSASLOAuthCAFile)},
	}
}

func (p *parser) tokenURL(name, value string) *url.URL {
	if p.required(name, value) == "" {
		return nil
	}
	u := p.url(name, value)
	switch {
	case u == nil:
	case u.User != nil || u.Fragment != "":
		p.refuse(name, "", "must not contain a user or a fragment")
	case u.Scheme == "http" && !loopback(u):
		p.refuse(name, "", "must be https because it receives a secret") // the query may hold another
	}
	return u
}

// What a broker takes as the name and the value of an extension: org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerClientInitialResponse.
var (
	extensionName  = regexp.MustCompile(`^[A-Za-z]+$`)
	extensionValue = regexp.MustCompile(`^[\x21-\x7E]+$`)
)

func (p *parser) extensions(name, value string) map[string]string {
	extensions := make(map[string]string)
	for _, item := range split(value) {
		key, of, _ := strings.Cut(item, "=")
		switch {
		case !extensionName.MatchString(key) || !extensionValue.MatchString(of):
			p.refuse(name, value, fmt.Sprintf("has %q: an extension is letters, =, and a value without blanks", item))
		case key == "auth": // is where the token is
			p.refuse(name, value, "must not name auth, which is reserved for the token")
		}
		extensions[key] = of
	}
	return extensions
}
