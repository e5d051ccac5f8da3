package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// seeds are well-formed and malformed, and each way a value can end.
var seeds = []string{
	`null`, `true`, `false`, `nul`, `tru`, `nullx`, `0`, `-0`, `01`, `-`, `1.`, `1.5`, `.5`, `1e`, `1e+`, `1E-5`, `-12.25e+10`, `+1`,
	`""`, `"a"`, `"`, `"\\"`, `"\\\""`, `"\u00e9"`, `"\u00g9"`, `"\u12"`, `"\x"`, "\"\x01\"", "\"\x1f34567890\"", "\"\x7f\"", "\"\xff\"", `"1234567"`, `"12345678"`,
	`"123456789é"`, `"1234567\n"`, `[]`, `[ ]`, `[1,]`, `[,]`, `[1 2]`, `[[],{}]`, `[`, `[1`, `{}`, `{ }`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`,
	`{"a" : [ 1 , "]" ] , "a":2}`, `{1:2}`, `{`, `{"a":1`, " \t\r\n[ 1\t,\n2 ] ", `{}{}`, `[1]x`, "\ufeff{}", "[1]\x00", "\v1",
}

func whole(text []byte) bool {
	end, ok := Value(text, Space(text, 0))
	return ok && Space(text, end) == len(text)
}

// FuzzValue_IsWhatOthersCallJSON holds what is taken for a value to two judges.
func FuzzValue_IsWhatOthersCallJSON(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got := whole(text)
		if !bytes.Equal(before, text) {
			t.Fatal("the text was changed")
		}
		if want := json.Valid(text); got != want {
			t.Errorf("taken for JSON: %v, encoding/json: %v: %q", got, want, text)
		}
		if want := jsontext.Value(text).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); got != want {
			t.Errorf("taken for JSON: %v, jsontext: %v: %q", got, want, text)
		}
	})
}

// FuzzText_KnowsPlainAndASCII: a plain text is what is between its quotes.
func FuzzText_KnowsPlainAndASCII(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end, plain, ascii, ok := Text(text, 0)
		if !ok {
			return
		}
		inside := text[1 : end-1]
		if plain == bytes.ContainsRune(inside, '\\') {
			t.Errorf("plain: %v: %q", plain, inside)
		}
		if ascii != (bytes.IndexFunc(inside, func(r rune) bool { return r >= utf8.RuneSelf }) < 0) {
			t.Errorf("ascii: %v: %q", ascii, inside)
		}
		var want string
		if err := json.Unmarshal(text[:end], &want); err != nil {
			t.Errorf("%q: %v", text[:end], err)
		} else if plain && ascii && want != string(inside) {
			t.Errorf("%q, want %q", inside, want)
		}
	})
}

func TestValue_IsNotCutShortAnywhere(t *testing.T) {
	text := []byte(`{"a":[1.5e+3,-0,"x\u00e9\\",null,true,false,{"b":{}}],"c":[[]]}`)
	for n := range text {
		if whole(text[:n]) {
			t.Errorf("%s was taken for JSON", text[:n])
		}
	}
	if !whole(text) {
		t.Error("the whole was not")
	}
}

func TestValue_HasABottom(t *testing.T) {
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !whole(deep(mostDepth)) {
		t.Errorf("%d arrays within one another were refused", mostDepth)
	}
	if text := deep(mostDepth + 1); whole(text) || json.Valid(text) {
		t.Errorf("%d arrays within one another were taken", mostDepth+1)
	}
}
