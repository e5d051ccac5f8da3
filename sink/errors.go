package sink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	// ErrFenced says that another process has taken this tenant over, or that the broker gave the
	// transaction up. Nothing more may be written by this writer; whoever still owns the tenant
	// opens a new one.
	ErrFenced = errors.New("fenced by a newer writer")
	// ErrTopic says that a topic breaks a rule the guarantees rest on. It needs an operator.
	ErrTopic = errors.New("topic is unfit")
	// ErrLetterTooLarge says that an item fits neither the output topic nor the dead letters. The
	// user it came from must not move past it.
	ErrLetterTooLarge = errors.New("dead letter is larger than the dead-letter topic takes")
)

// Explained adds to a broker's error what the broker says beside the code, for instance which policy a
// topic violates. The message may be empty.
func Explained(err error, message string) error {
	if message = line(message); err == nil || message == "" {
		return err
	}
	return fmt.Errorf("%w: the broker says %q", err, message)
}

// Denied reports whether an error is the brokers' refusal of something that the connector's principal may not do. It needs an
// operator; `connector doctor` names what is missing.
func Denied(err error) bool {
	for _, denied := range []error{kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed} {
		if errors.Is(err, denied) {
			return true
		}
	}
	return false
}

// SignInRefused reports whether an error is the brokers' refusal of who the client says it is: its password, its token or the
// mechanism. It needs an operator.
func SignInRefused(err error) bool {
	return errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.UnsupportedSaslMechanism)
}

// Untrusted reports whether an error of a broker's connection says that one side does not accept the other's certificate, or
// speaks no TLS at all. It needs an operator. Errors of other servers look the same.
func Untrusted(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var plaintext tls.RecordHeaderError
	var network *net.OpError
	return errors.As(err, &untrusted) || errors.As(err, &plaintext) ||
		errors.As(err, &network) && network.Op == "remote error" // an alert of the other side, which crypto/tls has no type for
}

// TooLargeError is a broker's refusal, for their size, of records that the limits the writer knows allow: the topic's
// configuration was changed, or the broker or something before it has its own limit. The writer is at its end;
// the next one reads the configuration again, and if that still says the same, must try no more than Below.
type TooLargeError struct {
	Topic string
	// Below is the largest record and batch, in bytes, that is left to try.
	Below int32
	Err   error
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("sink: produce to %s: the broker takes less than max.message.bytes says: %v", e.Topic, e.Err)
}

func (e *TooLargeError) Unwrap() error { return e.Err }

// wrap names what was being done and marks an error that means the end of this writer.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState} {
		if errors.Is(err, fenced) {
			return fmt.Errorf("sink: %s: %w: %w", doing, ErrFenced, err)
		}
	}
	return fmt.Errorf("sink: %s: %w", doing, err)
}
