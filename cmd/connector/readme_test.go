package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/test/document"
	testprocess "github.com/teams-kafka/connector/test/process"
)

// shellWithConnector is a script in which connector is this binary. Its environment has nothing of the surroundings but the path.
func shellWithConnector(t *testing.T, ctx context.Context, dir, script string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(dir, "connector")); err != nil && !os.IsExist(err) { // TestMain makes it the command
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second // what bash leaves behind must not keep the test
	cmd.Env = []string{"CONNECTOR_TEST_EXEC=1", "HOME=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH")}
	return cmd
}

// TestReadme_TheCommandsWork runs the commands of the README and of docs/configuration.md unchanged, except
// that the values of a simulator and an embedded Kafka replace the examples.
func TestReadme_TheCommandsWork(t *testing.T) {
	for _, tool := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("!!! NOT RUN: %s is not here", tool)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	blocks := slices.Concat(document.RunBy(t, "README.md"), document.RunBy(t, "docs/configuration.md"))
	if len(blocks) != 4 {
		t.Fatalf("the pages have %d blocks for this test, want: run, doctor, offsets, several tenants", len(blocks))
	}
	dir := t.TempDir()
	s := stage.Start(t, stage.Options{Graph: stage.Tenant(3, 4, 20, 5)})
	sim, full := s.Graph, s.Settings
	full.LogFormat, full.KafkaTopicRetention = "text", "30d"

	// The first command sets these itself.
	rest := full
	rest.KafkaBrokers, rest.SchemaRegistryURL, rest.AzureTenantID, rest.AzureClientID, rest.AzureClientSecret, rest.SourceUsers = "", "", "", "", "", ""
	serving(t, ctx, dir, rest, document.Replace(t, blocks[0].Text, "kafka:9092", full.KafkaBrokers, "http://registry:8081", full.SchemaRegistryURL,
		"TENANT_ID=…", "TENANT_ID="+sim.TenantID(), "CLIENT_ID=…", "CLIENT_ID="+sim.ClientID(), "SECRET=…", "SECRET="+sim.ClientSecret(),
		"ada@contoso.com,grace@contoso.com", strings.Join(sim.Users()[:2], ",")), 1)

	doctor := shell(t, ctx, dir, full, blocks[1].Text)
	if !strings.HasSuffix(doctor, "0 warn, 0 fail, 0 skipped\n") { // so that behind it jq has nothing to print
		t.Errorf("doctor says\n%s", doctor)
	}
	offsets := shell(t, ctx, dir, full, document.Replace(t, blocks[2].Text, "ada@contoso.com", sim.Users()[0],
		"rewind", "rewind --yes", "import", "import --yes")) // there is no terminal to be asked on
	exported, err := os.ReadFile(filepath.Join(dir, "positions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range sim.Users()[:2] {
		if !strings.Contains(offsets, user) || !strings.Contains(string(exported), user) {
			t.Errorf("the position of %s is not in\n%s\nor not in\n%s", user, offsets, exported)
		}
	}

	two := startTwoTenants(t, nil)
	settings := two.settings
	settings.Tenants = make(map[string]config.Settings)
	var placed []string
	for i, alias := range []string{"contoso", "fabrikam"} {
		own := two.settings.Tenants[alias]
		secret := filepath.Join(dir, alias)
		if err := os.WriteFile(secret, []byte(own.AzureClientSecret), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"AZURE_TENANT_ID": own.AzureTenantID, "AZURE_CLIENT_ID": own.AzureClientID, "AZURE_CLIENT_SECRET_FILE": secret,
			"SOURCE_USERS": strings.Join(two.sims[i].Users(), ","),
		} {
			name = strings.ToUpper(alias) + "_" + name + "="
			placed = append(placed, name+"…", name+value)
		}
		own.AzureTenantID, own.AzureClientID, own.AzureClientSecret, own.SourceUsers = "", "", "", ""
		settings.Tenants[alias] = own
	}
	settings.GraphTenants = ""
	var exports strings.Builder
	for line := range strings.Lines(document.Replace(t, blocks[3].Text, placed...)) {
		exports.WriteString("export " + line)
	}
	serving(t, ctx, dir, settings, exports.String()+"connector run", 2)
}

// shell runs a script to its end and returns what it prints.
func shell(t *testing.T, ctx context.Context, dir string, settings config.Settings, script string) string {
	t.Helper()
	cmd := shellWithConnector(t, ctx, dir, script)
	cmd.Env = append(cmd.Env, environment(settings)...)
	var out, errors strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s\n%s", err, script, out.String(), errors.String())
	}
	return out.String()
}

// serving runs a script whose last command serves, until it polls that many tenants, and ends it in order.
func serving(t *testing.T, ctx context.Context, dir string, settings config.Settings, script string, tenants int) {
	t.Helper()
	cmd := shellWithConnector(t, ctx, dir, script)
	cmd.Env = append(cmd.Env, environment(settings)...)
	p := testprocess.Start(t, "connector run", cmd)
	next := 0
	for range tenants {
		_, next = p.WaitFor(t, ctx, next, "msg=polling")
	}
	p.Signal(syscall.SIGTERM) // bash has become the script's last command
	if code := p.Wait(t, ctx); code != exitOK {
		t.Errorf("SIGTERM: exit code %d\n%s", code, p.Tail(40))
	}
}
