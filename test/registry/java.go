package registry

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

var specification = regexp.MustCompile(`java\.specification\.version = (\d+)`)

// findJava returns a Java virtual machine of at least a version, and false if this machine has none: the one on the PATH
// or in JAVA_HOME, or one that Debian's packages have put beside it.
func findJava(least int) (path string, found bool) {
	candidates, _ := filepath.Glob("/usr/lib/jvm/*/bin/java") // the pattern is valid
	if home := os.Getenv("JAVA_HOME"); home != "" {
		candidates = append([]string{filepath.Join(home, "bin", "java")}, candidates...)
	}
	for _, path := range append([]string{"java"}, candidates...) {
		out, err := exec.Command(path, "-XshowSettings:properties", "-version").CombinedOutput()
		if err != nil {
			continue
		}
		match := specification.FindSubmatch(out)
		if match == nil {
			continue
		}
		if version, err := strconv.Atoi(string(match[1])); err == nil && version >= least {
			return path, true
		}
	}
	return "", false
}
