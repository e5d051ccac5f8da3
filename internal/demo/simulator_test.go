package demo

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// TestSimulator_FlagsAreDocumented holds the table of docs/simulator.md to the flags. UPDATE_DOCS=1 writes it.
func TestSimulator_FlagsAreDocumented(t *testing.T) {
	const begin, end = "<!-- flags -->\n", "<!-- end of flags -->"
	var table strings.Builder
	table.WriteString("| flag | default | |\n|---|---|---|\n")
	var s Simulator
	flags := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	s.AddFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		value := strings.Trim(f.DefValue, "[]")
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&table, "| `--%s` | %s | %s |\n", f.Name, value, f.Usage)
	})
	page := filepath.Join("..", "..", "docs", "simulator.md")
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(data), begin)
	current, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatal("docs/simulator.md has no place for the flags")
	}
	switch {
	case current == table.String():
	case os.Getenv("UPDATE_DOCS") == "1":
		if err := os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("the table of flags in docs/simulator.md is not current: run UPDATE_DOCS=1 go test ./internal/demo -run Documented")
	}
}

// TestSimulator_EveryNumberHasAFlag gives each flag another value and looks for a field of the configuration that kept
// its default. Rates have --set instead.
func TestSimulator_EveryNumberHasAFlag(t *testing.T) {
	var s Simulator
	flags := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	s.AddFlags(flags)
	var args []string
	flags.VisitAll(func(f *pflag.Flag) {
		value := map[string]string{
			"int": "7", "uint64": "7", "float64": "0.5", "duration": "1h", "string": "127.0.0.1:7", "stringSlice": "Chat.Read.All", "stringArray": "fault-500=0.5",
		}[f.Value.Type()]
		args = append(args, "--"+f.Name+"="+value)
	})
	if err := flags.Parse(append(args, "--payment=license")); err != nil {
		t.Fatal(err)
	}
	cfg, err := s.config()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Faults.InternalError != 0.5 {
		t.Errorf("--set did not arrive: %+v", cfg.Faults)
	}
	rates := []string{"Content", "Faults", "Quirks", "Mailboxes", "Access", "Directory"} // their float64 fields
	var compare func(path string, got, want reflect.Value)
	compare = func(path string, got, want reflect.Value) {
		if got.Kind() == reflect.Struct {
			for i := range got.NumField() {
				compare(path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i))
			}
			return
		}
		group, _, _ := strings.Cut(strings.TrimPrefix(path, "."), ".")
		if got.Kind() == reflect.Func || got.Kind() == reflect.Float64 && slices.Contains(rates, group) {
			return
		}
		if reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Errorf("no flag changes Config%s", path)
		}
	}
	compare("", reflect.ValueOf(cfg), reflect.ValueOf(graphsim.Defaults()))
}

// TestSimulator_PrintsWhatAClientNeedsAndEndsWhenInterrupted goes the way of a client outside this repository: it knows
// nothing but what is printed.
func TestSimulator_PrintsWhatAClientNeedsAndEndsWhenInterrupted(t *testing.T) {
	run := func(seed string) map[string]string {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		printed, out := io.Pipe()
		var s Simulator
		flags := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
		s.AddFlags(flags)
		if err := flags.Parse([]string{"--users", "3", "--rate", "0", "--history-messages", "20", "--lateness", "0", "--seed", seed, "--set", "quirk-empty-page=0"}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			ended <- s.Run(ctx, out)
			out.Close()
		}()
		env := map[string]string{}
		lines := bufio.NewScanner(printed)
		for env["SOURCE_USERS"] == "" && lines.Scan() {
			name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "='")
			if !ok || !strings.HasSuffix(value, "'") {
				t.Fatalf("line %q", lines.Text())
			}
			env[name] = strings.TrimSuffix(value, "'")
		}
		if env["SOURCE_USERS"] == "" {
			t.Fatalf("it ended: %v", <-ended)
		}
		if n := readMessages(t, env); n == 0 {
			t.Error("no messages")
		}
		interrupt()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
		if _, err := os.Stat(env["GRAPH_CA_FILE"]); err == nil {
			t.Error("the temporary folder is left behind")
		}
		return env
	}
	first, again, other := run("7"), run("7"), run("8")
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "SOURCE_USERS"} {
		if first[name] != again[name] || first[name] == other[name] || first[name] == "" {
			t.Errorf("%s: %q and %q with one seed, %q with another", name, first[name], again[name], other[name])
		}
	}
}

// A list of users that no environment holds is in a file, which the connector reads as well.
func TestSimulator_ManyUsersAreInAFile(t *testing.T) {
	for users, name := range map[int]string{3000: "SOURCE_USERS", 4000: "SOURCE_USERS_FILE"} {
		sim, err := graphsim.Start(graphsim.Config{Users: users})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		environment, err := simulatorEnvironment(sim, dir)
		if err != nil {
			t.Fatal(err)
		}
		last := environment[len(environment)-1]
		list := last.value
		if name == "SOURCE_USERS_FILE" {
			data, err := os.ReadFile(list)
			if err != nil {
				t.Fatal(err)
			}
			list = strings.ReplaceAll(strings.TrimSuffix(string(data), "\n"), "\n", ",")
		}
		if last.name != name || list != strings.Join(sim.Users(), ",") {
			t.Errorf("%d users: %s with %d bytes", users, last.name, len(list))
		}
		shell := exec.CommandContext(t.Context(), "true") // what starts a client
		shell.Env = []string{last.name + "=" + last.value}
		if err := shell.Run(); err != nil {
			t.Errorf("%d users: %v", users, err)
		}
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	}
}

// readMessages gets a token with the printed environment and counts the messages of the first page of each user.
func readMessages(t *testing.T, env map[string]string) (n int) {
	t.Helper()
	ca, err := os.ReadFile(env["GRAPH_CA_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("ca.pem holds no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	decode := func(req *http.Request, into any) {
		t.Helper()
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", resp.StatusCode, err)
		}
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {env["AZURE_CLIENT_ID"]}, "client_secret": {env["AZURE_CLIENT_SECRET"]},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	login, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		env["AZURE_AUTHORITY_HOST"]+"/"+env["AZURE_TENANT_ID"]+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	decode(login, &token)
	for user := range strings.SplitSeq(env["SOURCE_USERS"], ",") {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["GRAPH_ENDPOINT"]+"/v1.0/users/"+user+"/chats/getAllMessages", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.AccessToken)
		var page struct{ Value []json.RawMessage }
		decode(req, &page)
		n += len(page.Value)
	}
	return n
}
