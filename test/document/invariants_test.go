package document

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	citation  = regexp.MustCompile(`\binvariants? (\d+(?:(?:, | and )\d+)*)`)
	number    = regexp.MustCompile(`\d+`)
	invariant = regexp.MustCompile(`(?m)^(\d+)\. \*\*`)
)

// cited returns the numbers of the invariants that a text cites, as in "(invariants 1, 2)".
func cited(text string) (numbers []int) {
	for _, match := range citation.FindAllStringSubmatch(text, -1) {
		for _, digits := range number.FindAllString(match[1], -1) {
			n, err := strconv.Atoi(digits)
			if err != nil {
				continue // more digits than any list has
			}
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// TestInvariants_AreCitedByTheCodeThatUpholdsThem compares the numbered list in docs/design.md with the
// citations in the Go files: the code cites no number that the list lacks, and it cites each number of
// the list at least once, in the product as well as in a test.
func TestInvariants_AreCitedByTheCodeThatUpholdsThem(t *testing.T) {
	page, err := os.ReadFile(path("docs/design.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "\n## Invariants\n")
	list, _, _ = strings.Cut(list, "\n### ")
	listed := make(map[int]bool)
	for i, match := range invariant.FindAllStringSubmatch(list, -1) {
		if match[1] != strconv.Itoa(i+1) {
			t.Fatalf("docs/design.md: invariant %d of the list has the number %s", i+1, match[1])
		}
		listed[i+1] = true
	}
	if len(listed) < 9 {
		t.Fatalf("docs/design.md: found %d invariants", len(listed))
	}

	upheld, attacked := make(map[int]bool), make(map[int]bool)
	root := path(".")
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" || filepath.Base(file) == "invariants_test.go" {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		where := upheld
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(filepath.ToSlash(name), "test/") {
			where = attacked
		}
		for _, n := range cited(string(text)) {
			where[n] = true
			if !listed[n] {
				t.Errorf("%s cites invariant %d, which docs/design.md does not list", name, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range listed {
		if !upheld[n] {
			t.Errorf("no code cites invariant %d", n)
		}
		if !attacked[n] {
			t.Errorf("no test cites invariant %d", n)
		}
	}
}

func TestCited_ReadsEveryFormOfACitation(t *testing.T) {
	for text, want := range map[string][]int{
		"the token goes to Graph alone (invariant 7), and": {7},
		"in one transaction (invariants 1, 2 and 12).":     {1, 2, 12},
		"Invariant 3 is not a citation in this form":       nil,
		"invariants of the ladder":                         nil,
	} {
		if got := cited(text); !slices.Equal(got, want) {
			t.Errorf("%q cites %v, want %v", text, got, want)
		}
	}
}
