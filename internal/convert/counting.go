package convert

import (
	"bytes"
	"errors"
	"io"
)

// countingReader knows the line of each offset and can take back bytes that were read too far.
type countingReader struct {
	source  io.Reader
	pending []byte  // taken back
	offset  int64   // of the next byte that the source returns
	line    int64   // of the last offset that was asked for
	ends    []int64 // offsets of line ends that were read but lie after it
}

func (c *countingReader) Read(p []byte) (int, error) {
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	n, err := c.source.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.ends = append(c.ends, c.offset+int64(i))
		}
	}
	c.offset += int64(n)
	return n, err
}

// lineAt returns the line of an offset. Offsets must not decrease from call to call.
func (c *countingReader) lineAt(offset int64) int64 {
	passed := 0
	for passed < len(c.ends) && c.ends[passed] < offset {
		passed++
	}
	c.ends = c.ends[passed:]
	c.line += int64(passed)
	return c.line
}

// unread takes back the bytes that were read last.
func (c *countingReader) unread(data []byte) {
	c.pending = append(bytes.Clone(data), c.pending...)
}

// discard drops n of the bytes that were taken back.
func (c *countingReader) discard(n int64) {
	if n > 0 {
		c.pending = c.pending[min(n, int64(len(c.pending))):]
	}
}

// skipToLine reads up to a line that begins with a brace or a bracket, or to the end of the input,
// and returns the number of bytes it passed.
func (c *countingReader) skipToLine() (passed int64, err error) {
	var previous byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := c.Read(chunk)
		for i, b := range chunk[:n] {
			if previous == '\n' && (b == '{' || b == '[') {
				c.unread(chunk[i:n])
				return passed + int64(i), nil
			}
			previous = b
		}
		passed += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return passed, nil
		case err != nil:
			return passed, err
		}
	}
}
