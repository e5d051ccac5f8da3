package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// Live keeps a few lines up to date at the bottom of a terminal, below whatever else is written through
// it. Without a terminal it shows nothing and only writes. It is safe for concurrent use.
type Live struct {
	out  io.Writer
	size func() (width, height int, err error) // nil: not a terminal

	mu    sync.Mutex
	lines []string
	drawn int // lines on the screen now
}

// NewLive returns a display on a stream.
func NewLive(out io.Writer) *Live {
	l := &Live{out: out}
	if f, ok := out.(*os.File); ok && Is(f) {
		l.size = func() (int, int, error) { return term.GetSize(int(f.Fd())) }
	}
	return l
}

// Show replaces the lines.
func (l *Live) Show(lines ...string) {
	if l.size == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = lines
	fmt.Fprint(l.out, l.erase()+l.draw())
}

// Clear removes the lines.
func (l *Live) Clear() { l.Show() }

// Write writes text above the lines. The text must end with a line feed.
func (l *Live) Write(p []byte) (int, error) {
	if l.size == nil {
		return l.out.Write(p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := io.WriteString(l.out, l.erase()+string(p)+l.draw()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (l *Live) erase() string {
	if l.drawn == 0 {
		return ""
	}
	up := ""
	if l.drawn > 1 {
		up = fmt.Sprintf("\x1b[%dA", l.drawn-1)
	}
	l.drawn = 0
	return "\r" + up + "\x1b[J"
}

// draw cuts each line off at the edge of the screen, because a line that wraps could not be erased.
func (l *Live) draw() string {
	width, height, err := l.size()
	if err != nil || width < 2 || height < 2 {
		width, height = 80, 24
	}
	lines := l.lines
	if len(lines) >= height {
		lines = lines[:height-1]
	}
	l.drawn = len(lines)
	cut := make([]string, len(lines))
	for i, line := range lines {
		if utf8.RuneCountInString(line) >= width {
			line = string([]rune(line)[:width-1])
		}
		cut[i] = line
	}
	return strings.Join(cut, "\n")
}
