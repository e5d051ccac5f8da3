//go:build integration

package integration

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/registry"
)

// TestRegistry holds the connector against a real registry. The parts that only register share one with each other;
// a part that kills its registry has its own.
func TestRegistry(t *testing.T) {
	shared := registry.New(t)
	shared.Start(t)
	t.Logf("Apicurio Registry %s", shared.Version())
	cluster := kafka.Start(t, kafka.Options{})
	for name, part := range map[string]func(*testing.T, *registry.Registry, *kafka.Cluster){
		"registers and keeps to FULL_TRANSITIVE": registersAndKeepsToFullTransitive,
		"incompatible schema is refused":         incompatibleSchemaIsRefused,
		"registry is down at start and later":    registryIsDownAtStartAndLater,
		"registry is slow":                       registryIsSlow,
		"lookup mode writes nothing":             lookupModeWritesNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, shared, cluster)
		})
	}
}

// client asks a registry for what the connector has made of it.
func client(t *testing.T, address string) *sr.Client {
	t.Helper()
	c, err := sr.NewClient(sr.URLs(address))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// command runs one of the connector's schema commands and returns its exit code and all that it printed.
func command(t *testing.T, ctx context.Context, address, topic string, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{"HOME=" + os.Getenv("HOME"), "SCHEMA_REGISTRY_URL=" + address, "KAFKA_TOPIC=" + topic}
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// withField is the schema with a field more, which the level decides about.
func withField(field string) sr.Schema {
	return sr.Schema{Schema: strings.Replace(schema.Text(), `"fields": [`, `"fields": [`+field+",", 1), Type: sr.TypeAvro}
}

// registersAndKeepsToFullTransitive: the command makes the subject with the level, a second run finds what the first
// one made, and the registry holds all who come later to the level.
func registersAndKeepsToFullTransitive(t *testing.T, shared *registry.Registry, _ *kafka.Cluster) {
	ctx := within(t, time.Minute)
	const topic = "registers"
	expect := func(want string, args ...string) {
		t.Helper()
		if code, out := command(t, ctx, shared.URL(), topic, args...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%v: exit code %d, %s", args, code, out)
		}
	}
	expect("does not exist", "schema", "check")
	_, first := command(t, ctx, shared.URL(), topic, "schema", "register")
	expect("the compatibility level is FULL_TRANSITIVE", "schema", "check")
	expect(first, "schema", "register")

	c, subject := client(t, shared.URL()), schema.Subject(topic)
	if level := c.Compatibility(ctx, subject)[0]; level.Err != nil || level.Level != sr.CompatFullTransitive {
		t.Errorf("the level is %v, %v", level.Level, level.Err)
	}
	stored, err := c.SchemaByVersion(ctx, subject, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"doc"`, `"default"`, `"timestamp-millis"`} {
		if strings.Count(stored.Schema.Schema, part) != strings.Count(schema.Text(), part) {
			t.Errorf("the registry holds a schema with another number of %s", part)
		}
	}
	if _, err := c.CreateSchema(ctx, subject, withField(`{"name": "fresh", "type": "string"}`)); err == nil {
		t.Error("a field without a default was taken, which no reader with the new schema could read old records with")
	}
	added, err := c.CreateSchema(ctx, subject, withField(`{"name": "fresh", "type": ["null", "string"], "default": null}`))
	if err != nil || added.Version != 2 {
		t.Errorf("a field with a default: version %d, %v", added.Version, err)
	}
	// The connector's own schema is version 1 still, beside the newer one.
	expect(first, "schema", "register")
}

// incompatibleSchemaIsRefused: the registry's own words reach whoever starts the connector, and nothing is written.
func incompatibleSchemaIsRefused(t *testing.T, shared *registry.Registry, cluster *kafka.Cluster) {
	ctx := within(t, time.Minute)
	s := newStageWith(t, cluster, shared.URL(), "refused", quiet)
	c, subject := client(t, shared.URL()), schema.Subject(s.settings.KafkaTopic)
	for _, result := range c.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, subject) {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	foreign := sr.Schema{Type: sr.TypeAvro, Schema: `{"type": "record", "name": "ChatMessage", "namespace": "com.microsoft.graph",
		"fields": [{"name": "id", "type": "int"}]}`}
	if _, err := c.CreateSchema(ctx, subject, foreign); err != nil {
		t.Fatal(err)
	}
	if code, out := command(t, ctx, shared.URL(), s.settings.KafkaTopic, "schema", "check"); code != 1 || !strings.Contains(out, "not compatible") {
		t.Errorf("schema check: exit code %d, %s", code, out)
	}
	const explanation = "INT not compatible with writer type" // the registry's
	code, out := command(t, ctx, shared.URL(), s.settings.KafkaTopic, "schema", "register")
	if code != 2 || !strings.Contains(out, explanation) {
		t.Errorf("schema register: exit code %d, %s", code, out)
	}
	p := s.start(t)
	if code := p.Wait(t, ctx); code == 0 || !strings.Contains(p.Tail(20), explanation) {
		t.Errorf("run: exit code %d\n%s", code, p.Tail(20))
	}
	if versions, err := c.SubjectVersions(ctx, subject); err != nil || len(versions) != 1 {
		t.Errorf("the subject has versions %v, %v", versions, err)
	}
}

// registryIsDownAtStartAndLater: the start waits for the registry; from then on it may be away.
func registryIsDownAtStartAndLater(t *testing.T, _ *registry.Registry, cluster *kafka.Cluster) {
	ctx := within(t, 2*time.Minute)
	own := registry.New(t)
	s := newStageWith(t, cluster, own.URL(), "down", nil)
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "schema is not registered")
	own.Start(t)
	p.WaitFor(t, ctx, 0, "schema is registered")
	s.commits(t, ctx, 2)
	own.Kill()
	s.commits(t, ctx, 20)
	if p.Ended() {
		t.Errorf("the connector ended when the registry was killed:\n%s", p.Tail(20))
	}
	// The judge asks for the schema by its id, which the connector alone can do without.
	own.Start(t)
	if code, out := command(t, ctx, own.URL(), s.settings.KafkaTopic, "schema", "register"); code != 0 {
		t.Fatalf("schema register: exit code %d, %s", code, out)
	}
	mustBeRight(t, s.settle(t, ctx, p), 500)
}

// registryIsSlow: a registry that hangs is given up and asked again; one that takes a second for each answer is waited for.
func registryIsSlow(t *testing.T, shared *registry.Registry, cluster *kafka.Cluster) {
	ctx := within(t, 2*time.Minute)
	target, err := url.Parse(shared.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var asked atomic.Int32
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the connector has given up
			<-r.Context().Done()
			return
		}
		pause(r.Context(), time.Second)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	s := newStageWith(t, cluster, slow.URL, "slow", quiet)
	p := s.start(t)
	line, _ := p.WaitFor(t, ctx, 0, "schema is not registered")
	if !strings.Contains(line, "Timeout") && !strings.Contains(line, "deadline") {
		t.Errorf("the log does not say that it took too long: %s", line)
	}
	p.WaitFor(t, ctx, 0, "schema is registered")
	s.commits(t, ctx, 1)
}

// lookupModeWritesNothing: a connector that may not write to the registry ends with the command that is missing.
func lookupModeWritesNothing(t *testing.T, shared *registry.Registry, cluster *kafka.Cluster) {
	ctx := within(t, time.Minute)
	s := newStageWith(t, cluster, shared.URL(), "lookup", quiet)
	s.settings.SchemaRegistryMode = "lookup"
	p := s.start(t)
	if code := p.Wait(t, ctx); code == 0 || !strings.Contains(p.Tail(20), "connector schema register") {
		t.Errorf("exit code %d\n%s", code, p.Tail(20))
	}
	if code, out := command(t, ctx, shared.URL(), s.settings.KafkaTopic, "schema", "register"); code != 0 {
		t.Fatalf("schema register: exit code %d, %s", code, out)
	}
	p = s.start(t)
	p.WaitFor(t, ctx, 0, "schema is registered")
	s.commits(t, ctx, 1)
}
