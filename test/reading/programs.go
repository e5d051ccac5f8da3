package reading

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/teams-kafka/connector/test/maven"
	"github.com/teams-kafka/connector/test/once"
)

// fetchTime is how long a download may take on a machine that has nothing of it; PySpark has 430 MB.
const fetchTime = 10 * time.Minute

// Jars returns the folder with the jars of test/reading/<name>/pom.xml. The first call on a machine downloads them.
func Jars(t testing.TB, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), fetchTime)
	defer cancel()
	jars, err := maven.Fetch(ctx, folder(name), "copy-dependencies", "jars")
	if err != nil {
		t.Fatal(err)
	}
	return jars
}

// Python returns an interpreter that has what test/reading/<name>/requirements.txt names. The first call on a machine
// downloads it.
func Python(t testing.TB, name string) string {
	t.Helper()
	requirements := filepath.Join(folder(name), "requirements.txt")
	text, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	target := filepath.Join(folder(name), "target", "python-"+hex.EncodeToString(sum[:4]))
	ctx, cancel := context.WithTimeout(t.Context(), fetchTime)
	defer cancel()
	err = once.Fill(target, func(partial string) error {
		if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", partial).CombinedOutput(); err != nil {
			return fmt.Errorf("python3 -m venv: %w\n%s", err, out)
		}
		install := exec.CommandContext(ctx, filepath.Join(partial, "bin", "python"), "-m", "pip", "install", "--quiet",
			"--disable-pip-version-check", "--requirement", requirements)
		if out, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("pip install: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(target, "bin", "python")
}

// Write writes the files of a program, by their names, into a folder of the test's own and returns it.
func Write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// File returns a file of this package, for a program that no snippet is.
func File(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(folder(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Compile compiles Java sources, given by their names, against a class path and returns the class path with them.
func Compile(t testing.TB, classpath string, files map[string]string) string {
	t.Helper()
	dir := Write(t, files)
	args := []string{"-cp", classpath, "-d", dir}
	for name := range files {
		args = append(args, filepath.Join(dir, name))
	}
	if out, err := exec.CommandContext(t.Context(), "javac", args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir + string(os.PathListSeparator) + classpath
}
