package reading

import (
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/teams-kafka/connector/test/document"
)

// folder is a folder beside this file.
func folder(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), name)
}

// sections returns the blocks of docs/reading.md that the running test is named in front of, by the heading that they stand
// under.
func sections(t testing.TB) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, block := range document.RunBy(t, "docs/reading.md") {
		found[block.Heading] = append(found[block.Heading], block.Text)
	}
	return found
}

// Headings returns the headings of docs/reading.md that have a snippet to run, sorted.
func Headings(t testing.TB) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(sections(t)))
}

// Snippets returns what is to be run under a heading of docs/reading.md, in its order.
func Snippets(t testing.TB, heading string) []string {
	t.Helper()
	return sections(t)[heading]
}

// Snippet returns the only one under a heading.
func Snippet(t testing.TB, heading string) string {
	t.Helper()
	snippets := Snippets(t, heading)
	if len(snippets) != 1 {
		t.Fatalf("docs/reading.md has %d snippets under %q, want 1", len(snippets), heading)
	}
	return snippets[0]
}
