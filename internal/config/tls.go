package config

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// TLS says how a service is spoken to over TLS. Its files are read again for each connection, so that rotated
// certificates need no restart.
type TLS struct {
	roots       *file[*x509.CertPool]   // nil for the system's
	certificate *file[*tls.Certificate] // nil for none
}

// HasCertificate reports whether a client certificate is shown to whoever asks for one.
func (t *TLS) HasCertificate() bool { return t.certificate != nil }

// Client is the configuration for a connection that is made now.
func (t *TLS) Client() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.roots != nil {
		c.RootCAs = t.roots.get()
	}
	if t.certificate != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.certificate.get(), nil }
	}
	return c
}

// dialTimeout bounds a connection with its handshake.
const dialTimeout = 10 * time.Second

// Dial connects and shakes hands.
func (t *TLS) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: t.Client()}
	return dialer.DialContext(ctx, network, address)
}

// tls makes a TLS from the variables that name its files, of which the last two may be empty and missing.
func (p *parser) tls(caName, caFile, certName, certFile, keyName, keyFile string) *TLS {
	return &TLS{roots: p.rootsFile(caName, caFile), certificate: p.clientCertificate(certName, certFile, keyName, keyFile)}
}

func (p *parser) kafkaTLS() *TLS {
	s := p.settings
	on, err := strconv.ParseBool(s.KafkaTLS)
	if err != nil {
		p.refuse("KAFKA_TLS", s.KafkaTLS, "must be true or false")
	}
	if !on {
		for _, set := range []struct{ name, value string }{
			{"KAFKA_TLS_CA_FILE", s.KafkaTLSCAFile}, {"KAFKA_TLS_CERT_FILE", s.KafkaTLSCertFile}, {"KAFKA_TLS_KEY_FILE", s.KafkaTLSKeyFile},
		} {
			if set.value != "" && err == nil {
				p.refuse(set.name, set.value, "is set but KAFKA_TLS is not true")
			}
		}
		return nil
	}
	return p.tls("KAFKA_TLS_CA_FILE", s.KafkaTLSCAFile, "KAFKA_TLS_CERT_FILE", s.KafkaTLSCertFile, "KAFKA_TLS_KEY_FILE", s.KafkaTLSKeyFile)
}

// errNoCertificate says that a file is not a collection of root certificates.
var errNoCertificate = errors.New("the file holds no PEM certificate")

// readRoots adds a file's certificates to the system's.
func readRoots(path string) (*x509.CertPool, error) {
	pem, err := plaintext.Read(path)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errNoCertificate
	}
	return pool, nil
}

// roots reads root certificates once.
func (p *parser) roots(name, path string) *x509.CertPool {
	if path == "" {
		return nil
	}
	pool, err := readRoots(path)
	switch {
	case errors.Is(err, errNoCertificate):
		p.refuse(name, path, "holds no PEM certificate")
	case err != nil:
		p.refuse(name, path, "cannot be read: "+err.Error())
	}
	return pool
}

// readPair reads a certificate and its key from PEM files.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := plaintext.Read(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := plaintext.Read(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// rootsFile reads root certificates, now and again.
func (p *parser) rootsFile(name, path string) *file[*x509.CertPool] {
	pool := p.roots(name, path)
	if pool == nil {
		return nil
	}
	return &file[*x509.CertPool]{variable: name, path: path, unreadable: p.unreadable,
		read: func() (*x509.CertPool, error) { return readRoots(path) }, content: pool}
}

// clientCertificate reads a certificate and its key from two files, now and again, if they are set.
func (p *parser) clientCertificate(certName, certFile, keyName, keyFile string) *file[*tls.Certificate] {
	switch {
	case certFile == "" && keyFile == "":
		return nil
	case certFile == "":
		p.refuse(certName, "", "is not set but "+keyName+" is")
		return nil
	case keyFile == "":
		p.refuse(keyName, "", "is not set but "+certName+" is")
		return nil
	}
	read := func() (*tls.Certificate, error) {
		pair, err := readPair(certFile, keyFile)
		return &pair, err
	}
	pair, err := read()
	if err != nil {
		p.refuse(certName, certFile, "and "+keyName+" hold no matching certificate and key")
		return nil
	}
	return &file[*tls.Certificate]{variable: certName, path: certFile, unreadable: p.unreadable, read: read, content: pair}
}
