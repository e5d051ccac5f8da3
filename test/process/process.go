package process

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// beforeDeadline is how long before the test binary's own deadline every program is killed: a test
// binary that runs into it panics, and cleans nothing up.
const beforeDeadline = 10 * time.Second

// Process is a program that runs.
type Process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	// Started is when it was started.
	Started time.Time

	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed and replaced with every line
}

// Start starts a program whose standard output and error are read line by line. It is killed when the test
// ends. The command must not have its own output.
func Start(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{name: name, cmd: cmd, ended: make(chan struct{}), changed: make(chan struct{}), Started: time.Now()}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	scanned := make(chan struct{})
	go func() {
		defer close(scanned)
		p.scan(read)
	}()
	go func() {
		_ = cmd.Wait()
		_ = write.Close()
		<-scanned
		close(p.ended)
		p.wake()
	}()
	stop := func() {}
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, ok := d.Deadline(); ok {
			timer := time.AfterFunc(time.Until(deadline)-beforeDeadline, func() { _ = cmd.Process.Kill() })
			stop = func() { timer.Stop() }
		}
	}
	t.Cleanup(func() {
		stop()
		p.Signal(syscall.SIGKILL)
		<-p.ended
		if t.Failed() {
			t.Logf("the last lines of %s:\n%s", p.name, p.Tail(60))
		}
	})
	return p
}

func (p *Process) scan(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.lines = append(p.lines, strings.TrimRight(line, "\r\n"))
			p.mu.Unlock()
			p.wake()
		}
		if err != nil {
			return
		}
	}
}

func (p *Process) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
}

// Lines returns what it has printed so far.
func (p *Process) Lines() []string {
	lines, _ := p.snapshot()
	return lines
}

func (p *Process) snapshot() ([]string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[:len(p.lines):len(p.lines)], p.changed
}

// Tail returns the last lines, joined.
func (p *Process) Tail(n int) string {
	lines := p.Lines()
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// WaitFor returns the first line that holds a text, of the lines from an index on, and the index after it. The
// test fails if the program ends, or the context, before there is one.
func (p *Process) WaitFor(t testing.TB, ctx context.Context, from int, text string) (line string, next int) {
	t.Helper()
	for {
		ended := p.Ended() // asked before the lines are looked at, so that none is missed
		lines, changed := p.snapshot()
		for ; from < len(lines); from++ {
			if strings.Contains(lines[from], text) {
				return lines[from], from + 1
			}
		}
		if ended {
			t.Fatalf("%s ended (exit code %d) before it printed %q:\n%s", p.name, p.cmd.ProcessState.ExitCode(), text, p.Tail(80))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s did not print %q in time:\n%s", p.name, text, p.Tail(80))
		}
	}
}

// Ended reports whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Signal sends a signal to this program and to no other. One that has ended already gets none.
func (p *Process) Signal(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal) // fails only if it has ended
}

// Wait returns the exit code, -1 for a program that was killed. The test fails if the context ends first.
func (p *Process) Wait(t testing.TB, ctx context.Context) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		t.Fatalf("%s did not end in time:\n%s", p.name, p.Tail(80))
		return 0
	}
}

// Kill kills the program with SIGKILL and returns when it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}
