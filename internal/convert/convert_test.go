package convert

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/transform"
)

// twoItems is a page with two items that become records; the second has what no field holds exactly.
const twoItems = `{"@odata.context":"u","value":[
 {"id":"1621973534864","etag":"1621973534864","chatId":"19:x@thread.v2","messageType":"message",
  "createdDateTime":"2021-05-25T20:12:14.864Z","subject":null,"body":{"contentType":"html","content":"<p>é & ü</p>"}},
 {"id":"2","etag":"3","chatId":"19:x@thread.v2","createdDateTime":"2021-05-25T20:12:14.8645Z","reactions":[],"new":{"a":1},"also":2}]}`

// converted is what a conversion wrote.
type converted struct {
	out, complaints string
	err             error
}

func convert(t *testing.T, input string, format string, schemaID int) converted {
	t.Helper()
	var out, complaints strings.Builder
	err := Run(t.Context(), Config{Format: format, SchemaID: schemaID, In: strings.NewReader(input), Out: &out, Complaints: &complaints})
	return converted{out.String(), complaints.String(), err}
}

func TestConvert_JSONIsTheRecordDecodedFromItsBytes(t *testing.T) {
	got := convert(t, twoItems, "json", 1)
	if got.err != nil || got.complaints != "" {
		t.Fatalf("%v, %s", got.err, got.complaints)
	}
	lines := strings.Split(strings.TrimSuffix(got.out, "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("want two lines, got %q", got.out)
	}
	var named struct {
		Fields []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(schema.Text()), &named); err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]any{
		{"id": "1621973534864", "etag": "1621973534864", "chatId": "19:x@thread.v2", "messageType": "message", "createdDateTime": 1621973534864.,
			"body": map[string]any{"contentType": "html", "content": "<p>é & ü</p>"}, "unmapped": map[string]any{}},
		{"id": "2", "etag": "3", "chatId": "19:x@thread.v2", "createdDateTime": 1621973534864., "reactions": []any{},
			"unmapped": map[string]any{"/createdDateTime": `"2021-05-25T20:12:14.8645Z"`, "/new": `{"a":1}`, "/also": "2"}},
	} {
		for _, field := range named.Fields {
			if _, set := want[field.Name]; !set {
				want[field.Name] = nil
			}
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &record); err != nil || !reflect.DeepEqual(record, want) {
			t.Errorf("want %v\ngot  %v, %v", want, record, err)
		}
	}
	if !strings.Contains(lines[0], "<p>é & ü</p>") {
		t.Errorf("the text is written with needless escapes: %s", lines[0])
	}
	if again := convert(t, twoItems, "json", 1); again.out != got.out {
		t.Error("the same input gave another output")
	}
}

func TestConvert_ConfluentIsTheFramedValueInHex(t *testing.T) {
	got := convert(t, twoItems, "confluent", 258)
	lines := strings.Fields(got.out)
	if got.err != nil || len(lines) != 2 {
		t.Fatalf("%v, %q, %s", got.err, got.out, got.complaints)
	}
	decoder := avro.MustParse(schema.Text())
	for i, id := range []string{"1621973534864", "2"} {
		framed, err := hex.DecodeString(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		body, ok := bytes.CutPrefix(framed, []byte{0, 0, 0, 1, 2})
		var m schema.ChatMessage
		if rest, err := decoder.Decode(body, &m); !ok || err != nil || len(rest) != 0 || *m.ID != id {
			t.Errorf("line %d: %v, %d bytes left, %v", i+1, err, len(rest), m.ID)
		}
	}
}

func TestConvert_AvroIsAnObjectContainerFileWithTheSchemaItself(t *testing.T) {
	for input, want := range map[string][]string{twoItems: {"1621973534864", "2"}, `{"value":[]}`: nil} {
		got := convert(t, input, "avro", 1)
		if got.err != nil {
			t.Fatalf("%v, %s", got.err, got.complaints)
		}
		file, err := ocf.NewReader(strings.NewReader(got.out))
		if err != nil {
			t.Fatal(err)
		}
		if text := string(file.Metadata()["avro.schema"]); text != schema.Text() {
			t.Errorf("the schema in the file is another one: %.100s", text)
		}
		var ids []string
		for {
			var m schema.ChatMessage
			if err := file.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, *m.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("want %q, got %q", want, ids)
		}
	}
}

// TestConvert_ReportsDeadLettersWithPlaceAndReason: what the connector would put there, it reports, and
// nothing of what people wrote.
func TestConvert_ReportsDeadLettersWithPlaceAndReason(t *testing.T) {
	const input = `{"id":"1","chatId":"c","createdDateTime":"2021-05-25T20:12:14Z","subject":"hunter2"}
{"id":"2","subject":"hunter2"}
{"id":"3","chatId":"c","createdDateTime":"2021-05-25T20:12:14Z","lastModifiedDateTime":null,"etag":"1","deletedDateTime":"hunter2"}
{"id":"4","chatId":"c","createdDateTime":"2021-05-25T20:12:14Z","subject":"hunter2","subject":"hunter2"}
{"id":"5","subject":"hunter2
["hunter2"]
{"id":"6","chatId":"c","createdDateTime":"2021-05-25T20:12:14Z"}
`
	got := convert(t, input, "graph", 1)
	const wantOut = `{"id":"1","createdDateTime":"2021-05-25T20:12:14Z","subject":"hunter2","chatId":"c"}
{"id":"6","createdDateTime":"2021-05-25T20:12:14Z","chatId":"c"}
`
	const wantErr = `line 2, byte 85: dead letter (identify): item has no usable identity: chatId is missing or no text
line 3, byte 116: dead letter (transform): item has an invalid time: deletedDateTime
line 4, byte 248: dead letter (transform): item is malformed: duplicate member name
line 5, byte 381: invalid JSON: invalid character '\n' in string (expecting non-control character)
line 6, byte 383: dead letter (identify): item has no usable identity: it is not a JSON object
`
	if !errors.Is(got.err, ErrIncomplete) || !strings.Contains(got.err.Error(), "2 did, 5 did not") || got.out != wantOut || got.complaints != wantErr {
		t.Errorf("%v\n%s\nwant\n%s\n%s\nwant\n%s", got.err, got.out, wantOut, got.complaints, wantErr)
	}
}

// TestConvert_GraphGivesThePublishedExamplesBack is the check that a user can run on their own data, on every
// example that Microsoft publishes.
func TestConvert_GraphGivesThePublishedExamplesBack(t *testing.T) {
	files, err := filepath.Glob("../../../shared/graph/examples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the published examples are not here")
	}
	items, dead := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var sent []any
		for reader := newItemReader(bytes.NewReader(text)); ; {
			item, err := reader.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if _, err := transform.Identify(item.raw); err != nil {
				dead++ // fragments, and messages of channels
				continue
			}
			if _, _, err := transform.Message(item.raw, transform.Policy{}); err != nil {
				dead++
				continue
			}
			sent = append(sent, values(t, item.raw))
		}
		got := convert(t, string(text), "graph", 1)
		var back []any
		for line := range strings.Lines(got.out) {
			back = append(back, values(t, []byte(line)))
		}
		if !reflect.DeepEqual(sent, back) {
			t.Errorf("%s:\nsent %v\nback %v\n%s", filepath.Base(file), sent, back, got.complaints)
		}
		items += len(sent)
	}
	t.Logf("%d items came back, %d would be dead letters", items, dead)
	if items < 15 {
		t.Errorf("only %d items were compared", items)
	}
}

// values is a JSON value for comparison: without members that are null, times as instants.
func values(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	var plain func(value any) any
	plain = func(value any) any {
		switch v := value.(type) {
		case map[string]any:
			maps.DeleteFunc(v, func(_ string, member any) bool { return member == nil })
			for name, member := range v {
				v[name] = plain(member)
			}
		case []any:
			for i := range v {
				v[i] = plain(v[i])
			}
		case string:
			if at, err := transform.ParseTime(v); err == nil {
				return fmt.Sprint("instant ", at.UnixNano(), at.Unix())
			}
		}
		return value
	}
	return plain(value)
}
