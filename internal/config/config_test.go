package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func valid() Settings {
	return Settings{
		AzureTenantID: "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11", AzureClientID: "c", AzureClientSecret: "hush-hush",
		SourceUsers: "u1, u2", KafkaBrokers: "127.0.0.1:9092",
	}
}

func TestParse_Defaults(t *testing.T) {
	c, err := Parse(valid())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tenants) != 1 {
		t.Fatalf("%d tenants", len(c.Tenants))
	}
	of := c.Tenants[0]
	if of.PollInterval != 24*time.Hour || of.Settle != 2*time.Second || of.PageSize != 50 || of.Rate != 160 {
		t.Errorf("interval %v, settle %v, page size %d, rate %v", of.PollInterval, of.Settle, of.PageSize, of.Rate)
	}
	if fmt.Sprint(of.Users.Listed) != "[u1 u2]" || of.Users.Everyone || of.Users.Refresh != time.Hour || fmt.Sprint(of.Lookbacks) != "[10m0s 2h0m0s 24h0m0s 48h0m0s]" {
		t.Errorf("users %v, lookbacks %v", of.Users, of.Lookbacks)
	}
	if c.OffsetsTopic != "teams.offsets" || c.DeadLetters() != "teams.chat.messages.dlq" || !c.ExactlyOnce {
		t.Errorf("topics %s %s, exactly once %v", c.OffsetsTopic, c.DeadLetters(), c.ExactlyOnce)
	}
}

func TestParse_Users(t *testing.T) {
	s := valid()
	s.SourceUsers = "all"
	if c, err := Parse(s); err != nil || !c.Tenants[0].Users.Everyone || c.Tenants[0].Users.Listed != nil || c.Tenants[0].Users.Filter == "" {
		t.Errorf("all: %+v, %v", c.Tenants, err)
	}
	s.SourceUsers = "all,ada@contoso.com"
	if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), "SOURCE_USERS") {
		t.Errorf("all and a name: %v", err)
	}
	s.SourceUsers, s.SourceGroups = "", "8f2d0e30-4b6b-4f0c-9d0e-6a5d3c1b2a10, 8F2D0E30-4b6b-4f0c-9d0e-6a5d3c1b2a11"
	if c, err := Parse(s); err != nil || len(c.Tenants[0].Users.Groups) != 2 {
		t.Errorf("groups: %+v, %v", c.Tenants, err)
	}
}

func TestParse_SettleShrinksWithTheShortestRung(t *testing.T) {
	s := valid()
	s.SourceLookbacks, s.SourcePollInterval = "1s,4s", "100ms"
	c, err := Parse(s)
	if err != nil || c.Tenants[0].Settle != 500*time.Millisecond {
		t.Errorf("tenants %+v, %v", c.Tenants, err)
	}
}

func TestParse_RefusesByName(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"AZURE_TENANT_ID":           func(s *Settings) { s.AzureTenantID = " " },
		"AZURE_CLIENT_ID":           func(s *Settings) { s.AzureClientID = "" },
		"AZURE_CLIENT_SECRET":       func(s *Settings) { s.AzureClientSecret = "" },
		"AZURE_AUTHORITY_HOST":      func(s *Settings) { s.AzureAuthorityHost = "http://127.0.0.1" },
		"GRAPH_ENDPOINT":            func(s *Settings) { s.GraphEndpoint = "http://graph.example.com" },
		"GRAPH_CA_FILE":             func(s *Settings) { s.GraphCAFile = "no-such-file.pem" },
		"GRAPH_FILTER":              func(s *Settings) { s.GraphFilter = "subject eq 'x'" },
		"GRAPH_MODEL":               func(s *Settings) { s.GraphModel = "C" },
		"SOURCE_USERS":              func(s *Settings) { s.SourceUsers = " , " },
		"SOURCE_USERS_FILE":         func(s *Settings) { s.SourceUsersFile = "no-such-file" },
		"SOURCE_GROUPS":             func(s *Settings) { s.SourceGroups = "everybody" },
		"SOURCE_USERS_REFRESH":      func(s *Settings) { s.SourceUsersRefresh = "10ms" },
		"SOURCE_USERS_RETENTION":    func(s *Settings) { s.SourceUsersRetention = "2d" },
		"SOURCE_START":              func(s *Settings) { s.SourceStart = "yesterday" },
		"SOURCE_POLL_INTERVAL":      func(s *Settings) { s.SourcePollInterval = "99ms" },
		"SOURCE_LOOKBACKS":          func(s *Settings) { s.SourceLookbacks = "10m,999ms" },
		"SOURCE_SETTLE":             func(s *Settings) { s.SourceSettle = "6m" },
		"SOURCE_PAGE_SIZE":          func(s *Settings) { s.SourcePageSize = "1000" },
		"SOURCE_RATE":               func(s *Settings) { s.SourceRate = "fast" },
		"KAFKA_BROKERS":             func(s *Settings) { s.KafkaBrokers = "kafka" },
		"KAFKA_TOPIC":               func(s *Settings) { s.KafkaTopic = "teams messages" },
		"KAFKA_OFFSETS_TOPIC":       func(s *Settings) { s.KafkaOffsetsTopic = "teams.chat.messages.dlq" },
		"KAFKA_TRANSACTION_TIMEOUT": func(s *Settings) { s.KafkaTransactionTimeout, s.CommitInterval = "1s", "1s" },
		"KAFKA_TLS_KEY_FILE":        func(s *Settings) { s.KafkaTLS, s.KafkaTLSCertFile = "true", "client.pem" },
		"KAFKA_SASL_PASSWORD":       func(s *Settings) { s.KafkaSASLMechanism, s.KafkaSASLUsername = "PLAIN", "u" },
		"SCHEMA_REGISTRY_URL":       func(s *Settings) { s.SchemaRegistryURL = "registry:8081" },
		"DELIVERY":                  func(s *Settings) { s.Delivery = "at-most-once" },
		"ADMIN_ADDRESS":             func(s *Settings) { s.AdminAddress = "8080" },
		"LOG_LEVEL":                 func(s *Settings) { s.LogLevel = "loud" },
		"CONNECTOR_NAME":            func(s *Settings) { s.ConnectorName = "a b" },
	} {
		t.Run(name, func(t *testing.T) {
			s := valid()
			change(&s)
			_, err := Parse(s)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "  "+name+" ") {
				t.Fatalf("got %v, want an error that names %s", err, name)
			}
			if !strings.Contains(err.Error(), "for example "+name+"=") {
				t.Errorf("no example in %v", err)
			}
			if lines := strings.Count(err.Error(), "\n"); lines != 1 {
				t.Errorf("%d complaints, want 1: %v", lines, err)
			}
		})
	}
}

func TestParse_ReportsEverythingAtOnce(t *testing.T) {
	_, err := Parse(Settings{SourcePageSize: "x", LogLevel: "x"})
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "SOURCE_USERS", "KAFKA_BROKERS", "SOURCE_PAGE_SIZE", "LOG_LEVEL"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not in %v", name, err)
		}
	}
}

func TestSecret_CannotBePrinted(t *testing.T) {
	c, err := Parse(valid())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "secret", c.Tenants[0].Identity.Secret, "config", fmt.Sprintf("%+v %#v %v %s", c, c, c.Tenants[0].Identity.Secret, c.Tenants[0].Identity.Secret))
	if strings.Contains(b.String(), "hush-hush") || !strings.Contains(b.String(), redacted) {
		t.Errorf("printed: %s", b.String())
	}
}

func TestParse_ComplaintsAlwaysComeInTheSameOrder(t *testing.T) {
	s := valid()
	s.KafkaTLSCAFile, s.KafkaTLSCertFile, s.KafkaTLSKeyFile, s.LogLevel, s.SourcePageSize = "a", "b", "c", "loud", "many"
	_, first := Parse(s)
	for range 20 {
		if _, err := Parse(s); err == nil || err.Error() != first.Error() {
			t.Fatalf("first\n%v\nthen\n%v", first, err)
		}
	}
	ca, cert, key := strings.Index(first.Error(), "KAFKA_TLS_CA_FILE"), strings.Index(first.Error(), "KAFKA_TLS_CERT_FILE"), strings.Index(first.Error(), "KAFKA_TLS_KEY_FILE")
	if ca < 0 || ca > cert || cert > key {
		t.Errorf("not in the order of the documentation: %v", first)
	}
}
