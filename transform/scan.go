package transform

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/teams-kafka/connector/internal/base/jsonscan"
)

// cursor reads the JSON text of one item from front to back. It exists because reading JSON is the most
// expensive step of the whole path: with it, converting an item takes less time than a general decoder
// needs for the tokens alone (see the benchmarks). It leaves rare work to the library: values without a
// field, and the check for duplicate names. Fuzz tests compare it with the library on what is
// well-formed.
type cursor struct {
	data []byte
	at   int
}

// span is a range of the data.
type span struct{ from, to int }

// peek skips white space and returns the next byte, or 0 at the end of the data. JSON never has a 0
// byte there.
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

// take skips white space and, if it comes next, the byte b. It reports whether b was there.
func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

// literal reads null, true or false.
func (c *cursor) literal(word string) (ok bool) {
	c.at, ok = jsonscan.Literal(c.data, c.at, word)
	return ok
}

// quoted reads a string, quotes included. inside is the range between the quotes. If the string is
// plain, that is its value; otherwise it contains well-formed escapes.
func (c *cursor) quoted() (inside span, plain, ok bool) {
	end, plain, ascii, ok := jsonscan.Text(c.data, c.at)
	if !ok {
		return span{}, false, false
	}
	inside = span{c.at + 1, end - 1}
	c.at = end
	return inside, plain, ascii || utf8.Valid(c.data[inside.from:inside.to])
}

// appendUnescaped appends the value of a string with well-formed escapes. It is not ok if the string
// contains half a surrogate pair, which JSON can express and UTF-8 cannot.
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

// unescape returns the value and length of the well-formed escape at the start of s. The value is −1
// for half a surrogate pair.
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
	r, _ = jsonscan.CodeUnit(s)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if s = s[6:]; len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1, 0
	}
	low, _ := jsonscan.CodeUnit(s)
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return -1, 0
	}
	return r, 12
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
		from := c.at
		c.at, ok = jsonscan.Number(c.data, c.at)
		whole = span{from, c.at}
	}
	return whole, ok
}

// skip skips any value. It looks only as close as finding the end requires: the end is right for a
// well-formed value and arbitrary for others.
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
			continue // an empty array or object ends at once
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
