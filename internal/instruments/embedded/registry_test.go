package embedded_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

func startRegistry(t *testing.T, options embedded.RegistryOptions) *embedded.Registry {
	t.Helper()
	registry, err := embedded.StartRegistry(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return registry
}

// The connector registers its schema and sets the subject's compatibility; readers fetch the schema
// by the id in the record, and by the same text.
func TestRegistry_GivesBackTheSchemaByID(t *testing.T) {
	registry := startRegistry(t, embedded.RegistryOptions{})
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		t.Fatal(err)
	}
	const schema = `{"type":"record","name":"r","doc":"kept","fields":[{"name":"a","type":"string","default":"x"}]}`
	registered, err := client.CreateSchema(testContext(t), "records-value", sr.Schema{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	byID, err := client.SchemaByID(testContext(t), registered.ID)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "schema", byID.Schema, schema)
	again, err := client.CreateSchema(testContext(t), "records-value", sr.Schema{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "id when registered again", again.ID, registered.ID)

	set := client.SetCompatibility(testContext(t), sr.SetCompatibility{Level: sr.CompatFullTransitive}, "records-value")
	got := client.Compatibility(testContext(t), "records-value")
	expect(t, "compatibility", []any{set[0].Err, got[0].Err, got[0].Level}, []any{nil, nil, sr.CompatFullTransitive})

	_, err = client.SchemaByID(testContext(t), registered.ID+1)
	var refused *sr.ResponseError
	if !errors.As(err, &refused) || refused.SchemaError() != sr.ErrSchemaNotFound {
		t.Errorf("an id that was never given: got %v, want that the schema is not found", err)
	}
}

// A registry that answers with an error is scripted for the tests of the schema client.
func TestRegistry_ScriptsAnswers(t *testing.T) {
	registry := startRegistry(t, embedded.RegistryOptions{})
	registry.Fake().Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	response, err := http.Get(registry.URL() + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	expect(t, "status", response.StatusCode, http.StatusServiceUnavailable)
}

func TestRegistry_ListensWhereItWasTold(t *testing.T) {
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(registry.URL(), "http://")
	for range 2 {
		if err = registry.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	again := startRegistry(t, embedded.RegistryOptions{Port: portOf(t, address)})
	expect(t, "URL", again.URL(), "http://"+address)

	if _, err = embedded.StartRegistry(embedded.RegistryOptions{Port: portOf(t, address)}); err == nil {
		t.Error("two registries listen on one port")
	}
	if _, err = embedded.StartRegistry(embedded.RegistryOptions{Port: 70000}); !errors.Is(err, embedded.ErrOptions) {
		t.Errorf("port 70000: got %v, want ErrOptions", err)
	}
}
