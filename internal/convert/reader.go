package convert

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// inputItem is one item of the input.
type inputItem struct {
	raw   []byte // its JSON; valid until the next call
	place place
}

// place is a place in the input.
type place struct {
	line   int64 // from 1
	offset int64 // in bytes, from 0
}

func (p place) String() string { return fmt.Sprintf("line %d, byte %d", p.line, p.offset) }

// inputError reports a place where the input is not JSON. Reading can continue.
type inputError struct {
	place place
	err   error
}

func (e *inputError) Error() string { return fmt.Sprintf("%v: invalid JSON: %v", e.place, e.err) }

func (e *inputError) Unwrap() error { return e.err }

// itemReader splits its input into items, one at a time, so the input can be of any size. The input
// is a sequence of JSON values. Each value is one of:
//
//   - an item;
//   - an array: each element counts as a value;
//   - a page: an object with an array called value, preceded only by annotations (members whose
//     names begin with @). Each element of the array counts as a value.
//
// After invalid JSON it continues at the next line that begins with a brace or a bracket. In a file
// with one item per line, a bad line therefore costs no other line.
type itemReader struct {
	input   *countingReader
	decoder *jsontext.Decoder
	base    int64 // the offset at which the decoder began
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

// decode starts a new decoder.
func (r *itemReader) decode() {
	// Oddities inside an item are for transform to judge.
	r.decoder = jsontext.NewDecoder(r.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	r.inside = r.inside[:0]
}

// next returns the next item, or io.EOF after the last. After an *inputError it can be called
// again. Other errors are those of the input.
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
		if len(r.inside) > 0 {
			passed, err := r.leave(kind)
			if err != nil {
				return inputItem{}, err
			}
			if passed {
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
		default: // transform will refuse it, or it is the end, or it is not JSON
			raw, err := r.decoder.ReadValue()
			if err != nil {
				return inputItem{}, err
			}
			return inputItem{raw, r.passed(len(raw))}, nil
		}
	}
}

// leave passes the end of the innermost container, or a member of a page that follows its items. It
// reports whether it passed anything.
func (r *itemReader) leave(next jsontext.Kind) (bool, error) {
	last := len(r.inside) - 1
	if next == ']' || next == '}' {
		r.inside = r.inside[:last]
		_, err := r.decoder.ReadToken()
		return true, err
	}
	if r.inside[last] != page {
		return false, nil
	}
	if err := r.decoder.SkipValue(); err != nil { // the name
		return false, err
	}
	return true, r.decoder.SkipValue()
}

// object reads an object whose opening brace has been read and returns the whole object. For a page
// it reads only up to the first item and returns nil.
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
		raw = append(raw, name...) // the decoder reuses its buffer at the next step
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

// passed returns where the value began that the decoder has just read, given its length.
func (r *itemReader) passed(length int) place {
	at := r.base + r.decoder.InputOffset() - int64(length)
	return place{r.input.lineAt(at), at}
}

// resume moves to the first line, at the offset or after it, that begins with a brace or a bracket.
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
