package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParse_Registry(t *testing.T) {
	s := valid()
	c, err := Parse(s)
	if err != nil || len(c.Registry.URLs) != 0 || c.Registry.Lookup || c.Registry.TLS != nil {
		t.Errorf("without one: %+v, %v", c.Registry, err)
	}
	s.SchemaRegistryURL, s.SchemaRegistryMode = "https://a:8081/, http://b:8081/apis/ccompat/v7", "lookup"
	s.SchemaRegistryUsername, s.SchemaRegistryPassword = "u", "hush-hush"
	c, err = Parse(s)
	if err != nil || !slices.Equal(c.Registry.URLs, []string{"https://a:8081", "http://b:8081/apis/ccompat/v7"}) || !c.Registry.Lookup ||
		c.Registry.Username != "u" || c.Registry.Password.Reveal() != "hush-hush" {
		t.Errorf("got %+v, %v", c.Registry, err)
	}
}

func TestParse_RefusesRegistrySettingsByName(t *testing.T) {
	for _, test := range []struct {
		behavior, name string
		change         func(*Settings)
	}{
		{"no scheme", "SCHEMA_REGISTRY_URL", func(s *Settings) { s.SchemaRegistryURL = "http://a,registry:8081" }},
		{"a password in the address", "SCHEMA_REGISTRY_URL", func(s *Settings) { s.SchemaRegistryURL = "https://u:hush-hush@a" }},
		{"a secret in the query", "SCHEMA_REGISTRY_URL", func(s *Settings) { s.SchemaRegistryURL = "https://a?key=hush-hush" }},
		{"an unknown mode", "SCHEMA_REGISTRY_MODE", func(s *Settings) { s.SchemaRegistryMode = "write" }},
		{"a token beside a user", "SCHEMA_REGISTRY_TOKEN", func(s *Settings) {
			s.SchemaRegistryToken, s.SchemaRegistryUsername, s.SchemaRegistryPassword = "hush-hush", "u", "hush-hush"
		}},
		{"a user alone", "SCHEMA_REGISTRY_PASSWORD", func(s *Settings) { s.SchemaRegistryUsername = "u" }},
		{"a password alone", "SCHEMA_REGISTRY_USERNAME", func(s *Settings) { s.SchemaRegistryPassword = "hush-hush" }},
		{"no such file", "SCHEMA_REGISTRY_CA_FILE", func(s *Settings) { s.SchemaRegistryCAFile = "no-such-file.pem" }},
		{"a certificate without key", "SCHEMA_REGISTRY_KEY_FILE", func(s *Settings) { s.SchemaRegistryCertFile = "client.pem" }},
		{"a key without certificate", "SCHEMA_REGISTRY_CERT_FILE", func(s *Settings) { s.SchemaRegistryKeyFile = "client.key" }},
		{"a certificate without https", "must be https", func(s *Settings) {
			s.SchemaRegistryURL, s.SchemaRegistryCAFile = "http://a", "no-such-file.pem"
		}},
	} {
		s := valid()
		s.SchemaRegistryURL = "https://registry:8081"
		test.change(&s)
		_, err := Parse(s)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.name) || strings.Contains(err.Error(), "hush-hush") {
			t.Errorf("%s: %v", test.behavior, err)
		}
	}
}

// TestLoadRegistry_NeedsNothingElse: whoever registers the schema has no credentials for Graph.
func TestLoadRegistry_NeedsNothingElse(t *testing.T) {
	for _, setting := range All() {
		t.Setenv(setting.Name, "")
	}
	if _, _, err := LoadRegistry(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "SCHEMA_REGISTRY_URL") || strings.Contains(err.Error(), "AZURE") {
		t.Errorf("with nothing set: %v", err)
	}
	t.Setenv("SCHEMA_REGISTRY_URL", "https://registry:8081")
	registry, topic, err := LoadRegistry()
	if err != nil || !slices.Equal(registry.URLs, []string{"https://registry:8081"}) || topic != "teams.chat.messages" {
		t.Errorf("got %+v, %q, %v", registry, topic, err)
	}
	t.Setenv("KAFKA_TOPIC", "a b")
	if _, _, err := LoadRegistry(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "KAFKA_TOPIC") {
		t.Errorf("with a bad topic: %v", err)
	}
}
