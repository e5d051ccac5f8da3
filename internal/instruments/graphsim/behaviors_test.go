package graphsim

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDocumentation_IsCurrent holds the tables of docs/simulator.md to the code. UPDATE_DOCS=1 writes them.
func TestDocumentation_IsCurrent(t *testing.T) {
	requests := func(list []Endpoint) string {
		var table strings.Builder
		table.WriteString("| request | answer |\n|---|---|\n")
		for _, e := range list {
			fmt.Fprintf(&table, "| `%s %s` | %s |\n", e.Method, e.Path, e.Summary)
		}
		return table.String()
	}
	var behaviors strings.Builder
	behaviors.WriteString("| name | default | |\n|---|---|---|\n")
	for _, b := range Behaviors() {
		fixed := ""
		if b.Fixed {
			fixed = " *(fixed)*"
		}
		fmt.Fprintf(&behaviors, "| `%s` | %g | %s%s |\n", b.Name, b.Default, b.Summary, fixed)
	}
	page := filepath.Join("..", "..", "..", "docs", "simulator.md")
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, want := range map[string]string{
		"endpoints": requests(Endpoints()), "controls": requests(Controls()), "behaviors": behaviors.String(),
	} {
		before, rest, begun := strings.Cut(text, "<!-- "+name+" -->\n")
		current, after, ended := strings.Cut(rest, "<!-- end of "+name+" -->")
		if !begun || !ended {
			t.Fatalf("docs/simulator.md has no place for the %s", name)
		}
		if os.Getenv("UPDATE_DOCS") == "1" {
			text = before + "<!-- " + name + " -->\n" + want + "<!-- end of " + name + " -->" + after
		} else if current != want {
			t.Errorf("the table of %s in docs/simulator.md is not current: run UPDATE_DOCS=1 go test ./internal/instruments/graphsim", name)
		}
	}
	if text != string(data) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDocumentation_NamesEveryMember holds docs/simulator.md to what is sent to and got from /_sim/.
func TestDocumentation_NamesEveryMember(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "simulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []reflect.Type{
		reflect.TypeFor[LedgerLine](), reflect.TypeFor[Showing](), reflect.TypeFor[Stats](), reflect.TypeFor[InstanceStats](),
		reflect.TypeFor[Chat](), reflect.TypeFor[Settings](), reflect.TypeFor[Change](), reflect.TypeFor[Changed](), reflect.TypeFor[tokenRequest](),
	} {
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if name == "" || !strings.Contains(string(page), "`"+name+"`") && !strings.Contains(string(page), `"`+name+`":`) {
				t.Errorf("%s.%s is not in docs/simulator.md", kind, name)
			}
		}
	}
}

// TestEndpoints_AreAnswered asks for everything that is listed.
func TestEndpoints_AreAnswered(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	fill := strings.NewReplacer("{id or principal name}", c.s.Users()[0], "{id}", c.s.Groups()[0], "{tenant}", c.s.TenantID())
	for _, e := range append(Endpoints(), Controls()...) {
		path := fill.Replace(e.Path)
		if strings.Contains(path, "{") || e.Summary == "" {
			t.Errorf("%+v", e)
		}
		var a answer
		if e.Method == http.MethodPost {
			a = c.post(path, `{}`)
		} else {
			a = c.get(path)
		}
		if a.err != nil || a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d %v", e.Method, path, a.status, a.err)
		}
	}
}
