package reading

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// folder is a folder beside this file.
func folder(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), name)
}

// sections returns the fenced blocks of docs/reading.md, in their order, by the heading (## …) that they stand under.
func sections(t testing.TB) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(folder("../../docs/reading.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]string)
	var heading string
	var block strings.Builder
	inside := false
	for line := range strings.Lines(string(page)) {
		switch fence := strings.HasPrefix(line, "```"); {
		case fence && inside:
			found[heading] = append(found[heading], block.String())
			block.Reset()
			inside = false
		case fence:
			inside = true
		case inside:
			block.WriteString(line)
		case strings.HasPrefix(line, "## "):
			heading = strings.TrimSpace(strings.TrimPrefix(line, "## "))
		}
	}
	return found
}

// Headings returns the headings of docs/reading.md that have a snippet to run, sorted.
func Headings(t testing.TB) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(sections(t)))
}

// Snippets returns the fenced blocks under a heading of docs/reading.md, in their order. Those that are not fenced but
// indented are not meant to be run.
func Snippets(t testing.TB, heading string) []string {
	t.Helper()
	return sections(t)[heading]
}

// Snippet returns the only fenced block under a heading.
func Snippet(t testing.TB, heading string) string {
	t.Helper()
	snippets := Snippets(t, heading)
	if len(snippets) != 1 {
		t.Fatalf("docs/reading.md has %d snippets under %q, want 1", len(snippets), heading)
	}
	return snippets[0]
}

// Replace puts values in the place of placeholders, given in pairs. Each placeholder must be in the text.
func Replace(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the snippet does not hold %q:\n%s", pairs[i], text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
