package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/test/document"
)

func TestSimulate_HelpDocumentsIt(t *testing.T) {
	cmd := simulateCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	help := out.String()
	for _, e := range append(graphsim.Endpoints(), graphsim.Controls()...) {
		if !strings.Contains(help, e.Method+" "+e.Path+"\n      "+e.Summary) {
			t.Errorf("%s %s is not in the help", e.Method, e.Path)
		}
	}
	lines := strings.Split(help, "\n")
	for _, b := range graphsim.Behaviors() {
		if !slices.ContainsFunc(lines, func(line string) bool {
			words := strings.Fields(line)
			return len(words) > 2 && strings.TrimSuffix(words[0], "*") == b.Name && words[1] == fmt.Sprint(b.Default) && strings.HasSuffix(line, b.Summary)
		}) {
			t.Errorf("%s is not in the help with its default", b.Name)
		}
	}
	simulateCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(help, "--"+f.Name+" ") || f.Usage == "" {
			t.Errorf("--%s is not in the help", f.Name)
		}
	})
}

func TestSimulate_BadOptionsAreUsageErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what is taken for good starts, and ends at once
	for _, args := range [][]string{
		{"--address", "nowhere"}, {"--lateness", "25h"}, {"--max-members", "351"}, {"--payment", "cash"}, {"--set", "fault-500"},
		{"--set", "fault-500=2"}, {"--set", "fault-500=0.6", "--set", "fault-502=0.6"}, {"--retry-after", "-1s"}, {"--lateness-share", "2"},
	} {
		if code := execute(ctx, append([]string{"simulate"}, args...)); code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, code, exitUsage)
		}
	}
}

// TestSimulate_TheDocumentedCommandsWork runs the shell commands of docs/simulator.md, which know the simulator by curl
// and jq alone, and looks at the judgment they come to.
func TestSimulate_TheDocumentedCommandsWork(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "comm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here", tool)
		}
	}
	blocks := document.RunBy(t, "docs/simulator.md")
	var script strings.Builder
	script.WriteString("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n")
	// The first serves until it is ended. What comes behind it is one script.
	script.WriteString(strings.TrimSpace(blocks[0].Text) + ` > "$TMPDIR/alone" &
until grep -q SOURCE_USERS "$TMPDIR/alone"; do sleep 0.1; done
kill $!
wait $!
`)
	for _, block := range blocks[1:] {
		script.WriteString(block.Text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	shell := shellWithConnector(t, ctx, dir, script.String())
	shell.Env = append(os.Environ(), append(shell.Env, "ADDRESS=127.0.0.1:0", "TMPDIR="+dir)...)
	var complaints bytes.Buffer
	shell.Stderr = &complaints
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, complaints.String(), out)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(out)) {
		var n int
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if _, err := fmt.Sscan(value, &n); err == nil {
				count[name] = n
			}
		}
	}
	// The page that was only printed shows two versions, which a change may have replaced since.
	if count["shown"] < 400 || count["lost"] > 2 || count["invented"] != 0 || count["missed"] != 0 {
		t.Errorf("judgment %v\n%s\n%s", count, complaints.String(), out)
	}
	if !strings.Contains(string(out), `"429":1`) || !strings.Contains(string(out), `"by-hand":`) {
		t.Errorf("the faults and the process are not counted:\n%s", out)
	}
}
