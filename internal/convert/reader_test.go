package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readItems reads a whole input: each item as "line:offset json", each error as "line:offset !".
func readItems(t *testing.T, input io.Reader) (found []string) {
	t.Helper()
	reader := newItemReader(input)
	for {
		item, err := reader.next()
		var broken *inputError
		switch {
		case errors.Is(err, io.EOF):
			return found
		case errors.As(err, &broken):
			found = append(found, fmt.Sprintf("%d:%d !", broken.place.line, broken.place.offset))
		case err != nil:
			t.Fatal(err)
		default:
			found = append(found, fmt.Sprintf("%d:%d %s", item.place.line, item.place.offset, item.raw))
		}
	}
}

func TestItemReader_CutsEveryShapeIntoItems(t *testing.T) {
	for _, test := range []struct {
		name, input string
		want        []string
	}{
		{"nothing", " \n", nil},
		{"an item", "{\"id\": \"1\",\n \"x\":[1, 2]}\n", []string{`1:0 {"id":"1","x":[1, 2]}`}},
		{"an empty item", `{}`, []string{`1:0 {}`}},
		{"an item with annotations", `{"@odata.context":"u","id":"1","value":[{"id":"2"}]}`,
			[]string{`1:0 {"@odata.context":"u","id":"1","value":[{"id":"2"}]}`}},
		{"a page", "{\"@odata.context\":\"u\",\"@odata.count\":2,\"value\":[{\"id\":\"1\"},\n{\"id\":\"2\"}],\"@odata.nextLink\":\"n\"}",
			[]string{`1:48 {"id":"1"}`, `2:60 {"id":"2"}`}},
		{"a delta page", `{"value":[{"id":"1"}],"@odata.deltaLink":{"x":[]}}`, []string{`1:10 {"id":"1"}`}},
		{"an empty page", `{"value":[]}`, nil},
		{"an array", "[\n {\"id\":\"1\"} , {\"id\":\"2\"}\n]", []string{`2:3 {"id":"1"}`, `2:16 {"id":"2"}`}},
		{"an item a line", "{\"id\":\"1\"}\r\n\r\n{\"id\":\"2\"}\r\n", []string{`1:0 {"id":"1"}`, `3:14 {"id":"2"}`}},
		{"pages one behind the other", `{"value":[{"id":"1"}]} {"value":[{"id":"2"}]}`, []string{`1:10 {"id":"1"}`, `1:33 {"id":"2"}`}},
		{"an array of pages", `[{"value":[{"id":"1"}]},{"id":"2"}]`, []string{`1:11 {"id":"1"}`, `1:24 {"id":"2"}`}},
		{"what is not an item", `[5,null,"x",true]`, []string{`1:1 5`, `1:3 null`, `1:8 "x"`, `1:12 true`}},
		{"what is odd inside an item", "{\"id\":\"1\",\"id\":\"\xff\"}", []string{"1:0 {\"id\":\"1\",\"id\":\"\xff\"}"}},
		{"a bad line between good ones", "{\"id\":\"1\"}\n{\"id\": tru}\n{\"id\":\"2\"}\n", []string{`1:0 {"id":"1"}`, `2:21 !`, `3:23 {"id":"2"}`}},
		{"a line that was cut off", "{\"id\":\"1\"\n{\"id\":\"2\"}\n", []string{`2:10 !`, `2:10 {"id":"2"}`}},
		{"a text that was cut off", "{\"id\":\"1\n{\"id\":\"2\"}\n", []string{`1:8 !`, `2:9 {"id":"2"}`}},
		{"a page that was cut off", `{"value":[{"id":"1"},{"id":`, []string{`1:10 {"id":"1"}`, `1:27 !`}},
		{"a log line among items", "WARN nothing\n{\"id\":\"2\"}\n", []string{`1:0 !`, `2:13 {"id":"2"}`}},
		{"one bracket too many", "[1]]\n[2]", []string{`1:1 1`, `1:3 !`, `2:6 2`}},
		{"a bracket of the other kind", "{\"value\":[1}\n[2]", []string{`1:10 1`, `1:11 !`, `2:14 2`}},
		{"no name", "{1:2}\n{]\n{\"value\":[],1}", []string{`1:1 !`, `2:7 !`, `3:21 !`}},
	} {
		for way, input := range map[string]io.Reader{
			"at once":      strings.NewReader(test.input),
			"byte by byte": iotest.OneByteReader(strings.NewReader(test.input)),
		} {
			if got := readItems(t, input); fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("%s, %s:\nwant %q\ngot  %q", test.name, way, test.want, got)
			}
		}
	}
}

func TestItemReader_GivesTheErrorOfItsInput(t *testing.T) {
	lost := errors.New("the disk is gone")
	for _, begin := range []string{"", "[", `{"value":[`, `{"id":`, "{\"id\": tru}\n"} {
		reader := newItemReader(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(lost)))
		_, err := reader.next()
		if errors.As(err, new(*inputError)) {
			_, err = reader.next()
		}
		if !errors.Is(err, lost) {
			t.Errorf("%q: %v", begin, err)
		}
	}
}

// TestItemReader_HoldsOneItemAtATime reads a page much larger than what it may hold.
func TestItemReader_HoldsOneItemAtATime(t *testing.T) {
	const items = 20_000
	item := `{"id":"1","body":{"content":"` + strings.Repeat("x", 10_000) + `"}},` + "\n"
	input := io.MultiReader(strings.NewReader(`{"value":[`), &repeated{text: item, left: items}, strings.NewReader(`{}]}`))
	reader := newItemReader(input)
	found := 0
	for {
		_, err := reader.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found++
		if held := len(reader.decoder.UnreadBuffer()) + len(reader.input.pending) + 8*len(reader.input.ends); held > 1<<20 {
			t.Fatalf("%d bytes are held after %d items", held, found)
		}
	}
	if found != items+1 || reader.input.line != items+1 {
		t.Errorf("found %d items, the last on line %d", found, reader.input.line)
	}
}

// repeated reads a text again and again.
type repeated struct {
	text string
	at   int
	left int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) && r.left > 0 {
		copied := copy(p[n:], r.text[r.at:])
		n += copied
		if r.at += copied; r.at == len(r.text) {
			r.at = 0
			r.left--
		}
	}
	if n == 0 && r.left == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// FuzzItemReader: it ends, goes forward only, gives well-formed values, and complains only of what the standard
// library finds broken too.
func FuzzItemReader(f *testing.F) {
	for _, seed := range []string{`{"value":[{"id":"1"},5]}`, "{\"id\":1}\n{\"id\":tru}\n[{}]", `[[[]],{"@a":1,"value":[[{}]]}]`, "{\"a\n{}\n]\n{", `{"value":{"a":[1]}}`, ",\n0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		reader := newItemReader(bytes.NewReader(input))
		last, complaints := place{line: 1, offset: -1}, 0
		for range 2*len(input) + 2 {
			item, err := reader.next()
			at := item.place
			var broken *inputError
			if errors.Is(err, io.EOF) {
				if wellFormed(input) != (complaints == 0) {
					t.Fatalf("%d complaints, well-formed: %v", complaints, wellFormed(input))
				}
				return
			}
			switch {
			case errors.As(err, &broken):
				complaints++
				at = broken.place
			case err != nil:
				t.Fatal(err)
			case !json.Valid(item.raw):
				t.Fatalf("%q is not a value", item.raw)
			}
			if at.offset < last.offset || at.offset > int64(len(input)) || at.line < last.line {
				t.Fatalf("%v behind %v", at, last)
			}
			if want := int64(1 + bytes.Count(input[:at.offset], []byte("\n"))); at.line != want {
				t.Fatalf("%v lies on line %d", at, want)
			}
			last = at
		}
		t.Fatal("it does not end")
	})
}

// wellFormed reports whether the standard library can read the input as values one behind the other.
func wellFormed(input []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(input))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
			return true
		} else if err != nil {
			return false
		}
	}
}
