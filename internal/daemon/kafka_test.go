package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/teams-kafka/connector/internal/config"
)

func TestKafkaOptions_ARotatedPasswordIsUsedAtTheNextLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	rotate := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rotate("first")
	cfg, err := config.Parse(config.Settings{
		AzureTenantID: "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11", AzureClientID: "c", AzureClientSecret: "s", SourceUsers: "u",
		KafkaBrokers: "127.0.0.1:9092", KafkaSASLMechanism: "PLAIN", KafkaSASLUsername: "connector",
		SecretFiles: map[string]string{"KAFKA_SASL_PASSWORD": file},
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(KafkaOptions(cfg, "test", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mechanisms, _ := client.OptValue(kgo.SASL).([]sasl.Mechanism)
	if len(mechanisms) != 1 {
		t.Fatalf("%d mechanisms", len(mechanisms))
	}
	for _, password := range []string{"first", "second"} {
		rotate(password)
		_, message, err := mechanisms[0].Authenticate(t.Context(), "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(message), "\x00connector\x00"+password) {
			t.Errorf("the login does not hold the %s password", password)
		}
	}
}

// A broker that refuses a token says why and waits for one byte before its error comes (RFC 7628, section 3.2.3).
func TestBearer_ARefusalIsAnsweredSoThatTheBrokersErrorComes(t *testing.T) {
	mechanism := bearer{oauth.Auth{Token: "token", Extensions: map[string]string{"logicalCluster": "lkc-1"}}.AsMechanism()}
	session, first, err := mechanism.Authenticate(t.Context(), "127.0.0.1")
	if want := "n,,\x01auth=Bearer token\x01logicalCluster=lkc-1\x01\x01"; err != nil || string(first) != want {
		t.Fatalf("got %q, %v, want %q", first, err, want)
	}
	if done, answer, err := session.Challenge(nil); !done || answer != nil || err != nil {
		t.Errorf("accepted: %v, %q, %v", done, answer, err)
	}
	if done, answer, err := session.Challenge([]byte(`{"status":"invalid_token"}`)); done || string(answer) != "\x01" || err != nil {
		t.Errorf("refused: %v, %q, %v", done, answer, err)
	}
	if _, _, err := session.Challenge([]byte("and more")); err == nil {
		t.Error("a broker that goes on and on is listened to")
	}
	failing := bearer{oauth.Oauth(func(context.Context) (oauth.Auth, error) { return oauth.Auth{}, errors.New("no token") })}
	if _, _, err := failing.Authenticate(t.Context(), ""); err == nil || err.Error() != "no token" {
		t.Errorf("got %v", err)
	}
}
