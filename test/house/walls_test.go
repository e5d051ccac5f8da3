package house

import (
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/teams-kafka/connector/"

// rule is one of depguard's rules in .golangci.yml.
type rule struct {
	name        string
	files       []*regexp.Regexp
	allow, deny []string
}

// denies reports whether the rule refuses an import, as depguard decides in its lax mode: the longer of two
// prefixes that match wins, and an entry that ends in $ matches itself only.
func (r rule) denies(imported string) bool {
	longest := func(entries []string) int {
		length := -1
		for _, entry := range entries {
			exact, whole := strings.CutSuffix(entry, "$")
			if whole && imported == exact || !whole && strings.HasPrefix(imported, entry) {
				length = max(length, len(exact))
			}
		}
		return length
	}
	return longest(r.deny) > longest(r.allow)
}

var (
	ruleLine = regexp.MustCompile(`^ {8}([a-z-]+):(?: #.*)?$`)
	pathList = regexp.MustCompile(`"([^"]+)"`)
)

// rules reads depguard's rules from .golangci.yml, which has each on separate lines.
func rules(t *testing.T) (found []rule) {
	t.Helper()
	text, err := os.ReadFile(root + "/.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "    depguard:\n      rules:\n")
	if !ok {
		t.Fatal(".golangci.yml has no rules of depguard")
	}
	var current *rule
	var list *[]string
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		match := ruleLine.FindStringSubmatch(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "desc:") || trimmed == "list-mode: lax":
		case !strings.HasPrefix(line, "        "):
			return found // the next section
		case match != nil:
			found = append(found, rule{name: match[1]})
			current = &found[len(found)-1]
		case strings.HasPrefix(trimmed, "files: "):
			for _, pattern := range pathList.FindAllStringSubmatch(trimmed, -1) {
				if pattern[1] != "!$test" {
					current.files = append(current.files, glob(pattern[1]))
				}
			}
		case trimmed == "allow:":
			list = &current.allow
		case trimmed == "deny:":
			list = &current.deny
		case strings.HasPrefix(trimmed, "- "):
			*list = append(*list, strings.TrimPrefix(strings.TrimPrefix(trimmed, "- "), "pkg: "))
		default:
			t.Fatalf(".golangci.yml: this test does not understand %q", line)
		}
	}
	return found
}

// glob turns a pattern with * and ** into an expression for a path from the module's root.
func glob(pattern string) *regexp.Regexp {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.ReplaceAll(expression, `\*\*/`, `(?:.*/)?`)
	expression = strings.ReplaceAll(expression, `\*`, `[^/]*`)
	return regexp.MustCompile("^" + expression + "$")
}

// imports are what a word in a promise stands for: a package that must not know the thing must not be able
// to import these.
var imports = []struct {
	word *regexp.Regexp
	of   []string
}{
	{regexp.MustCompile(`\bKafka\b`), []string{"github.com/twmb/franz-go/pkg/kadm", "github.com/twmb/franz-go/pkg/kmsg", module + "sink"}},
	{regexp.MustCompile(`\bAvro\b`), []string{"github.com/hamba/avro/v2", "github.com/twmb/avro"}},
	{regexp.MustCompile(`\bHTTP\b`), []string{"net/http"}},
	{regexp.MustCompile(`\bGraph\b`), []string{"github.com/Azure/azure-sdk-for-go/sdk/azidentity", module + "source"}},
	{regexp.MustCompile(`\bcommand line\b`), []string{"github.com/spf13/cobra"}},
	{regexp.MustCompile(`\benvironment\b`), []string{module + "internal/config", "os"}},
	{regexp.MustCompile(`\bconfiguration\b`), []string{module + "internal/config"}},
	{regexp.MustCompile(`\bthe connector\b`), []string{module + "sink", module + "source", module + "internal/worker"}},
}

// promise matches what a package comment says the package does not know, up to the end of that thought.
var promise = regexp.MustCompile(`(?:must not know|knows nothing of|knows neither)\b[^.:;]*`)

// packages returns the comment of each package of the product, by its folder.
func packages(t *testing.T) map[string]string {
	t.Helper()
	comments := make(map[string]string)
	for _, file := range sources(t) {
		folder := path.Dir(file.name)
		if strings.HasPrefix(folder, "test/") || strings.Contains(folder, "/gen") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.name, file.text, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Doc != nil {
			comments[folder] += parsed.Doc.Text()
		} else if _, ok := comments[folder]; !ok {
			comments[folder] = ""
		}
	}
	return comments
}

// TestWalls_HoldWhatThePackagesPromise compares what the package comments promise not to know with the
// rules that the linter enforces in CI.
func TestWalls_HoldWhatThePackagesPromise(t *testing.T) {
	all, checked := rules(t), 0
	for folder, comment := range packages(t) {
		apply := slices.DeleteFunc(slices.Clone(all), func(r rule) bool {
			return !slices.ContainsFunc(r.files, func(e *regexp.Regexp) bool { return e.MatchString(folder + "/x.go") })
		})
		if len(apply) == 0 {
			t.Errorf("%s: no rule of depguard applies to it", folder)
			continue
		}
		if comment == "" {
			t.Errorf("%s: no file has a package comment", folder)
		}
		for _, said := range promise.FindAllString(strings.ReplaceAll(comment, "\n", " "), -1) {
			for _, known := range imports {
				if !known.word.MatchString(said) {
					continue
				}
				for _, imported := range known.of {
					checked++
					if !slices.ContainsFunc(apply, func(r rule) bool { return r.denies(imported) }) {
						t.Errorf("%s: %q, but no rule keeps it from importing %s", folder, said, imported)
					}
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("compared %d imports", checked)
	}
}

func TestRule_DeniesAsDepguardDoes(t *testing.T) {
	r := rule{allow: []string{"a/b/c"}, deny: []string{"a/b", "os$"}}
	for imported, want := range map[string]bool{"a/b": true, "a/b/d": true, "a/b/c": false, "a/b/c/d": false, "a": false, "os": true, "os/exec": false} {
		if r.denies(imported) != want {
			t.Errorf("denies %s: %t", imported, !want)
		}
	}
}
