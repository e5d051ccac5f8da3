// Package child runs the processes of a program that is several: each its own command, or the program itself in
// another role. It has no testing.T; tests have package process for that.
//
// It promises that a process started as a role ends when its parent is gone.
package child

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// Child is a process that its parent has started, and stops by its own id.
type Child struct {
	Name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser // open as long as the parent lives
	ended chan struct{}
	dying atomic.Bool
}

// Stream says which of a process's outputs is read line by line; the other one goes to the log.
type Stream int

// The streams.
const (
	Stdout Stream = iota
	Stderr
)

// Start runs a command. Each line of the stream that is read goes to take, in order.
func Start(name string, cmd *exec.Cmd, read Stream, log io.Writer, take func(line []byte)) (*Child, error) {
	c := &Child{Name: name, cmd: cmd, ended: make(chan struct{})}
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	var lines io.ReadCloser
	if read == Stderr {
		cmd.Stdout = log
		lines, err = cmd.StderrPipe()
	} else {
		cmd.Stderr = log
		lines, err = cmd.StdoutPipe()
	}
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		scan := bufio.NewScanner(lines)
		scan.Buffer(nil, 16<<20)
		for scan.Scan() {
			take(scan.Bytes())
		}
		_ = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// Self is this binary with further variables in its environment, which say what role it plays.
func Self(variables ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), variables...)
	return cmd, nil
}

// Orphaned is what a role waits for: a signal comes with SIGTERM, or when the parent is gone.
func Orphaned() <-chan os.Signal {
	ended := make(chan os.Signal, 2)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // the parent holds the other end
		ended <- syscall.SIGTERM
	}()
	return ended
}

// PID is the process's id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Ended is closed when the process has ended and all its lines are taken.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// State is what is known of a process that has ended.
func (c *Child) State() *os.ProcessState { return c.cmd.ProcessState }

// Dying reports whether its end is wanted.
func (c *Child) Dying() bool { return c.dying.Load() }

// Doom says that its end is wanted.
func (c *Child) Doom() { c.dying.Store(true) }

// Signal sends a signal to this process and to no other. One that has ended already gets none.
func (c *Child) Signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) } // fails only if it has ended

// Stop sends a signal and waits for the end; it returns the exit code, -1 for one that was killed.
func (c *Child) Stop(s syscall.Signal) int {
	c.Doom()
	c.Signal(s)
	<-c.ended
	return c.cmd.ProcessState.ExitCode()
}
