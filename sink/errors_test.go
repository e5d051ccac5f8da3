package sink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What only an operator can fix is distinguished from what passes by itself.
func TestErrors_AreOfOneKind(t *testing.T) {
	for name, test := range map[string]struct {
		err                        error
		denied, refused, untrusted bool
	}{
		"a topic that is denied": {kerr.TopicAuthorizationFailed, true, false, false},
		"a group that is denied": {kerr.GroupAuthorizationFailed, true, false, false},
		"a wrong password":       {kerr.SaslAuthenticationFailed, false, true, false},
		"no such mechanism":      {kerr.UnsupportedSaslMechanism, false, true, false},
		"a broker's certificate that is not trusted": {
			&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false, false, true},
		"a certificate that the broker does not trust": {
			&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, false, false, true},
		"a broker that speaks no TLS": {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, false, false, true},
		"a broker that is down":       {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false, false, false},
		"a connection that is cut":    {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false, false, false},
		"an end":                      {io.EOF, false, false, false},
		"a guess":                     {&kgo.ErrFirstReadEOF{}, false, false, false},
		"a leader that moved":         {kerr.NotLeaderForPartition, false, false, false},
		"anything else":               {errors.New("anything else"), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := fmt.Errorf("doing something: %w", test.err)
			if Denied(err) != test.denied || SignInRefused(err) != test.refused || Untrusted(err) != test.untrusted {
				t.Errorf("denied %v, refused %v, untrusted %v", Denied(err), SignInRefused(err), Untrusted(err))
			}
		})
	}
}
