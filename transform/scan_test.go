package transform

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// wellFormed is the library's judgment of an item: JSON, one object, no name twice, all UTF-8.
func wellFormed(item []byte) bool {
	value := jsontext.Value(item)
	return value.IsValid(jsontext.AllowInvalidUTF8(true)) && value.Kind() == '{' && utf8.Valid(item)
}

// FuzzMessage_TakesWhatIsWellFormed holds the own reading of JSON to the library's: what is malformed is
// refused, what is well-formed is not, but for names that hold half a surrogate pair.
func FuzzMessage_TakesWhatIsWellFormed(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	for _, seed := range []string{
		`[]`, ``, ` `, `{`, `{}x`, `{"a":1,}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, `{"a":1e+5}`, `{"a" 1}`, `{,}`,
		"{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{\"\xff\":1}", `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u00g0"}`, `{"a":nul}`, `{"a":tru}`,
		`{"body":{}}`, `{"body":{"content":"x",}}`, `{"mentions":[{},]}`, `{"mentions":[{}`, `{"mentions":[`, `{"members":[]]}`,
		`{"a":{"b":1,"b":2}}`, `{"a":1,"a":null}`, `{"a":null,"a":null}`, "{\"a\":1}\x00", "\ufeff{}",
		`{"policyViolation":{"policyTip":{"matchedConditionDescriptions":["a",1,]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, item []byte) {
		_, _, err := Message(item, Policy{})
		taken := err == nil || !isMalformed(err)
		want := wellFormed(item)
		if taken == want || (want && bytes.Contains(bytes.ToLower(item), []byte(`\ud`))) {
			return
		}
		t.Errorf("taken: %v (%v), well-formed: %v: %q", taken, err, want, item)
	})
}

// FuzzTextsEqualTheStandardLibrarys holds the reading of strings to encoding/json.
func FuzzTextsEqualTheStandardLibrarys(f *testing.F) {
	for _, seed := range []string{`plain`, `a long one that is read eight bytes at a time`, `\"\\\/\b\f\n\r\t`, `\u00e9\ud83d\ude00é😀`,
		`1234567\"`, `12345678\u0000`, `\ud800`, `\ud800\ud800`, `\udc00`, `\ud83dx`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inside string) {
		item := []byte(`{"id":"` + inside + `"}`)
		if !wellFormed(item) {
			return
		}
		var want struct {
			ID *string `json:"id"`
		}
		if err := json.Unmarshal(item, &want); err != nil || want.ID == nil {
			return // more members than one, of which the last counts there
		}
		m, _, err := Message(item, Policy{})
		if err != nil {
			return // FuzzMessage_TakesWhatIsWellFormed says whether that is right
		}
		if raw, kept := m.Unmapped["/id"]; kept {
			if !bytes.ContainsRune([]byte(*want.ID), utf8.RuneError) {
				t.Fatalf("%s was not put to its field", raw)
			}
			return
		}
		if m.ID == nil || *m.ID != *want.ID {
			t.Fatalf("want %q, got %v", *want.ID, m.ID)
		}
	})
}

func TestNameFilter_KnowsTheNamesOfNoTypeTwice(t *testing.T) {
	for name, of := range graphTypes(t) {
		var filter nameFilter
		for _, p := range of.properties {
			if filter.add([]byte(p.name)) {
				t.Errorf("%s.%s gives a false alarm, which costs a second reading of every item with it", name, p.name)
			}
		}
		for _, p := range of.properties {
			if !filter.add([]byte(p.name)) {
				t.Errorf("%s.%s was not known the second time", name, p.name)
			}
		}
	}
}

// TestMessage_RefusesEveryNameThatStandsTwice: a record can hold one of the two values only.
func TestMessage_RefusesEveryNameThatStandsTwice(t *testing.T) {
	types := graphTypes(t)
	for _, p := range types["chatMessage"].properties {
		for _, values := range [][2]string{{`null`, `null`}, {`null`, `{}`}} {
			item := `{"` + p.name + `":` + values[0] + `,"x":1,"` + p.name + `":` + values[1] + `}`
			if _, _, err := Message([]byte(item), Policy{}); !isMalformed(err) {
				t.Errorf("%s: %v", item, err)
			}
		}
	}
	for _, item := range []string{
		`{"x":null,"x":null}`, `{"x":1,"\u0078":1}`, `{"from":{"user":{"id":"1","id":"1"}}}`, `{"mentions":[{"id":1},{"id":1,"id":1}]}`,
		`{"x":{"y":1,"y":1}}`, `{"mentions":[null,{"id":1,"id":1}]}`, `{"":1,"":1}`,
	} {
		if _, _, err := Message([]byte(item), Policy{}); !isMalformed(err) {
			t.Errorf("%s: %v", item, err)
		}
	}
	// The same name in different objects is not a second one.
	if _, _, err := Message([]byte(`{"id":"1","from":{"user":{"id":"1"}},"mentions":[{"id":1},{"id":1}]}`), Policy{}); err != nil {
		t.Error(err)
	}
}

func TestSkip_FindsTheEndOfEveryValue(t *testing.T) {
	for _, value := range []string{
		`null`, `true`, `-1.5e3`, `"a"`, `""`, `"\\"`, `"\""`, `"\\\""`, `"{["`, `{}`, `[]`, `[[],{}]`, `{"a":{"b":[1,"]"]},"c":"}"}`,
		` [ 1 , 2 ] `, `{"a":"\\"}`,
	} {
		c := cursor{data: []byte(value + `,"next"`)}
		if !c.skip() || c.peek() != ',' {
			t.Errorf("%s: ended before %q", value, c.data[c.at:])
		}
	}
}
