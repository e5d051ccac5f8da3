package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/test/maven"
	"github.com/teams-kafka/connector/test/process"
)

const (
	// versionVariable names the version of Apicurio Registry to test against.
	versionVariable = "TEST_REGISTRY_VERSION"
	newest          = "3.3.3"        // needs Java 21
	older           = "2.6.13.Final" // runs on Java 17
)

// fetchTime is how long Maven may take on a machine that does not have the registry, startTime how long the registry
// may take until it answers.
const (
	fetchTime = 5 * time.Minute
	startTime = 2 * time.Minute
)

// Registry is a schema registry, which runs or does not.
type Registry struct {
	version string
	java    string
	jar     string
	port    int
	process *process.Process
	starts  int
}

// New makes a registry ready to start and gives it an address. The first call on a machine downloads it.
func New(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{version: os.Getenv(versionVariable), port: process.FreePort(t)}
	var found bool
	if r.version == "" {
		if r.java, found = findJava(21); found {
			r.version = newest
		} else {
			r.version = older
		}
	}
	if !found {
		least := 21
		if strings.HasPrefix(r.version, "2.") {
			least = 17
		}
		if r.java, found = findJava(least); !found {
			t.Fatalf("Apicurio Registry %s needs Java %d", r.version, least)
		}
	}
	_, file, _, _ := runtime.Caller(0)
	ctx, cancel := context.WithTimeout(t.Context(), fetchTime)
	defer cancel()
	folder, err := maven.Fetch(ctx, filepath.Dir(file), "unpack-dependencies", "registry-"+r.version, "registry.version="+r.version)
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"quarkus-run.jar", "*-runner.jar"} {
		if jars, _ := filepath.Glob(filepath.Join(folder, pattern)); len(jars) == 1 {
			r.jar = jars[0]
		}
	}
	if r.jar == "" {
		t.Fatalf("%s has no jar to run", folder)
	}
	return r
}

// Version is the version of Apicurio Registry.
func (r *Registry) Version() string { return r.version }

// URL is the root of its Confluent API, whether it runs or not.
func (r *Registry) URL() string { return fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", r.port) }

// Start starts the registry and returns when it answers. It holds no schemas.
func (r *Registry) Start(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	cmd := exec.Command(r.java, "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dquarkus.http.host=127.0.0.1", fmt.Sprintf("-Dquarkus.http.port=%d", r.port),
		"-Dquarkus.management.host=127.0.0.1", "-Dquarkus.management.port=0", "-jar", r.jar)
	cmd.Dir = t.TempDir()
	r.starts++
	r.process = process.Start(t, fmt.Sprintf("registry %s (start %d)", r.version, r.starts), cmd)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := r.answers(ctx)
		if err == nil {
			return
		}
		if r.process.Ended() {
			t.Fatalf("the registry ended:\n%s", r.process.Tail(60))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the registry does not answer: %v", err)
		}
	}
}

func (r *Registry) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/subjects", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// Kill kills the registry with SIGKILL and returns when it is gone, and its schemas with it.
func (r *Registry) Kill() { r.process.Kill() }
