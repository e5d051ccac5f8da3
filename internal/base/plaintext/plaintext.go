// Package plaintext reads text that other programs wrote: files that an editor saved, and bodies of
// HTTP responses.
//
// It promises that a byte order mark never becomes part of a name or a secret, and that text which is
// not text is refused and not guessed at. It knows nothing of what the text means.
package plaintext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unicode/utf16"
	"unicode/utf8"
)

// The errors of Decode. Their texts contain nothing of the data.
var (
	// ErrBinary means that data contains NUL bytes: it is a binary file, or UTF-16 without a byte order
	// mark. Save it as UTF-8.
	ErrBinary = errors.New("contains NUL bytes: save it as UTF-8 text")
	// ErrEncoding means that data is neither UTF-8 nor UTF-16 with a byte order mark. Save it as UTF-8.
	ErrEncoding = errors.New("is not UTF-8 text: save it as UTF-8")
)

var (
	markUTF8    = []byte("\xEF\xBB\xBF")
	markUTF16LE = []byte("\xFF\xFE")
	markUTF16BE = []byte("\xFE\xFF")
)

// Read reads a text file, as Decode does. Its errors name the file.
func Read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return text, nil
}

// Marked reports whether data begins with a byte order mark.
func Marked(data []byte) bool {
	return bytes.HasPrefix(data, markUTF8) || bytes.HasPrefix(data, markUTF16LE) || bytes.HasPrefix(data, markUTF16BE)
}

// Decode returns data as UTF-8 without a byte order mark. It converts UTF-16 that has a byte order mark,
// which is how Windows programs save "Unicode". Errors wrap ErrBinary or ErrEncoding.
func Decode(data []byte) ([]byte, error) {
	var text []byte
	var err error
	switch {
	case bytes.HasPrefix(data, markUTF8):
		text = data[len(markUTF8):]
	case bytes.HasPrefix(data, markUTF16LE):
		text, err = fromUTF16(data[len(markUTF16LE):], binary.LittleEndian)
	case bytes.HasPrefix(data, markUTF16BE):
		text, err = fromUTF16(data[len(markUTF16BE):], binary.BigEndian)
	default:
		text = data
	}
	switch {
	case err != nil:
		return nil, err
	case bytes.IndexByte(text, 0) >= 0:
		return nil, ErrBinary
	case !utf8.Valid(text):
		return nil, ErrEncoding
	}
	return text, nil
}

func fromUTF16(data []byte, order binary.ByteOrder) ([]byte, error) {
	if len(data)%2 != 0 {
		return nil, ErrEncoding
	}
	text := make([]byte, 0, len(data))
	for i := 0; i < len(data); i += 2 {
		r := rune(order.Uint16(data[i:]))
		if utf16.IsSurrogate(r) {
			if i+4 > len(data) {
				return nil, ErrEncoding
			}
			i += 2
			if r = utf16.DecodeRune(r, rune(order.Uint16(data[i:]))); r == utf8.RuneError {
				return nil, ErrEncoding
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text, nil
}
