package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The packages that a reader opens first show how they are used, by examples whose output is checked.
func TestExamples_ArePartOfThePackagesAReaderOpensFirst(t *testing.T) {
	for _, folder := range []string{"transform", "schema", "offsets", "source"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "example*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		examples, outputs := 0, 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			examples += strings.Count(string(text), "\nfunc Example")
			outputs += strings.Count(string(text), "// Output:")
		}
		if examples == 0 || outputs != examples {
			t.Errorf("%s: %d examples, %d with an output", folder, examples, outputs)
		}
	}
}
