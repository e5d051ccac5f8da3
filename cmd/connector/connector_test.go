package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

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
	client, err := kgo.NewClient(kafkaOptions(cfg)...)
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
