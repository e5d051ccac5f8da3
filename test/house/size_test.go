package house

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The limits of what is read in one sitting.
const (
	fileLines        = 400
	functionLines    = 60
	commandLineLines = 1200
)

// root is the folder of the module, seen from this one.
const root = "../.."

// longFiles and longFunctions have a reason to be longer than the limit. They may not be longer than at
// present: lower a number when you make one shorter.
var longFiles = map[string]exception{
	"transform/records.go": {434, "one method per type of record, each a list of properties; in two files they would be looked for in the wrong one"},
	"test/chaos/run.go":    {496, "a run from beginning to end, beside the trouble and the evidence that have files of their own"},
}

const (
	oneList   = "a list: one entry per line, no branches"
	oneShape  = "renders one item from its first byte to its last, without allocating between parts"
	oneScript = "the steps of one measurement, in their order"
	oneSwitch = "one switch over all that can be met; its cases are short and in one place"
	hotLoop   = "a loop that every message passes; calls in it cost time"
)

var longFunctions = map[string]exception{
	"internal/instruments/graphsim/behaviors.go behaviors":                 {78, oneList},
	"internal/instruments/graphsim/folder.go matching":                     {62, hotLoop},
	"internal/instruments/graphsim/ledger_lines.go WriteLedger":            {65, oneShape},
	"internal/instruments/graphsim/ledger_lines.go line":                   {83, oneShape},
	"internal/instruments/graphsim/messages.go getAllMessages":             {83, oneSwitch},
	"internal/instruments/graphsim/messages_request.go parseMessagesQuery": {64, oneSwitch},
	"internal/instruments/graphsim/render.go appendItem":                   {142, oneShape},
	"internal/instruments/graphsim/validate.go Validate":                   {83, oneList},
	"internal/base/tail/tail.go Read":                                      {84, "a read from its first fetch to its end, with the conditions that end it"},
	"internal/doctor/topics.go strays":                                     {65, oneSwitch},
	"internal/worker/metrics.go NewMetrics":                                {88, oneList},
	"offsets/position.go ParseValue":                                       {72, oneSwitch},
	"source/metrics.go NewMetrics":                                         {95, oneList},
	"source/slice.go readSlice":                                            {68, "a slice from its first page to its last; each outcome of a page ends or repeats the loop"},
	"test/bench/cost.go measureCost":                                       {81, oneScript},
	"test/bench/live.go measureLive":                                       {68, oneScript},
	"test/chaos/run.go live":                                               {66, oneScript},
	"transform/duration.go durationMillis":                                 {63, oneSwitch},
	"transform/records.go chatMessage":                                     {66, oneList},
	"transform/records.go eventDetail":                                     {75, oneSwitch},
}

// exception is a size above the limit, and why.
type exception struct {
	lines  int
	reason string
}

// source is a Go file of the module that is neither a test nor generated.
type source struct {
	name string // from the module's root, with slashes
	text []byte
}

func sources(t *testing.T) (found []source) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "target") {
				return filepath.SkipDir
			}
			return nil
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil || bytes.HasPrefix(text, []byte("// Code generated ")) {
			return err
		}
		name, err := filepath.Rel(root, file)
		found = append(found, source{filepath.ToSlash(name), text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 200 {
		t.Fatalf("found %d files", len(found))
	}
	return found
}

// lines counts the lines of a text, the last one with or without its end.
func lines(text []byte) (n int) {
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		n++
	}
	return n
}

// check compares sizes with the limit, and the exceptions with what is there.
func check(t *testing.T, limit int, sizes map[string]int, exceptions map[string]exception) {
	t.Helper()
	for name, size := range sizes {
		allowed := max(limit, exceptions[name].lines)
		if size > allowed {
			t.Errorf("%s has %d lines, at most %d are allowed: take it apart, or list it here with a reason", name, size, allowed)
		}
	}
	for name, e := range exceptions {
		switch {
		case e.reason == "":
			t.Errorf("%s is listed without a reason", name)
		case sizes[name] <= limit:
			t.Errorf("%s has %d lines and no longer needs to be listed", name, sizes[name])
		}
	}
}

func TestFiles_AreReadInOneSitting(t *testing.T) {
	sizes := make(map[string]int)
	for _, file := range sources(t) {
		sizes[file.name] = lines(file.text)
	}
	check(t, fileLines, sizes, longFiles)
}

func TestFunctions_AreReadAtOneGlance(t *testing.T) {
	sizes := make(map[string]int)
	for _, file := range sources(t) {
		positions := token.NewFileSet()
		parsed, err := parser.ParseFile(positions, file.name, file.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				name := file.name + " " + function.Name.Name
				size := positions.Position(function.End()).Line - positions.Position(function.Pos()).Line + 1
				sizes[name] = max(sizes[name], size)
			}
		}
	}
	check(t, functionLines, sizes, longFunctions)
}

// The command line parses flags, calls one function, prints, and chooses an exit code.
func TestCommandLine_IsSmall(t *testing.T) {
	sum := 0
	for _, file := range sources(t) {
		if strings.HasPrefix(file.name, "cmd/connector/") {
			sum += lines(file.text)
		}
	}
	if sum == 0 || sum > commandLineLines {
		t.Errorf("cmd/connector has %d lines, want no more than %d: move what it does into a package behind it", sum, commandLineLines)
	}
}
