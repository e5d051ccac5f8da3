package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// inputItem is one item of the input.
type inputItem struct {
	raw   []byte // its JSON; good until the next call
	place place
}

// place is where something begins in the input.
type place struct {
	line   int64 // from 1
	offset int64 // in bytes, from 0
}

func (p place) String() string { return fmt.Sprintf("line %d, byte %d", p.line, p.offset) }

// inputError says that the input is no JSON at some place. Reading can go on.
type inputError struct {
	place place
	err   error
}

func (e *inputError) Error() string { return fmt.Sprintf("%v: no JSON: %v", e.place, e.err) }

func (e *inputError) Unwrap() error { return e.err }

// itemReader cuts its input into items, one at a time, so that the input may be of any size. The input is
// any number of JSON values, one behind the other: an item, an array, of whose elements each counts
// as a value of its own, or a page, an object with an array called value behind nothing but
// annotations (members that begin with @), whose elements count alike.
//
// After an error in the JSON it goes on at the next line that begins with a brace or a bracket: of a file
// with one item per line, a bad line costs no other line.
type itemReader struct {
	input   *countingReader
	decoder *jsontext.Decoder
	base    int64 // offset at which the decoder began
	inside  []container
}

// container is what the reader is inside of.
type container byte

const (
	array container = iota
	page
)

func newItemReader(input io.Reader) *itemReader {
	r := &itemReader{input: &countingReader{source: input, line: 1}}
	r.decode()
	return r
}

// decode begins with a new decoder.
func (r *itemReader) decode() {
	// What is odd inside an item is for transform to judge.
	r.decoder = jsontext.NewDecoder(r.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	r.inside = r.inside[:0]
}

// next returns the next item, or io.EOF behind the last. Behind an error of type *inputError it can be
// called again; other errors are those of the input.
func (r *itemReader) next() (inputItem, error) {
	item, err := r.read()
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		at := r.base + syntax.ByteOffset
		err = &inputError{place{r.input.lineAt(at), at}, syntax.Err}
		if resumeErr := r.resume(at); resumeErr != nil {
			return inputItem{}, resumeErr
		}
	}
	return item, err
}

func (r *itemReader) read() (inputItem, error) {
	for {
		kind := r.decoder.PeekKind()
		if last := len(r.inside) - 1; last >= 0 {
			switch {
			case kind == ']' || kind == '}':
				r.inside = r.inside[:last]
				if _, err := r.decoder.ReadToken(); err != nil {
					return inputItem{}, err
				}
				continue
			case r.inside[last] == page: // what stands behind the items
				if err := r.decoder.SkipValue(); err != nil { // a name
					return inputItem{}, err
				}
				if err := r.decoder.SkipValue(); err != nil {
					return inputItem{}, err
				}
				continue
			}
		}
		switch kind {
		case '[':
			if _, err := r.decoder.ReadToken(); err != nil {
				return inputItem{}, err
			}
			r.inside = append(r.inside, array)
		case '{':
			if _, err := r.decoder.ReadToken(); err != nil {
				return inputItem{}, err
			}
			begin := r.passed(1)
			raw, err := r.object()
			if err != nil {
				return inputItem{}, err
			}
			if raw != nil {
				return inputItem{raw, begin}, nil
			}
		default: // no item, which is for transform to say; or the end, or no JSON
			raw, err := r.decoder.ReadValue()
			if err != nil {
				return inputItem{}, err
			}
			return inputItem{raw, r.passed(len(raw))}, nil
		}
	}
}

// object reads an object from behind its brace to its end and returns it, unless it turns out to be a page:
// of that it reads the beginning, and returns nil.
func (r *itemReader) object() ([]byte, error) {
	raw := []byte{'{'}
	for annotations := true; r.decoder.PeekKind() != '}'; {
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		begin := len(raw)
		name, err := r.decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		raw = append(raw, name...) // the decoder's own goes with its next step
		if annotations && string(raw[begin:]) == `"value"` && r.decoder.PeekKind() == '[' {
			r.inside = append(r.inside, page, array)
			_, err := r.decoder.ReadToken()
			return nil, err
		}
		annotations = annotations && strings.HasPrefix(string(raw[begin:]), `"@`)
		value, err := r.decoder.ReadValue()
		if err != nil {
			return nil, err
		}
		raw = append(append(raw, ':'), value...)
	}
	_, err := r.decoder.ReadToken()
	return append(raw, '}'), err
}

// passed is where that began which the decoder has just read, of the given length.
func (r *itemReader) passed(length int) place {
	at := r.base + r.decoder.InputOffset() - int64(length)
	return place{r.input.lineAt(at), at}
}

// resume goes to the first line that begins with a brace or a bracket, at the offset or behind it.
func (r *itemReader) resume(at int64) error {
	r.base += r.decoder.InputOffset()
	r.input.unread(r.decoder.UnreadBuffer())
	r.input.discard(at - 1 - r.base)
	r.base = max(r.base, at-1)
	passed, err := r.input.skipToLine()
	r.base += passed
	r.decode()
	return err
}

// countingReader knows on which line an offset lies, and can take back what was read too far.
type countingReader struct {
	source  io.Reader
	pending []byte // taken back
	offset  int64  // of what the source gives next
	// The line on which the last offset lay that was asked for, and the offsets of the line ends that
	// were read but lie behind it.
	line int64
	ends []int64
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

// lineAt is the line an offset lies on. Offsets must not go back.
func (c *countingReader) lineAt(offset int64) int64 {
	passed := 0
	for passed < len(c.ends) && c.ends[passed] < offset {
		passed++
	}
	c.ends = c.ends[passed:]
	c.line += int64(passed)
	return c.line
}

// unread takes back what was read last.
func (c *countingReader) unread(data []byte) {
	c.pending = append(bytes.Clone(data), c.pending...)
}

// discard drops n bytes of what was taken back.
func (c *countingReader) discard(n int64) {
	if n > 0 {
		c.pending = c.pending[min(n, int64(len(c.pending))):]
	}
}

// skipToLine reads up to a line that begins with a brace or a bracket, or to the end of the input, and
// returns how many bytes it passed.
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
