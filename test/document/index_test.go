package document

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	pageLink = regexp.MustCompile(`\]\(([^)\s#]+)(?:#[^)\s]*)?\)`)
	section  = regexp.MustCompile(`(?m)^## (.+)$`)
)

// TestIndex_LinksEveryPageOnce: a page that docs/README.md does not link is a page nobody finds, and one
// that it links twice is in the wrong place for somebody.
func TestIndex_LinksEveryPageOnce(t *testing.T) {
	index, err := os.ReadFile(path("docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	links := make(map[string]int)
	for _, match := range pageLink.FindAllStringSubmatch(string(index), -1) {
		links[filepath.Clean(filepath.Join("docs", match[1]))]++
	}
	var pages []string
	for _, pattern := range []string{"docs/*.md", "*.md", "deploy/helm/*/README.md"} {
		found, err := filepath.Glob(path(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			name, err := filepath.Rel(path("."), file)
			if err != nil {
				t.Fatal(err)
			}
			if name = filepath.ToSlash(name); name != "docs/README.md" {
				pages = append(pages, name)
			}
		}
	}
	if len(pages) < 15 {
		t.Fatalf("found %d pages: %v", len(pages), pages)
	}
	for _, page := range pages {
		if links[page] != 1 {
			t.Errorf("docs/README.md links %s %d times, want once", page, links[page])
		}
		delete(links, page)
	}
	for link := range links {
		t.Errorf("docs/README.md links %s, which is not a page", link)
	}
}

func TestIndex_LeadsByRole(t *testing.T) {
	index, err := os.ReadFile(path("docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, match := range section.FindAllStringSubmatch(string(index), -1) {
		roles = append(roles, strings.TrimSpace(match[1]))
	}
	if want := []string{"Evaluate", "Deploy", "Operate", "Consume", "Contribute"}; !slices.Equal(roles, want) {
		t.Errorf("the sections are %v, want %v", roles, want)
	}
}
