package maven

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/teams-kafka/connector/test/once"
)

// ErrMissing says that Java or Maven is not installed.
var ErrMissing = errors.New("missing: Java 17 or newer, and Maven")

// Fetch runs a goal of Maven's dependency plugin (copy-dependencies, unpack-dependencies) for the
// pom.xml in a folder and returns the folder that it filled: target/ and the name there. Properties
// are name=value. What was fetched before, by the same pom.xml and properties, is not fetched again.
func Fetch(ctx context.Context, folder, goal, name string, properties ...string) (string, error) {
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("maven: %w: %w", ErrMissing, err)
		}
	}
	pom, err := os.ReadFile(filepath.Join(folder, "pom.xml"))
	if err != nil {
		return "", fmt.Errorf("maven: %w", err)
	}
	sum := sha256.Sum256([]byte(string(pom) + strings.Join(properties, "\n")))
	target := filepath.Join(folder, "target", name+"-"+hex.EncodeToString(sum[:4]))
	err = once.Fill(target, func(partial string) error {
		// Always written anew: the marker files of an earlier run would leave things out.
		args := []string{"--batch-mode", "--quiet", "dependency:" + goal, "-DoutputDirectory=" + partial,
			"-DmarkersDirectory=" + filepath.Join(partial, ".markers")}
		for _, p := range properties {
			args = append(args, "-D"+p)
		}
		cmd := exec.CommandContext(ctx, "mvn", args...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("maven: dependency:%s in %s: %w\n%s", goal, folder, err, out)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return target, nil
}
