package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent fails when chat_message.avsc, or the generator, has changed and go
// generate was not run.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	const schemaFolder = "../.."
	avsc, err := os.ReadFile(filepath.Join(schemaFolder, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, generate := range map[string]func([]byte) ([]byte, error){typesFile: goTypes, tableFile: fieldTable} {
		want, err := generate(avsc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(schemaFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what go generate writes; run it in the schema folder", name)
		}
	}
}

func TestFieldTable_NamesEveryTypeAndField(t *testing.T) {
	table, err := fieldTable([]byte(`{"type": "record", "name": "A", "doc": "An a.", "fields": [
		{"name": "x", "doc": "a | <b>", "type": ["null", {"type": "array", "items": {"type": "record", "name": "B", "doc": "A b.",
			"fields": [{"name": "y", "doc": "Y.", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null}]}}],
		 "default": null},
		{"name": "z", "doc": "Z.", "type": ["null", "B"], "default": null},
		{"name": "m", "doc": "M.", "type": {"type": "map", "values": "string"}, "default": {}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"## A\n\nAn a.", "## B\n\nA b.", "| `x` | array of B | a \\| &lt;b&gt; |", "| `y` | timestamp-millis | Y. |", "| `z` | B | Z. |",
		"| `m` | map of string | M. |",
	} {
		if !bytes.Contains(table, []byte(line+"\n")) {
			t.Errorf("%q is missing in\n%s", line, table)
		}
	}
}

func TestGoTypes_RefuseWhatIsNoRecord(t *testing.T) {
	for _, avsc := range []string{``, `"string"`, `{"type": "record", "name": "A"}`,
		`{"type": "record", "name": "A", "fields": [{"name": "x", "type": {"type": "array", "items": "string"}, "default": []}]}`} {
		if source, err := goTypes([]byte(avsc)); err == nil {
			t.Errorf("%q gave %s", avsc, source)
		}
	}
}
