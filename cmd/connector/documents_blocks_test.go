package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/test/document"
)

// typed are the programs by which a line is known as a command.
var typed = regexp.MustCompile(`(?m)^(?:connector|go|helm|kubectl|docker|curl|az|kcat|jq|git|\.ci/run|test/deploy/\w+) `)

// TestDocuments_EveryBlockSaysWhatBecomesOfIt holds each block of a page to the comment in front of it (package
// test/document): the test that is named is there and takes the page's blocks, the script has such a line, and what is
// only shown is not a command.
func TestDocuments_EveryBlockSaysWhatBecomesOfIt(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	var script []byte // and the commands of the targets that it calls
	for _, file := range []string{"../../.ci/run", "../../Makefile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script = append(script, bytes.ReplaceAll(text, []byte("$$"), []byte("$"))...) // as make writes a dollar
	}
	checked := 0
	for page := range documents(t) {
		for _, block := range document.Blocks(t, page) {
			checked++
			kind, what, _ := strings.Cut(block.Mark, ": ")
			switch {
			case what == "":
				t.Errorf("%s:%d: nothing says what runs it, what it needs, or that it is only shown (see package test/document)", page, block.Line)
			case kind == "run by" && what == ".ci/run":
				for _, command := range commands(block.Text) {
					if !scripted(string(script), command) {
						t.Errorf("%s:%d: .ci/run does not run %q", page, block.Line, command)
					}
				}
			case kind == "run by":
				folder, test, _ := strings.Cut(what, " ")
				if !slices.Contains(tests(t, folder, declared), test) {
					t.Errorf("%s:%d: %s has no %s", page, block.Line, folder, test)
				} else if !takes(t, folder, page) {
					t.Errorf("%s:%d: no test in %s takes the blocks of the page", page, block.Line, folder)
				}
			case kind == "same as":
				var other []string
				for _, block := range document.Blocks(t, what) {
					if strings.HasPrefix(block.Mark, "run by: ") {
						other = append(other, commands(block.Text)...)
					}
				}
				for _, command := range commands(block.Text) {
					if !slices.Contains(other, command) {
						t.Errorf("%s:%d: %s has no %q that is run", page, block.Line, what, command)
					}
				}
			case kind == "shows" && typed.MatchString(block.Text):
				t.Errorf("%s:%d: it shows a command, which something has to run", page, block.Line)
			case kind != "shows" && kind != "needs":
				t.Errorf("%s:%d: %q is not a word for what becomes of it", page, block.Line, block.Mark)
			}
		}
	}
	if checked < 30 {
		t.Errorf("found %d blocks", checked)
	}
}

// commands are a block's lines, without what is behind a # or in front of it.
func commands(text string) (found []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			found = append(found, line)
		}
	}
	return found
}

// scripted reports whether a line of the script has the command's words, in their order; how many of something there are may
// differ. It has go test ./..., and so every test that needs no tag.
func scripted(script, command string) bool {
	words := strings.Fields(command)
	if len(words) > 2 && words[0] == "go" && words[1] == "test" && !strings.Contains(command, " -tags") && !strings.Contains(command, " -bench") {
		words = []string{"go", "test", "./..."} // that there is such a test is another test's matter
	}
	number := regexp.MustCompile(`^\d+$`)
	for line := range strings.Lines(script) {
		rest := words
		for _, word := range strings.Fields(line) {
			if len(rest) > 0 && (word == rest[0] || number.MatchString(word) && number.MatchString(rest[0])) {
				rest = rest[1:]
			}
		}
		if len(rest) == 0 && !strings.HasPrefix(line, "step ") {
			return true
		}
	}
	return false
}

// takes reports whether the tests of a folder take the blocks of a page: by its name, or as package test/reading does.
func takes(t *testing.T, folder, page string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	calls := []string{`document.RunBy(t, "` + page + `")`}
	if page == "docs/reading.md" {
		calls = append(calls, "reading.Headings(t)")
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && slices.ContainsFunc(calls, func(call string) bool { return strings.Contains(string(text), call) })
	})
}

// A command of the connector that is in a sentence or in a block is one that it takes.
func TestDocuments_CommandLinesAreTaken(t *testing.T) {
	inline := regexp.MustCompile("`connector ([a-z][^`]*)`")
	typed := regexp.MustCompile(`(?m)(?:^|[ /])connector ([a-z].*)$`)
	checked := 0
	for page, text := range documents(t) {
		found := inline.FindAllStringSubmatch(text, -1)
		for _, block := range document.Blocks(t, page) {
			if strings.HasPrefix(block.Mark, "run by: ") {
				found = append(found, typed.FindAllStringSubmatch(strings.ReplaceAll(block.Text, "\\\n", " "), -1)...)
			}
		}
		for _, match := range found {
			command := match[1]
			for _, end := range []string{" #", " |", " >"} {
				command, _, _ = strings.Cut(command, end)
			}
			if err := taken(strings.Fields(command)); err != nil {
				t.Errorf("%s: connector %s: %v", page, command, err)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("found %d commands", checked)
	}
	for _, wrong := range []string{"ofsets list", "offsets list --jsn", "offsets lst"} {
		if taken(strings.Fields(wrong)) == nil {
			t.Errorf("connector %s is not found out", wrong)
		}
	}
}

// taken says what is wrong with a command line, as far as words and flags go.
func taken(args []string) error {
	cmd, rest, err := rootCommand().Find(args)
	if err != nil {
		return err
	}
	if !cmd.HasParent() || cmd.HasSubCommands() && len(rest) > 0 {
		return errors.New("there is no such command")
	}
	if err := cmd.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return nil
}
