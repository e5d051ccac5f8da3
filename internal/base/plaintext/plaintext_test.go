package plaintext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// saved encodes a text as a Windows editor does when it saves "Unicode".
func saved(text string, order binary.ByteOrder) []byte {
	data := make([]byte, 0, 2+2*len(text))
	for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
		data = append(data, 0, 0)
		order.PutUint16(data[len(data)-2:], unit)
	}
	return data
}

func TestDecode_ByteOrderMarksAreNotText(t *testing.T) {
	const text = "päss😀\r\n"
	for name, data := range map[string][]byte{
		"UTF-8":              []byte(text),
		"UTF-8 with mark":    append([]byte("\xEF\xBB\xBF"), text...),
		"UTF-16 little":      saved(text, binary.LittleEndian),
		"UTF-16 big":         saved(text, binary.BigEndian),
		"UTF-8, empty":       []byte("\xEF\xBB\xBF"),
		"UTF-16, empty":      {0xFF, 0xFE},
		"nothing whatsoever": {},
	} {
		got, err := Decode(data)
		want := text
		if len(data) < 4 {
			want = ""
		}
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDecode_RefusesWhatIsNotText(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"UTF-16 without a mark":    {saved("secret", binary.LittleEndian)[2:], ErrBinary},
		"a NUL":                    {[]byte("a\x00b"), ErrBinary},
		"a NUL in UTF-16":          {saved("a\x00b", binary.BigEndian), ErrBinary},
		"Latin-1":                  {[]byte("p\xE4ss"), ErrEncoding},
		"UTF-16, an odd byte":      {append(saved("ab", binary.BigEndian), 'c'), ErrEncoding},
		"UTF-16, half a surrogate": {[]byte{0xFF, 0xFE, 0x3D, 0xD8}, ErrEncoding},
		"UTF-16, a wrong pair":     {[]byte{0xFF, 0xFE, 0x3D, 0xD8, 'a', 0}, ErrEncoding},
	} {
		if got, err := Decode(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v; want %v", name, got, err, c.want)
		}
	}
}

func TestRead_DecodesFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if _, err := Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(path, saved("one\ntwo", binary.LittleEndian), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || string(got) != "one\ntwo" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xEF\xBB\xBFa"))
	f.Add(saved("a😀", binary.LittleEndian))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := Decode(data)
		if err == nil && (!utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0) {
			t.Errorf("%q became %q", data, text)
		}
	})
}
