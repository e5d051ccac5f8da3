package document

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// british matches the British spelling of words that a text about software uses. The linter (misspell)
// covers Go files, with a longer list; this one covers pages, the chart and everything else as well.
var british = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	`\w*behaviour\w*`, `colour\w*`, `favour\w*`, `honour\w*`, `neighbour\w*`, `rumour\w*`,
	`centre[sd]?`, `metres?`, `litres?`, `grey(?:ed|s)?`, `catalogue\w*`, `dialogues?`, `programmes?`,
	`licences?`, `defences?`, `offences?`, `judgements?`, `acknowledgements?`, `artefacts?`, `ageing`,
	`cancelled`, `cancelling`, `dialled`, `dialling`, `labelled`, `labelling`, `modelled`, `modelling`,
	`signalled`, `signalling`, `totalled`, `travelled`, `channelled`, `marshalled`, `marshalling`,
	`enrol`, `enrols`, `fulfil`, `fulfils`, `whilst`, `amongst`, `learnt`, `spelt`,
	`analys(?:e|es|ed|ing)`, `practis(?:e|es|ed|ing)`,
	`\w*(?:organ|serial|normal|recogn|initial|author|minim|maxim|optim|summar|custom|random|synchron|util|final|` +
		`categor|special|capital|general|standard|visual|material|penal|apolog|emphas|critic|real|priorit|token|` +
		`anonym|pseudonym|canonical|local|parallel)is(?:e|es|ed|ing|ation|ations|er|ers)`,
}, "|") + `)\b`)

// prose are the files that a reader meets, by how their names end.
var prose = []string{".md", ".go", ".yml", ".yaml", ".gotmpl", ".tpl", ".txt", ".html", ".js", ".css", ".avsc", ".json", ".java", ".py", ".sql", ".sh"}

func TestSpelling_IsAmerican(t *testing.T) {
	root, checked := path("."), 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != root && (name == ".git" || name == ".tools" || name == "target" || name == "node_modules" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		known := slices.Contains(prose, filepath.Ext(name)) || name == "Makefile" || name == "Dockerfile"
		if !known || name == "spelling_test.go" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		checked++
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			for _, word := range british.FindAllString(line, -1) {
				relative, err := filepath.Rel(root, file)
				if err != nil {
					return err
				}
				t.Errorf("%s:%d: %q is the British spelling", filepath.ToSlash(relative), number, word)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 300 {
		t.Errorf("checked %d files", checked)
	}
}

func TestSpelling_KnowsBritishFromAmerican(t *testing.T) {
	for text, want := range map[string][]string{
		"the licence of a Neighbour": {"licence", "Neighbour"},
		"serialised and normalising": {"serialised", "normalising"},
		"TestBehaviours_Color":       {"TestBehaviours_Color"},
		"otherwise precise analysis, a promise, an exercise, likewise, raised":              nil,
		"serialized, canceled, license, judgment, fulfill, enroll, color, behavior, center": nil,
	} {
		if got := british.FindAllString(text, -1); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
