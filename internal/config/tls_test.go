package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/test/certificates"
)

// tlsServer shakes hands with whoever comes, with the certificate of the moment, and tells who it was.
type tlsServer struct {
	address string
	shows   chan tls.Certificate // what it shows to the next who comes
	met     chan string
}

func newTLSServer(t *testing.T) *tlsServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tlsServer{address: listener.Addr().String(), shows: make(chan tls.Certificate, 1), met: make(chan string, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{<-s.shows}, ClientAuth: tls.RequireAnyClientCert})
			if err := server.Handshake(); err != nil {
				s.met <- ""
			} else {
				s.met <- server.ConnectionState().PeerCertificates[0].Subject.CommonName
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return s
}

func TestTLS_CertificatesAreReadAgainForEachConnection(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old, young := certificates.NewIssuer(t, "old"), certificates.NewIssuer(t, "young")
	serverCertificate := func(of *certificates.Issuer) tls.Certificate {
		certificate, key := of.Issue(t, "broker", time.Now().Add(time.Hour))
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	s := valid()
	s.KafkaTLS = "true"
	first, key := old.Issue(t, "first", time.Now().Add(time.Hour))
	s.KafkaTLSCAFile, s.KafkaTLSCertFile, s.KafkaTLSKeyFile = put("ca.pem", old.PEM), put("client.pem", first), put("client.key", key)
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	c.OnUnreadableFile(func(variable, file string, err error) { told = append(told, fmt.Sprint(variable, " ", file, " ", err)) })
	server := newTLSServer(t)
	meet := func(of *certificates.Issuer) (string, error) {
		server.shows <- serverCertificate(of)
		conn, err := c.TLS.Dial(t.Context(), "tcp", server.address)
		if err == nil {
			defer conn.Close()
		}
		return <-server.met, err
	}
	must := func(of *certificates.Issuer, who string) {
		t.Helper()
		if met, err := meet(of); err != nil || met != who {
			t.Errorf("the server met %q (%v), want %q", met, err, who)
		}
	}

	must(old, "first")
	var unknown x509.UnknownAuthorityError
	if _, err := meet(young); !errors.As(err, &unknown) {
		t.Errorf("got %v of a server whose issuer is not known", err)
	}
	put("ca.pem", young.PEM)
	must(young, "first")
	if _, err := meet(old); !errors.As(err, &unknown) {
		t.Errorf("got %v of a server whose issuer is known no more", err)
	}

	// Between the two writes of a rotation the pair does not match, and the last one that did is shown.
	second, key := young.Issue(t, "second", time.Now().Add(time.Hour))
	put("client.pem", second)
	must(young, "first")
	must(young, "first")
	if len(told) != 1 || !strings.HasPrefix(told[0], "KAFKA_TLS_CERT_FILE "+s.KafkaTLSCertFile) {
		t.Errorf("told %q, want it once", told)
	}
	put("client.key", key)
	must(young, "second")
	put("ca.pem", nil)
	must(young, "second")
	if len(told) != 2 || !strings.HasPrefix(told[1], "KAFKA_TLS_CA_FILE "+s.KafkaTLSCAFile) {
		t.Errorf("told %q", told)
	}
}
