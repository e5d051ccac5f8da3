package daemon

import (
	"context"
	"errors"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	tokens "github.com/teams-kafka/connector/internal/base/oauth"
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/sink"
)

// KafkaOptions are the options that every client of the cluster shares.
func KafkaOptions(cfg config.Config, version string, log *slog.Logger) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID(cfg.ClientID),
		kgo.SoftwareNameAndVersion("teams-kafka-connector", version),
	}
	if cfg.TLS != nil {
		opts = append(opts, kgo.Dialer(cfg.TLS.Dial))
	}
	if cfg.SASL.Mechanism != "" {
		opts = append(opts, kgo.SASL(mechanism(cfg.SASL, log)))
	}
	return opts
}

// mechanism signs in to the brokers. Password, secret and token are asked for at each login, so that a rotated one needs no
// restart; where the brokers end a session's life (KIP-368), the client logs in again by itself.
func mechanism(s config.SASL, log *slog.Logger) sasl.Mechanism {
	challenged := func(context.Context) (scram.Auth, error) {
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}, nil
	}
	switch s.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Sha256(challenged)
	case "SCRAM-SHA-512":
		return scram.Sha512(challenged)
	case "OAUTHBEARER":
		endpoint := tokens.New(tokens.Config{URL: s.OAuth.TokenURL.String(), ClientID: s.OAuth.ClientID, Secret: s.OAuth.Secret.Reveal,
			Scopes: s.OAuth.Scopes, TLS: s.OAuth.TLS.Client, Log: log})
		return bearer{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := endpoint.Token(ctx)
			return oauth.Auth{Token: token, Extensions: s.OAuth.Extensions}, err
		})}
	default:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}, nil
		})
	}
}

// bearer ends a refused login as RFC 7628, section 3.2.3, has it: the broker says why, the client answers with one byte, and
// the broker's error follows. Franz-go's own session ends at the first, with "unexpected data" for an error.
type bearer struct{ sasl.Mechanism }

func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return &bearerSession{Session: session}, first, err
}

type bearerSession struct {
	sasl.Session
	answered bool
}

func (s *bearerSession) Challenge(said []byte) (done bool, answer []byte, err error) {
	if len(said) > 0 && !s.answered {
		s.answered = true
		return false, []byte{1}, nil
	}
	return s.Session.Challenge(said)
}

// SignInRefused reports whether an error says that Kafka, or the endpoint that gives tokens for it, does not accept the
// connector's sign-in.
func SignInRefused(err error) bool {
	return sink.SignInRefused(err) || errors.Is(err, tokens.ErrRefused)
}
