package terminal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func screenSize(width, height int) func() (int, int, error) {
	return func() (int, int, error) { return width, height, nil }
}

// visible is what a terminal shows after all of text, line by line. It knows as much of terminals as [Live] uses.
func visible(text string) []string {
	lines, row := []string{""}, 0
	for text != "" {
		up := 0
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			lines, text = append(lines[:row], ""), text[3:]
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &up); err != nil {
				panic("unknown sequence " + text)
			}
			row -= up
			text = text[strings.Index(text, "A")+1:]
		case text[0] == '\r':
			text = text[1:]
		case text[0] == '\n':
			row++
			if row == len(lines) {
				lines = append(lines, "")
			}
			text = text[1:]
		default:
			lines[row] += text[:1]
			text = text[1:]
		}
	}
	return lines
}

func TestLive_TheLinesStayBelowWhatIsWritten(t *testing.T) {
	var out strings.Builder
	l := NewLive(&out)
	l.size = screenSize(12, 24)
	check := func(want ...string) {
		t.Helper()
		if got := visible(out.String()); !slices.Equal(got, want) {
			t.Errorf("the screen shows %q, want %q", got, want)
		}
	}
	write := func(text string) {
		t.Helper()
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	l.Show("one: 1", "two: 1")
	write("log 1\n")
	check("log 1", "one: 1", "two: 1")
	l.Show("one: 2, and more than fits", "two: 2")
	check("log 1", "one: 2, and", "two: 2")
	write("log 2\n")
	l.Show("only one")
	check("log 1", "log 2", "only one")
	l.Clear()
	write("log 3\n")
	check("log 1", "log 2", "log 3", "")
	l.size = screenSize(12, 3)
	l.Show("a", "b", "c", "d")
	check("log 1", "log 2", "log 3", "a", "b")
}

func TestLive_WithoutATerminalOnlyWhatIsWrittenAppears(t *testing.T) {
	var out strings.Builder
	l := NewLive(&out)
	l.Show("one", "two")
	if _, err := l.Write([]byte("log\n")); err != nil {
		t.Fatal(err)
	}
	l.Clear()
	if got := out.String(); got != "log\n" {
		t.Errorf("the stream got %q", got)
	}
}

func TestLive_ALineHasTheFieldsThatFit(t *testing.T) {
	l := NewLive(&strings.Builder{})
	fields := []Field{{Text: "written 5"}, {Text: "lag 1s", Rank: 1}, {Text: "a detail", Rank: 3}, {Text: "shown 7", Rank: 2}}
	for width, want := range map[int]string{
		200: "written 5 · lag 1s · a detail · shown 7",
		40:  "written 5 · lag 1s · a detail · shown 7",
		39:  "written 5 · lag 1s · shown 7",
		20:  "written 5 · lag 1s",
		5:   "written 5",
	} {
		l.size = screenSize(width, 24)
		if got := l.Line(" · ", fields...); got != want {
			t.Errorf("at %d columns: %q, want %q", width, got, want)
		}
	}
	l.size = nil
	if got, want := l.Line(" · ", fields...), "written 5 · lag 1s · a detail · shown 7"; got != want {
		t.Errorf("without a terminal: %q, want %q", got, want)
	}
}

// A line that was drawn in a wide window takes several rows once the window is narrow. All of them are erased.
func TestLive_ErasesAllRowsAfterTheWindowBecameNarrow(t *testing.T) {
	var out strings.Builder
	l := NewLive(&out)
	l.size = screenSize(40, 24)
	l.Show("123456789012345678901234567890", "1234")
	l.size = screenSize(12, 24)
	before := out.Len()
	l.Show("short")
	if got, want := out.String()[before:], "\r\x1b[3A\x1b[Jshort"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
