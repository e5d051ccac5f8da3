//go:build deploy

package deploy

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	imageName    = "teams-kafka-connector:test"
	imageVersion = "v0.0.0-test"
	imageLimit   = 40 << 20 // bytes
)

// The tests of the image run in one test, because they share one build.
func TestImage(t *testing.T) {
	e := newEngine(t)
	e.build(t)
	t.Run("IsSmall", func(t *testing.T) { e.isSmall(t) })
	t.Run("RunsAsNobodyAndSaysWhatItIs", func(t *testing.T) { e.saysWhatItIs(t) })
	t.Run("HoldsNoShell", func(t *testing.T) { e.holdsNoShell(t) })
	t.Run("HoldsNoProgramButOurs", func(t *testing.T) { e.holdsNoProgramButOurs(t) })
	t.Run("BinaryIsStaticAndReproducible", func(t *testing.T) { e.binary(t) })
	t.Run("RefusesAnEmptyConfigurationWithExitCode2", func(t *testing.T) { e.refuses(t) })
	t.Run("DoesItsJobOnAReadOnlyFileSystem", func(t *testing.T) { e.demo(t) })
	t.Run("HealthCheckIsAnsweredWhileKafkaIsDown", func(t *testing.T) { e.health(t) })
}

// engine is a container engine's command line.
type engine struct{ name string }

func newEngine(t *testing.T) engine {
	t.Helper()
	e := engine{name: os.Getenv("CONTAINER_ENGINE")}
	if e.name == "" {
		e.name = "docker"
	}
	if out, err := exec.CommandContext(t.Context(), e.name, "info").CombinedOutput(); err != nil {
		t.Skipf("no container engine: %s info: %v\n%s", e.name, err, out)
	}
	return e
}

// outcome is how a command ended.
type outcome struct {
	stdout, stderr string
	code           int
}

func (o outcome) String() string {
	return fmt.Sprintf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
}

// run runs the engine. It does not end with the test's context, so that cleaning up works.
func (e engine) run(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(e.name, args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root(t), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", e.name, strings.Join(args, " "), err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must returns what a command that works prints.
func (e engine) must(t *testing.T, args ...string) string {
	t.Helper()
	o := e.run(t, args...)
	if o.code != 0 {
		t.Fatalf("%s %s: %v", e.name, strings.Join(args, " "), o)
	}
	return strings.TrimSpace(o.stdout)
}

// build makes the image from the repository. GO_IMAGE, BASE_IMAGE and GOPROXY go to the build, for a machine that cannot
// reach the registries.
func (e engine) build(t *testing.T) {
	args := []string{"build", "--network", "host", "-t", imageName, "--build-arg", "VERSION=" + imageVersion, "--build-arg", "REVISION=0123abc"}
	for _, name := range []string{"GO_IMAGE", "BASE_IMAGE", "GOPROXY"} {
		if value := os.Getenv(name); value != "" {
			args = append(args, "--build-arg", name+"="+value)
		}
	}
	began := time.Now()
	if o := e.run(t, append(args, ".")...); o.code != 0 {
		t.Fatalf("the build failed: %v", o)
	}
	t.Logf("built in %v", time.Since(began).Round(time.Second))
}

// inspection is the part of an image's description that the tests look at.
type inspection struct {
	Size   int64
	Config struct {
		User        string
		Entrypoint  []string
		Cmd         []string
		Labels      map[string]string
		Healthcheck struct{ Test []string }
	}
}

func (e engine) inspect(t *testing.T) inspection {
	t.Helper()
	var images []inspection
	if err := json.Unmarshal([]byte(e.must(t, "image", "inspect", imageName)), &images); err != nil || len(images) != 1 {
		t.Fatalf("%d descriptions: %v", len(images), err)
	}
	return images[0]
}

func (e engine) isSmall(t *testing.T) {
	size := e.inspect(t).Size
	t.Logf("%.1f MB", float64(size)/1e6)
	if size >= imageLimit {
		t.Errorf("the image has %d bytes, want less than %d", size, imageLimit)
	}
}

func (e engine) saysWhatItIs(t *testing.T) {
	config := e.inspect(t).Config
	if config.User != "65532:65532" {
		t.Errorf("user %q", config.User)
	}
	if !slices.Equal(config.Entrypoint, []string{"/connector"}) || !slices.Equal(config.Cmd, []string{"run"}) {
		t.Errorf("entry point %q, command %q", config.Entrypoint, config.Cmd)
	}
	if !slices.Equal(config.Healthcheck.Test, []string{"CMD", "/connector", "health"}) {
		t.Errorf("health check %q", config.Healthcheck.Test)
	}
	for label, want := range map[string]string{"version": imageVersion, "revision": "0123abc", "licenses": "Apache-2.0", "title": "teams-kafka-connector"} {
		if got := config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	if out := e.must(t, "run", "--rm", "--network", "none", imageName, "--version"); !strings.Contains(out, imageVersion) {
		t.Errorf("--version says %q", out)
	}
}

func (e engine) holdsNoShell(t *testing.T) {
	for _, shell := range []string{"/bin/sh", "/bin/bash", "/busybox/sh", "/usr/bin/sh"} {
		if o := e.run(t, "run", "--rm", "--network", "none", "--entrypoint", shell, imageName, "-c", "exit 0"); o.code == 0 {
			t.Errorf("%s runs: %v", shell, o)
		}
	}
}

// holdsNoProgramButOurs looks at every file, so that none is overlooked that goes by another name.
func (e engine) holdsNoProgramButOurs(t *testing.T) {
	container := e.must(t, "create", imageName)
	t.Cleanup(func() { e.must(t, "rm", container) })
	archive, err := exec.CommandContext(t.Context(), e.name, "export", container).Output()
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	files := tar.NewReader(bytes.NewReader(archive))
	for {
		file, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		start := make([]byte, 4)
		if _, err := io.ReadFull(files, start); err == nil && string(start) == elf.ELFMAG {
			programs = append(programs, file.Name)
		}
		if file.Mode&0o6000 != 0 {
			t.Errorf("%s is set-user-id or set-group-id", file.Name)
		}
	}
	if !slices.Equal(programs, []string{"connector"}) {
		t.Errorf("the image holds the programs and libraries %q", programs)
	}
}

// binary compares the image's binary with one that is built here, in another folder and from nothing that the image's build
// left behind, by a compiler of the same version.
func (e engine) binary(t *testing.T) {
	dir := t.TempDir()
	container := e.must(t, "create", imageName)
	t.Cleanup(func() { e.must(t, "rm", container) })
	ours := e.extract(t, container, "/connector")
	file, err := elf.NewFile(bytes.NewReader(ours))
	if err != nil {
		t.Fatal(err)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the binary asks for a dynamic linker")
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(ours))
	if err != nil {
		t.Fatal(err)
	}
	arch := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[file.Machine]
	again := filepath.Join(dir, "connector")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.release="+imageVersion, "-o", again, "./cmd/connector")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH="+arch, "GOTOOLCHAIN="+info.GoVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	theirs, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s for %s, sha256 %x, %.1f MB", info.GoVersion, arch, sha256.Sum256(ours), float64(len(ours))/1e6)
	if !bytes.Equal(ours, theirs) {
		t.Errorf("the build is not reproducible: sha256 %x in the image, %x here", sha256.Sum256(ours), sha256.Sum256(theirs))
	}
}

// extract reads one file of a container.
func (e engine) extract(t *testing.T, container, name string) []byte {
	t.Helper()
	archive, err := exec.CommandContext(t.Context(), e.name, "cp", container+":"+name, "-").Output()
	if err != nil {
		t.Fatalf("copy %s: %v", name, err)
	}
	reader := tar.NewReader(bytes.NewReader(archive))
	if _, err := reader.Next(); err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// locked is how the chart runs the container.
var locked = []string{"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"}

func (e engine) refuses(t *testing.T) {
	o := e.run(t, append(append([]string{"run", "--rm"}, locked...), imageName)...)
	if o.code != 2 || !strings.Contains(o.stderr, "AZURE_TENANT_ID") || !strings.Contains(o.stderr, "KAFKA_BROKERS") {
		t.Errorf("want exit code 2 and the names of what is missing: %v", o)
	}
}

// demo runs the whole job in the container, with a simulator and an embedded Kafka beside it in the same process.
func (e engine) demo(t *testing.T) {
	args := append([]string{"run", "--rm", "--tmpfs", "/tmp"}, locked...)
	o := e.run(t, append(args, imageName, "demo", "--duration", "4s", "--json")...)
	var verdict struct{ Exposed, Missing, Duplicated, Reordered int }
	if err := json.Unmarshal([]byte(o.stdout), &verdict); err != nil || o.code != 0 {
		t.Fatalf("%v: %v", err, o)
	}
	t.Logf("%+v", verdict)
	if verdict.Exposed < 100 || verdict.Missing+verdict.Duplicated+verdict.Reordered != 0 {
		t.Errorf("%+v", verdict)
	}
}

// health starts a connector whose Kafka is down. It is alive all the same, and it ends in order.
func (e engine) health(t *testing.T) {
	args := append([]string{"run", "-d", "--health-interval", "1s"}, locked...)
	for _, variable := range []string{
		"AZURE_TENANT_ID=8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11", "AZURE_CLIENT_ID=2f7d6c1e-77b0-4c5e-9f60-6f1b0f7c9a42",
		"AZURE_CLIENT_SECRET=not-used", "SOURCE_USERS=ada@contoso.example", "KAFKA_BROKERS=127.0.0.1:9",
	} {
		args = append(args, "-e", variable)
	}
	container := e.must(t, append(args, imageName)...)
	t.Cleanup(func() { e.must(t, "rm", "-f", container) })
	deadline := time.Now().Add(2 * time.Minute)
	for state := ""; state != "healthy"; {
		state = e.must(t, "inspect", "-f", "{{.State.Health.Status}}", container)
		if state == "unhealthy" || time.Now().After(deadline) {
			t.Fatalf("the container is %s:\n%s", state, e.must(t, "logs", container))
		}
	}
	e.must(t, "stop", "-t", "60", container)
	if code := e.must(t, "inspect", "-f", "{{.State.ExitCode}}", container); code != "0" {
		t.Errorf("SIGTERM: exit code %s, want 0\n%s", code, e.must(t, "logs", container))
	}
	if o := e.run(t, append(append([]string{"run", "--rm"}, locked...), imageName, "health")...); o.code != 1 {
		t.Errorf("health without a process, want exit code 1: %v", o)
	}
}
