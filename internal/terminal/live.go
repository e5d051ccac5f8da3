package terminal

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
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
	drawn []int // the lengths of the lines on the screen now
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

// On reports whether the lines can be seen.
func (l *Live) On() bool { return l.size != nil }

// Field is a part of a line. Rank orders what is left out where a line does not fit: the largest first.
// A field of rank 0 stays.
type Field struct {
	Text string
	Rank int
}

// Line joins as many fields as the terminal has room for at present.
func (l *Live) Line(separator string, fields ...Field) string {
	width, _ := l.dimensions()
	for {
		texts, last := make([]string, len(fields)), -1
		for i, f := range fields {
			texts[i] = f.Text
			if f.Rank > 0 && (last < 0 || f.Rank > fields[last].Rank) {
				last = i
			}
		}
		line := strings.Join(texts, separator)
		if utf8.RuneCountInString(line) < width || last < 0 {
			return line
		}
		fields = slices.Concat(fields[:last], fields[last+1:])
	}
}

// dimensions of the terminal, which change when its window does.
func (l *Live) dimensions() (width, height int) {
	if l.size == nil {
		return math.MaxInt, math.MaxInt
	}
	width, height, err := l.size()
	if err != nil || width < 2 || height < 2 {
		return 80, 24
	}
	return width, height
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

// erase goes back to the first of the drawn lines. In a window that has become narrower, lines take several rows.
func (l *Live) erase() string {
	if len(l.drawn) == 0 {
		return ""
	}
	width, _ := l.dimensions()
	rows := 0
	for _, length := range l.drawn {
		rows += max(1, (length+width-1)/width)
	}
	up := ""
	if rows > 1 {
		up = fmt.Sprintf("\x1b[%dA", rows-1)
	}
	l.drawn = nil
	return "\r" + up + "\x1b[J"
}

// draw cuts each line off at the edge of the screen, because a line that wraps could not be erased.
func (l *Live) draw() string {
	width, height := l.dimensions()
	lines := l.lines
	if len(lines) >= height {
		lines = lines[:height-1]
	}
	cut := make([]string, len(lines))
	for i, line := range lines {
		if utf8.RuneCountInString(line) >= width {
			line = string([]rune(line)[:width-1])
		}
		cut[i] = line
		l.drawn = append(l.drawn, utf8.RuneCountInString(line))
	}
	return strings.Join(cut, "\n")
}
