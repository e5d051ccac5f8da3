package main

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// screenAndKeyboard is a pseudo-terminal: what a test types into keyboard, a command reads from screen as from a person.
type screenAndKeyboard struct{ keyboard, screen *os.File }

func openTerminal(t *testing.T) screenAndKeyboard {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return screenAndKeyboard{keyboard, screen}
}

func (t screenAndKeyboard) typeLine(line string) error {
	_, err := t.keyboard.WriteString(line + "\n")
	return err
}
