package once

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Fill fills a folder if it is not there yet: under another name first, so that a folder that is there is whole. Other
// processes that want to fill a folder beside it wait.
func Fill(folder string, fill func(partial string) error) error {
	unlock, err := lock(filepath.Dir(folder))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	partial := folder + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("once: %w", err)
	}
	if err := fill(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, folder); err != nil {
		return fmt.Errorf("once: %w", err)
	}
	return nil
}

// lock keeps other processes out of a folder until the function it returns is called.
func lock(folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("once: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("once: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("once: lock %s: %w", folder, err)
	}
	return func() { _ = f.Close() }, nil
}
