package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the project's Markdown files, by their path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/helm/*/*.md"} {
		files, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found[strings.TrimPrefix(file, "../../")] = string(text)
		}
	}
	if len(found) < 5 {
		t.Fatalf("found %d documents", len(found))
	}
	return found
}

// A command that names a test names one that there is.
func TestDocuments_NameTestsThatExist(t *testing.T) {
	command := regexp.MustCompile(`go test ([^\x60\n]*)`)
	selection := regexp.MustCompile(`-(?:run|bench|fuzz)[ =](?:'([^']*)'|(\S+))`)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
	checked := 0
	for name, text := range documents(t) {
		for _, line := range command.FindAllStringSubmatch(text, -1) {
			for _, selected := range selection.FindAllStringSubmatch(line[1], -1) {
				pattern := selected[1] + selected[2]
				if pattern == "xxx" || pattern == "^$" || pattern == "." { // none, or all
					continue
				}
				top, _, _ := strings.Cut(pattern, "/")
				wanted, err := regexp.Compile(top)
				if err != nil {
					t.Errorf("%s: %s: %v", name, line[0], err)
					continue
				}
				folder := regexp.MustCompile(`\./[\w/.]*`).FindString(line[1])
				if !slices.ContainsFunc(tests(t, folder, declared), wanted.MatchString) {
					t.Errorf("%s: %s: there is no such test", name, line[0])
				}
				checked++
			}
		}
	}
	if checked == 0 {
		t.Error("no command was found")
	}
}

// tests are the names that the test files of a folder, or with /... of all below it, declare.
func tests(t *testing.T, folder string, declared *regexp.Regexp) (names []string) {
	t.Helper()
	root := filepath.Join("../..", strings.TrimSuffix(folder, "..."))
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && !strings.HasSuffix(folder, "...") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", folder, err)
	}
	return names
}

// A link to a file or a heading of this repository leads somewhere.
func TestDocuments_LinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := documents(t)
	for name, text := range all {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target := match[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			path := name
			if file != "" {
				path = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
				t.Errorf("%s: %s: %v", name, target, err)
				continue
			}
			if linked, markdown := all[path]; anchor != "" && markdown && !slices.Contains(anchors(linked), anchor) {
				t.Errorf("%s: %s: there is no such heading", name, target)
			}
		}
	}
}

// anchors are what a Markdown page's headings can be linked by.
func anchors(text string) (found []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ToLower(strings.TrimSpace(heading[1]))
		anchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(anchor, "")
		found = append(found, strings.ReplaceAll(anchor, " ", "-"))
	}
	return found
}

// The table of exit codes is the one that --help prints.
func TestDocuments_ReadmeAndHelpHaveTheSameExitCodes(t *testing.T) {
	readme := documents(t)["README.md"]
	_, table, _ := strings.Cut(readme, "### Exit codes")
	table, _, _ = strings.Cut(table, "\n#")
	help := command(t, nil, "", "doctor", "--help")
	for _, e := range exitCodes {
		if row := fmt.Sprintf("| %d | %s |\n", e.code, e.meaning); !strings.Contains(table, row) {
			t.Errorf("the README lacks %s", row)
		}
		if row := fmt.Sprintf("  %d  %s\n", e.code, e.meaning); !strings.Contains(help.stdout, row) {
			t.Errorf("--help lacks %s:\n%s", row, help.stdout)
		}
	}
	if rows := strings.Count(table, "\n| ") - 1; rows != len(exitCodes) {
		t.Errorf("the README has %d exit codes, the code %d", rows, len(exitCodes))
	}
}
