package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// mostDepth is how many arrays and objects may stand within one another in a Value; encoding/json has the same bound.
const mostDepth = 10_000

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has the lowest bit set that belongs to the first byte of w, in little endian order, that
// is a quote, a backslash or a control character; bits above it mean nothing. It is 0 if there is no
// such byte.
func special(w uint64) uint64 {
	quote, backslash := w^ones*'"', w^ones*'\\'
	// A byte beyond ASCII, which may look like one of them in the differences, has its high bit in w.
	return ((quote - ones) | (backslash - ones) | (w - ones*0x20)) &^ w & highs
}

// Text finds the end of the string that begins with the quote at an index: the index behind its closing quote. It is plain if
// it has no escapes, and ascii if it has no byte beyond ASCII.
func Text(data []byte, at int) (end int, plain, ascii, ok bool) {
	i := at
	if i >= len(data) || data[i] != '"' {
		return at, false, false, false
	}
	i++
	plain = true
	var high uint64 // its high bits tell whether there was a byte beyond ASCII
	for {
		if i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			found := special(w)
			if found == 0 {
				high |= w
				i += 8
				continue
			}
			n := bits.TrailingZeros64(found) / 8
			high |= w & (1<<(8*n) - 1)
			i += n
		} else {
			for i < len(data) && data[i] != '"' && data[i] != '\\' && data[i] >= 0x20 {
				high |= uint64(data[i])
				i++
			}
			if i >= len(data) {
				return at, false, false, false
			}
		}
		switch data[i] {
		case '"':
			return i + 1, plain, high&highs == 0, true
		case '\\':
			plain = false
			n := escapeLength(data[i:])
			if n == 0 {
				return at, false, false, false
			}
			i += n
		default:
			return at, false, false, false
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
		if _, ok := CodeUnit(s); ok {
			return 6
		}
	}
	return 0
}

// CodeUnit reads the four digits of the escape \uXXXX that s begins with.
func CodeUnit(s []byte) (rune, bool) {
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

// Number finds the end of the number that begins at an index.
func Number(data []byte, at int) (end int, ok bool) {
	i := at
	if is(data, i, '-') {
		i++
	}
	switch {
	case is(data, i, '0'):
		i++
	default:
		from := i
		if i = digits(data, i); i == from {
			return at, false
		}
	}
	if is(data, i, '.') {
		from := i + 1
		if i = digits(data, from); i == from {
			return at, false
		}
	}
	if is(data, i, 'e') || is(data, i, 'E') {
		i++
		if is(data, i, '+') || is(data, i, '-') {
			i++
		}
		from := i
		if i = digits(data, i); i == from {
			return at, false
		}
	}
	return i, true
}

func is(data []byte, at int, b byte) bool { return at < len(data) && data[at] == b }

func digits(data []byte, at int) int {
	for at < len(data) && data[at] >= '0' && data[at] <= '9' {
		at++
	}
	return at
}

// Literal finds the end of null, true or false at an index.
func Literal(data []byte, at int, word string) (end int, ok bool) {
	end = at + len(word)
	if end > len(data) || string(data[at:end]) != word {
		return at, false
	}
	return end, true
}

// Space is the index of the first byte at or behind an index that is not white space.
func Space(data []byte, at int) int {
	for at < len(data) {
		switch data[at] {
		case ' ', '\t', '\n', '\r':
			at++
		default:
			return at
		}
	}
	return at
}

// Value finds the end of the value that begins at an index, which is not white space.
func Value(data []byte, at int) (end int, ok bool) { return value(data, at, mostDepth) }

// value is Value with a bound to what may stand within it.
func value(data []byte, at, depth int) (end int, ok bool) {
	if at >= len(data) {
		return at, false
	}
	switch b := data[at]; {
	case b == '"':
		end, _, _, ok = Text(data, at)
		return end, ok
	case (b == '{' || b == '[') && depth == 0:
		return at, false
	case b == '{':
		return Object(data, at, func(_ []byte, at int) (int, bool) { return value(data, at, depth-1) })
	case b == '[':
		return Array(data, at, func(at int) (int, bool) { return value(data, at, depth-1) })
	case b == 'n':
		return Literal(data, at, "null")
	case b == 't':
		return Literal(data, at, "true")
	case b == 'f':
		return Literal(data, at, "false")
	default:
		return Number(data, at)
	}
}

// Object finds the end of the object that begins with the brace at an index. member is given the name of each member, as it
// is there in its quotes, and the index at which the value begins, and tells where the value ends.
func Object(data []byte, at int, member func(name []byte, at int) (end int, ok bool)) (end int, ok bool) {
	return elements(data, at, '{', '}', func(at int) (int, bool) {
		end, _, _, ok := Text(data, at)
		if !ok {
			return at, false
		}
		colon := Space(data, end)
		if !is(data, colon, ':') {
			return at, false
		}
		return member(data[at:end], Space(data, colon+1))
	})
}

// Array finds the end of the array that begins with the bracket at an index. element is told where each element begins, and tells
// where it ends.
func Array(data []byte, at int, element func(at int) (end int, ok bool)) (end int, ok bool) {
	return elements(data, at, '[', ']', element)
}

// elements finds the end of what is between two brackets, separated by commas.
func elements(data []byte, at int, open, closing byte, element func(at int) (end int, ok bool)) (end int, ok bool) {
	if !is(data, at, open) {
		return at, false
	}
	i := Space(data, at+1)
	if is(data, i, closing) {
		return i + 1, true
	}
	for {
		if i, ok = element(i); !ok {
			return at, false
		}
		i = Space(data, i)
		switch {
		case is(data, i, ','):
			i = Space(data, i+1)
		case is(data, i, closing):
			return i + 1, true
		default:
			return at, false
		}
	}
}

// Bounds finds the end of a value that need not be well-formed: it may contain raw control characters in
// strings, words that are not JSON such as NaN, and arrays and objects nested to any depth. Brackets must
// balance and strings must end, so that a truncated value has no end. Bounds does not recurse.
func Bounds(data []byte, at int) (end int, ok bool) {
	depth := 0
	for i := at; i < len(data); {
		switch data[i] {
		case '"':
			if i, ok = looseText(data, i); !ok {
				return at, false
			}
			if depth == 0 {
				return i, true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			switch depth {
			case 0: // of what contains the value
				return i, i > at
			case 1:
				return i + 1, true
			}
			depth--
		case ',':
			if depth == 0 {
				return i, i > at
			}
		}
		i++
	}
	return at, false
}

// looseText finds the end of a string, whatever lies between its quotes.
func looseText(data []byte, at int) (end int, ok bool) {
	for i := at + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return at, false
}
