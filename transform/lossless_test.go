package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	twmb "github.com/twmb/avro"
	"pgregory.net/rapid"

	"github.com/teams-kafka/connector/schema"
)

// avroWay is the way of a record through Avro: encoded as the connector does it, decoded by an
// independent library.
type avroWay struct {
	encoder schema.Encoder
	decoder *twmb.Schema
}

func newAvroWay(t testing.TB) avroWay {
	t.Helper()
	encoder := schema.NewSingleObjectEncoder()
	decoder, err := twmb.Parse(schema.Text())
	if err != nil {
		t.Fatal(err)
	}
	return avroWay{encoder, decoder}
}

func (w avroWay) there(m *schema.ChatMessage) (*schema.ChatMessage, error) {
	encoded, err := w.encoder.Append(nil, m)
	if err != nil {
		return nil, err
	}
	decoded := new(schema.ChatMessage)
	rest, err := w.decoder.DecodeSingleObject(encoded, decoded)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("decode: %d bytes are left", len(rest))
	}
	return decoded, nil
}

// checkLossless takes an item to Avro and back to JSON. It returns an error that says where the JSON
// differs, or the error of Message.
func checkLossless(way avroWay, item []byte) error {
	m, _, err := Message(item, Policy{})
	if err != nil {
		return err
	}
	decoded, err := way.there(m)
	if err != nil {
		return err
	}
	rebuilt, err := JSON(decoded)
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	want, err := parseJSON(item)
	if err != nil {
		return fmt.Errorf("the standard library refuses what Message took: %w", err)
	}
	got, err := parseJSON(rebuilt)
	if err != nil {
		return fmt.Errorf("what was rebuilt is not JSON: %w", err)
	}
	return same("", want, got)
}

func parseJSON(text []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// timeNames are the properties whose values are compared as instants.
var timeNames = map[string]bool{
	"createdDateTime": true, "lastModifiedDateTime": true, "lastEditedDateTime": true, "deletedDateTime": true,
	"modifiedDateTime": true, "eventDateTime": true, "visibleHistoryStartDateTime": true,
}

// same tells where two JSON values differ, counting null members as absent and times as instants.
func same(path string, want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: want an object, got %T", path, got)
		}
		for name, value := range want {
			other := object[name]
			if a, ok := value.(string); ok && timeNames[name] {
				if b, ok := other.(string); ok {
					timeA, errA := ParseTime(a)
					timeB, errB := ParseTime(b)
					if errA == nil && errB == nil && timeA.Equal(timeB) {
						continue
					}
				}
			}
			if value == nil && other == nil {
				continue
			}
			if err := same(path+"/"+name, value, other); err != nil {
				return err
			}
		}
		for name, value := range object {
			if _, known := want[name]; !known && value != nil {
				return fmt.Errorf("%s/%s: was not there", path, name)
			}
		}
		return nil
	case []any:
		array, ok := got.([]any)
		if !ok || len(array) != len(want) {
			return fmt.Errorf("%s: want an array of %d, got %T", path, len(want), got)
		}
		for i := range want {
			if err := same(fmt.Sprintf("%s/%d", path, i), want[i], array[i]); err != nil {
				return err
			}
		}
		return nil
	default:
		if !reflect.DeepEqual(want, got) {
			return fmt.Errorf("%s: want %#v, got %#v", path, want, got)
		}
		return nil
	}
}

// publishedItems returns every chatMessage in the published examples, skipping the test where they are
// not at hand.
func publishedItems(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	files, err := filepath.Glob("../../shared/graph/examples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the published examples are not here")
	}
	items := make(map[string]json.RawMessage)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("the published examples are not here")
		} else if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Value []json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(text, &page); err == nil && page.Value != nil {
			for i, item := range page.Value {
				items[fmt.Sprintf("%s/%d", filepath.Base(file), i)] = item
			}
			continue
		}
		items[filepath.Base(file)] = text
	}
	return items
}

func TestLossless_PublishedExamples(t *testing.T) {
	way := newAvroWay(t)
	badTimes := 0
	for name, item := range publishedItems(t) {
		switch err := checkLossless(way, item); {
		case errors.Is(err, ErrTime):
			badTimes++ // one published time has no T
		case err != nil:
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d items have a malformed time of their own", badTimes)
	if badTimes == 0 {
		t.Error("the published malformed time was taken for a time")
	}
}

func TestLossless_GeneratedItems(t *testing.T) {
	types := graphTypes(t)
	way := newAvroWay(t)
	rapid.Check(t, func(rt *rapid.T) {
		item := []byte(generator{rt, types}.item())
		if err := checkLossless(way, item); err != nil {
			rt.Fatalf("%v\n%s", err, item)
		}
	})
}

// TestConverter_LeavesNothingBehind converts items with one Converter: each record must be the one a
// new Converter makes.
func TestConverter_LeavesNothingBehind(t *testing.T) {
	types := graphTypes(t)
	rapid.Check(t, func(rt *rapid.T) {
		var converter Converter
		for range 4 {
			item := []byte(generator{rt, types}.item())
			if rapid.Bool().Draw(rt, "broken") {
				item = item[:rapid.IntRange(0, len(item)-1).Draw(rt, "length")]
			}
			given := bytes.Clone(item)
			want, wantType, wantErr := Message(item, Policy{})
			clear(item) // what Message returned must not refer to it
			item = bytes.Clone(given)
			got, gotType, gotErr := converter.Message(item, Policy{})
			if (wantErr == nil) != (gotErr == nil) || wantType != gotType {
				rt.Fatalf("want %q, %v, got %q, %v", wantType, wantErr, gotType, gotErr)
			}
			if !bytes.Equal(item, given) {
				rt.Fatal("the item was changed")
			}
			if !reflect.DeepEqual(want, got) {
				rt.Fatalf("the record differs for %s", given)
			}
		}
	})
}

func FuzzLossless(f *testing.F) {
	way := newAvroWay(f)
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, item []byte) {
		err := checkLossless(way, item)
		if err == nil || IsDeadLetter(err) {
			return
		}
		t.Error(err)
	})
}
