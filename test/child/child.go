package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
)

// child is a process that the supervisor has started, and stops by its own id.
type child struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}
	dying atomic.Bool // its end is wanted
}

// start runs a command. Each line of the stream that it is asked for goes to take, in order; the other one goes to log.
func start(name string, cmd *exec.Cmd, stderr bool, log io.Writer, take func(line []byte)) (*child, error) {
	c := &child{name: name, cmd: cmd, ended: make(chan struct{})}
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	var lines io.ReadCloser
	if stderr {
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

// self is this binary in another role.
func self(role string, variables ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), append(variables, roleVariable+"="+role)...)
	return cmd, nil
}

func (c *child) signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) } // fails only if it has ended

// stop sends a signal and waits for the end; it returns the exit code, -1 for one that was killed.
func (c *child) stop(s syscall.Signal) int {
	c.dying.Store(true)
	c.signal(s)
	<-c.ended
	return c.cmd.ProcessState.ExitCode()
}
