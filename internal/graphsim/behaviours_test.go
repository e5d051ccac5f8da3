package graphsim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBehaviours_AreDocumented holds the table of docs/simulator.md to the code. UPDATE_DOCS=1 writes it.
func TestBehaviours_AreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| name | default | |\n|---|---|---|\n")
	for _, b := range Behaviours() {
		fixed := ""
		if b.Fixed {
			fixed = " *(fixed)*"
		}
		fmt.Fprintf(&table, "| `%s` | %g | %s%s |\n", b.Name, b.Default, b.Summary, fixed)
	}
	page := filepath.Join("..", "..", "docs", "simulator.md")
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), "<!-- behaviours -->\n")
	current, after, ended := strings.Cut(rest, "<!-- end -->")
	if !ok || !ended {
		t.Fatal("docs/simulator.md has no place for the table")
	}
	if os.Getenv("UPDATE_DOCS") == "1" {
		if err := os.WriteFile(page, []byte(before+"<!-- behaviours -->\n"+table.String()+"<!-- end -->"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if current != table.String() {
		t.Error("the table of behaviours in docs/simulator.md is not current: run UPDATE_DOCS=1 go test ./internal/graphsim")
	}
}
