//go:build integration

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/teams-kafka/connector/test/certificates"
)

// passwordRotates changes a password at the brokers and, a while later, in its file, as an operator and the kubelet do: in
// between the connector is refused, and then it continues.
func passwordRotates(t *testing.T, secured *secured) {
	ctx := within(t, 2*time.Minute)
	s := newStage(t, secured.Cluster, "password", nil)
	secured.by("SCRAM-SHA-512", "SASL")(&s.settings)
	s.settings.KafkaSASLUsername, s.settings.KafkaSASLPassword = "rotating", ""
	s.settings.SecretFiles = map[string]string{"KAFKA_SASL_PASSWORD": secured.file(t, "password", []byte("first-password\n"))}
	p := s.start(t)
	_, line := p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 10)
	altered, err := secured.Admin().AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
		{User: "rotating", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "second-password"},
	})
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	// The sessions that are there end with their life.
	_, line = p.WaitFor(t, ctx, line, "SASL_AUTHENTICATION_FAILED")
	secured.file(t, "password", []byte("second-password\n"))
	rotated := time.Now()
	p.WaitFor(t, ctx, line, "msg=polling")
	s.commits(t, ctx, 10)
	t.Logf("positions are committed again %v after the file has the new password", time.Since(rotated).Round(100*time.Millisecond))
	mustBeRight(t, s.settle(t, ctx, p), 300)
}

// certificatesRotate replaces the certificates of brokers and connector, with those of another issuer, while the connector
// writes. When its first certificate has expired and the brokers know its issuer no more, all connections are cut.
func certificatesRotate(t *testing.T, secured *secured) {
	ctx := within(t, 2*time.Minute)
	s := newStage(t, secured.Cluster, "certificates", nil)
	secured.by("", "MUTUAL")(&s.settings)
	expires := time.Now().Add(20 * time.Second)
	secured.identity(t, secured.issuer, "rotating", "certificate", expires)
	first, err := tls.LoadX509KeyPair(secured.path("rotating.crt"), secured.path("rotating.key"))
	if err != nil {
		t.Fatal(err)
	}
	s.settings.KafkaTLSCAFile = secured.file(t, "roots.pem", secured.issuer.PEM)
	s.settings.KafkaTLSCertFile, s.settings.KafkaTLSKeyFile = secured.path("rotating.crt"), secured.path("rotating.key")
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 10)

	next := certificates.NewIssuer(t, "next issuer")
	secured.file(t, "roots.pem", append(append([]byte{}, secured.issuer.PEM...), next.PEM...))
	secured.identity(t, next, "rotating", "certificate", time.Now().Add(time.Hour))
	secured.identity(t, next, "mutual", "broker", time.Now().Add(time.Hour))
	secured.file(t, "mutual-trusted.pem", next.PEM)
	secured.readStoresAgain(t, ctx, "mutual")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(next.PEM)
	eventually(t, ctx, "the broker to refuse the first certificate", func() error {
		// With TLS 1.2 a client learns of it from its own handshake.
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{first}}}
		conn, err := dialer.DialContext(ctx, "tcp", secured.address("MUTUAL"))
		if err == nil {
			_ = conn.Close()
			return errors.New("it is let in")
		}
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return err // the broker shows its own first certificate still
		}
		return nil
	})
	pause(ctx, time.Until(expires))
	s.commits(t, ctx, 10) // the connections that are there have not noticed
	secured.forwarder.cut()
	cut := time.Now()
	s.commits(t, ctx, 10)
	t.Logf("positions are committed again %v after the cut", time.Since(cut).Round(100*time.Millisecond))
	mustBeRight(t, s.settle(t, ctx, p), 300)
}

// readStoresAgain lets the broker read a listener's key and trust store again.
func (s *secured) readStoresAgain(t *testing.T, ctx context.Context, listener string) {
	t.Helper()
	var alter []kadm.AlterConfig
	for store, file := range map[string]string{"keystore": s.path(listener + ".pem"), "truststore": s.path(listener + "-trusted.pem")} {
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: "listener.name." + listener + ".ssl." + store + ".location", Value: &file})
	}
	altered, err := s.Admin().AlterBrokerConfigs(ctx, alter, 1)
	if err == nil {
		err = altered[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}
