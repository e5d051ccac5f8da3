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
