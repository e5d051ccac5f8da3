package reading

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// folder is a folder beside this file.
func folder(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), name)
}

// Snippets returns the fenced blocks under a heading (## …) of docs/reading.md, in their order. Those that are not fenced
// but indented are not meant to be run.
func Snippets(t testing.TB, heading string) []string {
	t.Helper()
	page, err := os.ReadFile(folder("../../docs/reading.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/reading.md has no heading %q", heading)
	}
	var snippets []string
	var block []string
	inside := false
	for line := range strings.Lines(section) {
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && inside:
			snippets = append(snippets, strings.Join(block, ""))
			block, inside = nil, false
		case fence:
			inside = true
		case inside:
			block = append(block, line)
		case strings.HasPrefix(line, "## "):
			return snippets
		}
	}
	return snippets
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
