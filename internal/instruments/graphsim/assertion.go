package graphsim

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// exchangeAudience is the audience of federated assertions.
	exchangeAudience = "api://AzureADTokenExchange"
	// Clocks of those who sign and those who check differ; Entra ID allows five minutes.
	assertionLeeway   = 5 * time.Minute
	federatedLifetime = time.Hour
	clientKeyBits     = 2048
)

// clientCertificate is the application's registered certificate. It is made when it is first asked for, because making
// an RSA key takes its time.
type clientCertificate struct {
	mu  sync.Mutex
	key *rsa.PrivateKey
	der []byte
}

// ClientCertificatePEM is a certificate registered with the application and its private key, for the certificate
// credential.
func (s *Server) ClientCertificatePEM() ([]byte, error) {
	c := &s.certificate
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == nil {
		key, err := rsa.GenerateKey(rand.Reader, clientKeyBits)
		if err != nil {
			return nil, fmt.Errorf("graphsim: make a key for the client: %w", err)
		}
		from := time.Now().Add(-time.Hour)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "simulated application"},
			NotBefore: from, NotAfter: from.Add(certificateLifetime), KeyUsage: x509.KeyUsageDigitalSignature,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			return nil, fmt.Errorf("graphsim: make the client's certificate: %w", err)
		}
		c.key, c.der = key, der
	}
	private, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil, fmt.Errorf("graphsim: write the client's key: %w", err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// verifier returns the registered public key if the thumbprints of an assertion's header name it.
func (c *clientCertificate) verifier(header map[string]any) (*rsa.PublicKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == nil {
		return nil, false
	}
	if thumbprint, ok := header["x5t#S256"].(string); ok {
		sum := sha256.Sum256(c.der)
		return &c.key.PublicKey, sameThumbprint(thumbprint, sum[:])
	}
	if thumbprint, ok := header["x5t"].(string); ok {
		sum := sha1.Sum(c.der) // what the older form of the header is made of
		return &c.key.PublicKey, sameThumbprint(thumbprint, sum[:])
	}
	return nil, false
}

// sameThumbprint takes either base64 alphabet: the documentation says URL-safe, MSAL for Go writes the standard one.
func sameThumbprint(text string, sum []byte) bool {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && bytes.Equal(decoded, sum)
}

// clusterIssuer is the issuer of federated assertions, as the issuer of a Kubernetes cluster.
func (s *Server) clusterIssuer() string { return s.url + "/cluster" }

// FederatedToken signs an assertion as the trusted cluster would for a workload: for the configured subject if subject
// is empty, for Entra ID if audience is empty.
func (s *Server) FederatedToken(subject, audience string) (string, error) {
	if subject == "" {
		subject = s.cfg.Access.FederatedSubject
	}
	if audience == "" {
		audience = exchangeAudience
	}
	now := s.cfg.Now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": s.clusterIssuer(), "sub": subject, "aud": []string{audience}, "iat": now.Unix(), "nbf": now.Unix(),
		"exp": now.Add(federatedLifetime).Unix(),
	}).SignedString(s.signingKey)
	if err != nil {
		return "", fmt.Errorf("graphsim: sign a federated token: %w", err)
	}
	return text, nil
}

// checkAssertion checks a client assertion: one signed with the application's certificate, or one of the trusted
// cluster. It returns nil if it is good.
func (s *Server) checkAssertion(assertion, tenant string) *loginError {
	bad := func(number int, message string) *loginError {
		return &loginError{http.StatusUnauthorized, "invalid_client", number, message}
	}
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"PS256", "RS256", "ES256"}), jwt.WithTimeFunc(s.cfg.Now),
		jwt.WithLeeway(assertionLeeway), jwt.WithExpirationRequired())
	errThumbprint := errors.New("thumbprint")
	_, err := parser.ParseWithClaims(assertion, &claims, func(token *jwt.Token) (any, error) {
		if token.Method.Alg() == "ES256" {
			return &s.signingKey.PublicKey, nil
		}
		key, ok := s.certificate.verifier(token.Header)
		if !ok {
			return nil, errThumbprint
		}
		return key, nil
	})
	federated := claims.Issuer != s.clientID
	switch {
	case errors.Is(err, errThumbprint):
		return bad(700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return bad(700024, "Client assertion is not within its valid time range.")
	case errors.Is(err, jwt.ErrTokenMalformed), errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return bad(50027, "JWT token is invalid or malformed.")
	case err != nil:
		return bad(700027, "Client assertion failed signature validation.")
	}
	if federated {
		if claims.Issuer != s.clusterIssuer() || claims.Subject != s.cfg.Access.FederatedSubject {
			return &loginError{http.StatusBadRequest, "invalid_request", 70021, "No matching federated identity record found for presented assertion."}
		}
		if !slices.Contains([]string(claims.Audience), exchangeAudience) {
			return &loginError{http.StatusBadRequest, "invalid_request", 700212, "No matching federated identity record found for presented assertion audience."}
		}
		return nil
	}
	if claims.Subject != s.clientID || claims.ID == "" {
		return bad(700021, "Client assertion subject does not match the issuer.")
	}
	endpoint := s.url + "/" + tenant + "/oauth2/v2.0/token"
	if !slices.Contains([]string(claims.Audience), endpoint) {
		return bad(700023, "Client assertion audience claim does not match Realm issuer.")
	}
	return nil
}
