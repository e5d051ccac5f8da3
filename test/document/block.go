package document

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Block is a piece of a page that is set apart: fenced, or indented by four spaces.
type Block struct {
	// Heading is the heading (## …) that it is under.
	Heading string
	// Line is the number of its first line, from 1.
	Line int
	// Fenced tells it from an indented one.
	Fenced bool
	// Mark is the comment in front of it, without the comment's signs; empty if there is none.
	Mark string
	// Text is what it holds, without fences and indentation.
	Text string
}

// path is a file of the repository, named from its root.
func path(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", name)
}

// Blocks returns the blocks of a page, which is named from the repository's root, in their order.
func Blocks(t testing.TB, page string) []Block {
	t.Helper()
	text, err := os.ReadFile(path(page))
	if err != nil {
		t.Fatal(err)
	}
	return blocks(string(text))
}

func blocks(text string) (found []Block) {
	var open *Block // the block that the line before was a part of
	var heading, mark string
	var body, blank strings.Builder
	end := func() {
		if open != nil {
			open.Text = body.String()
			found = append(found, *open)
		}
		open, mark = nil, ""
		body.Reset()
		blank.Reset()
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		indented := strings.TrimPrefix(line, "    ")
		switch {
		case open != nil && open.Fenced:
			if strings.HasPrefix(line, "```") {
				end()
				continue
			}
			body.WriteString(line)
		case strings.HasPrefix(line, "```"):
			open = &Block{Heading: heading, Line: number + 1, Fenced: true, Mark: mark}
		case strings.TrimSpace(line) == "":
			blank.WriteString("\n") // a part of the block if it continues behind
		case indented != line:
			if open == nil {
				open = &Block{Heading: heading, Line: number, Mark: mark}
				blank.Reset()
			}
			body.WriteString(blank.String() + indented)
			blank.Reset()
		default:
			end()
			if title, ok := strings.CutPrefix(line, "## "); ok {
				heading = strings.TrimSpace(title)
			}
			if comment, ok := strings.CutPrefix(line, "<!-- "); ok {
				mark = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(comment), "-->"))
			}
		}
	}
	end()
	return found
}

// RunBy returns a page's blocks that the running test is named in front of, in their order. There is at least one.
func RunBy(t testing.TB, page string) (run []Block) {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	for _, block := range Blocks(t, page) {
		if mark, ok := strings.CutPrefix(block.Mark, "run by: "); ok && strings.HasSuffix(mark, " "+test) {
			run = append(run, block)
		}
	}
	if len(run) == 0 {
		t.Fatalf("%s has no block that %s runs", page, test)
	}
	return run
}

// Replace puts values in the place of placeholders, given in pairs. Each placeholder must be in the text.
func Replace(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the block does not hold %q:\n%s", pairs[i], text)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
