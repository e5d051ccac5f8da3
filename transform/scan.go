package transform

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// cursor reads the JSON text of one item from front to back. It exists because reading JSON is the
// costliest step of the whole way: with it, an item becomes a record in less time than a general
// decoder takes for the tokens alone (see the benchmarks). What is rare it leaves to the library: values
// the record does not know, and the doubt whether a name stands twice. Fuzz tests hold it to the
// library's judgement of what is well-formed.
type cursor struct {
	data []byte
	at   int
}

// span is a part of the data.
type span struct{ from, to int }

// peek skips white space and returns the byte that follows, 0 at the end of the data (a byte that no
// JSON has there).
func (c *cursor) peek() byte {
	if c.at < len(c.data) && c.data[c.at] > ' ' {
		return c.data[c.at]
	}
	return c.peekFurther()
}

func (c *cursor) peekFurther() byte {
	for c.at < len(c.data) {
		switch b := c.data[c.at]; b {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// take skips white space and the byte b, and tells whether it was there.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

// literal reads null, true or false.
func (c *cursor) literal(word string) bool {
	end := c.at + len(word)
	if end > len(c.data) || string(c.data[c.at:end]) != word {
		return false
	}
	c.at = end
	return true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has the lowest bit set that belongs to the first byte of w, in little endian order, that
// is a quote, a backslash or a control character; bits above it mean nothing. It is 0 if there is no
// such byte.
func special(w uint64) uint64 {
	quote := w ^ ones*'"'
	backslash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*0x20)&^w) & highs
}

// quoted reads a string, from quote to quote. inside lies between the quotes, and is the string itself
// if it is plain; otherwise it has escapes, which are well-formed.
func (c *cursor) quoted() (inside span, plain, ok bool) {
	data, i := c.data, c.at
	if i >= len(data) || data[i] != '"' {
		return span{}, false, false
	}
	i++
	from := i
	plain = true
	var high uint64 // its high bits tell whether there was a byte beyond ASCII
	for {
		if i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			found := special(w)
			high |= w
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		} else {
			for i < len(data) && data[i] != '"' && data[i] != '\\' && data[i] >= 0x20 {
				high |= uint64(data[i])
				i++
			}
			if i >= len(data) {
				return span{}, false, false
			}
		}
		switch data[i] {
		case '"':
			c.at = i + 1
			inside = span{from, i}
			return inside, plain, high&highs == 0 || utf8.Valid(data[from:i])
		case '\\':
			plain = false
			n := escapeLength(data[i:])
			if n == 0 {
				return span{}, false, false
			}
			i += n
		default:
			return span{}, false, false
		}
	}
}

// escapeLength returns the length of the escape that s begins with, 0 if it is malformed.
func escapeLength(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := codeUnit(s); ok {
			return 6
		}
	}
	return 0
}

// codeUnit reads the four digits of the escape \uXXXX that s begins with.
func codeUnit(s []byte) (rune, bool) {
	if len(s) < 6 {
		return 0, false
	}
	var r rune
	for _, b := range s[2:6] {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b >= 'a' && b <= 'f':
			b -= 'a' - 10
		case b >= 'A' && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

// appendUnescaped appends what lies inside a string whose escapes are well-formed. It is not ok if
// there is half a surrogate pair in it: JSON can say that, UTF-8 cannot.
func appendUnescaped(dst, inside []byte) (unescaped []byte, ok bool) {
	for {
		n := bytes.IndexByte(inside, '\\')
		if n < 0 {
			return append(dst, inside...), true
		}
		dst = append(dst, inside[:n]...)
		r, length := unescape(inside[n:])
		if r < 0 {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
		inside = inside[n+length:]
	}
}

// unescape returns what the well-formed escape that s begins with stands for, and its length; for half
// a surrogate pair −1.
func unescape(s []byte) (r rune, length int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default: // a quote, a backslash or a slash
		return rune(s[1]), 2
	}
	r, _ = codeUnit(s)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if s = s[6:]; len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1, 0
	}
	low, _ := codeUnit(s)
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return -1, 0
	}
	return r, 12
}

// number reads a number.
func (c *cursor) number() (span, bool) {
	from := c.at
	c.digit('-')
	if !c.digit('0') && !c.digits() {
		return span{}, false
	}
	if c.digit('.') && !c.digits() {
		return span{}, false
	}
	if c.digit('e') || c.digit('E') {
		if !c.digit('+') {
			c.digit('-')
		}
		if !c.digits() {
			return span{}, false
		}
	}
	return span{from, c.at}, true
}

// digit reads the byte b of a number, if it is there.
func (c *cursor) digit(b byte) bool {
	if c.at >= len(c.data) || c.data[c.at] != b {
		return false
	}
	c.at++
	return true
}

func (c *cursor) digits() bool {
	from := c.at
	for c.at < len(c.data) && c.data[c.at] >= '0' && c.data[c.at] <= '9' {
		c.at++
	}
	return c.at > from
}

// value reads any value, strictly.
func (c *cursor) value() (span, bool) {
	var ok bool
	var whole span
	switch c.peek() {
	case '"':
		from := c.at
		_, _, ok = c.quoted()
		whole = span{from, c.at}
	case 'n':
		whole = span{c.at, c.at + len("null")}
		ok = c.literal("null")
	case 't':
		whole = span{c.at, c.at + len("true")}
		ok = c.literal("true")
	case 'f':
		whole = span{c.at, c.at + len("false")}
		ok = c.literal("false")
	case '{', '[':
		// Rare: the library decides.
		rest := bytes.NewBuffer(c.data[c.at:])
		value, err := jsontext.NewDecoder(rest, jsontext.AllowInvalidUTF8(true)).ReadValue()
		whole = span{c.at, c.at + len(value)}
		ok = err == nil && utf8.Valid(value)
		c.at = whole.to
	default:
		whole, ok = c.number()
	}
	return whole, ok
}

// skip passes over any value and looks no closer at it than it must to find its end, which is right
// for every well-formed value and arbitrary for others.
func (c *cursor) skip() bool {
	depth := 0
	for {
		switch c.peek() {
		case 0, ',', ':':
			return false
		case '"':
			if !c.skipText() {
				return false
			}
		case '{', '[':
			depth++
			c.at++
			continue // an empty one ends at once
		case '}', ']':
			if depth == 0 {
				return false
			}
			depth--
			c.at++
		default:
			c.skipScalar()
		}
		if depth == 0 {
			return true
		}
		for b := c.peek(); b == ',' || b == ':'; b = c.peek() {
			c.at++
		}
	}
}

func (c *cursor) skipText() bool {
	for i := c.at + 1; ; {
		n := bytes.IndexByte(c.data[i:], '"')
		if n < 0 {
			return false
		}
		i += n + 1
		backslashes := 0
		for c.data[i-2-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			c.at = i
			return true
		}
	}
}

func (c *cursor) skipScalar() {
	for c.at < len(c.data) {
		switch c.data[c.at] {
		case ',', ':', '}', ']', ' ', '\t', '\n', '\r':
			return
		}
		c.at++
	}
}
