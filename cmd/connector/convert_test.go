package main

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestConvert_ExitCodeSaysWhetherEveryItemBecameARecord(t *testing.T) {
	const item = `{"id":"1","chatId":"c","createdDateTime":"2021-05-25T20:12:14Z"}` + "\n"
	if got := command(t, nil, item, "convert"); got.code != exitOK || got.stderr != "" || got.stdout == "" {
		t.Errorf("exit code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
	if got := command(t, nil, item+"{}\n", "convert"); got.code != exitFailed || got.stderr == "" || got.stdout == "" {
		t.Errorf("exit code %d, %q, %q", got.code, got.stdout, got.stderr)
	}
}

func TestConvert_RefusesUnknownOptions(t *testing.T) {
	for _, args := range [][]string{{"--format=xml"}, {"--schema-id=-1"}, {"--schema-id=2147483648"}, {"messages.json"}} {
		if got := command(t, nil, "{}", append([]string{"convert"}, args...)...); got.code != exitUsage || got.stdout != "" {
			t.Errorf("%v: exit code %d, %q", args, got.code, got.stdout)
		}
	}
}

func TestConvert_StopsWhenInterruptedWhileItsInputContinues(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "convert")
	cmd.Env = []string{"CONNECTOR_TEST_EXEC=1"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It runs once it has complained.
	if _, err := io.WriteString(stdin, "x\n{}\n{}\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := stderr.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("exit code %d, %s", cmd.ProcessState.ExitCode(), rest)
	}
}
