package schema

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"
)

// recordType is a record type of the schema, read as plain JSON: what the tests say of the schema must
// not depend on how a library reads it.
type recordType struct {
	Name   string  `json:"name"`
	Doc    string  `json:"doc"`
	Fields []field `json:"fields"`
}

type field struct {
	Name    string           `json:"name"`
	Doc     string           `json:"doc"`
	Type    json.RawMessage  `json:"type"`
	Default *json.RawMessage `json:"default"`
}

func (r recordType) field(name string) (field, bool) {
	i := slices.IndexFunc(r.Fields, func(f field) bool { return f.Name == name })
	if i < 0 {
		return field{}, false
	}
	return r.Fields[i], true
}

// UnmarshalJSON tells a default of null from none.
func (f *field) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	if value, ok := members["default"]; ok {
		f.Default = &value
	}
	f.Type = members["type"]
	if err := json.Unmarshal(members["name"], &f.Name); err != nil {
		return err
	}
	if doc, ok := members["doc"]; ok {
		return json.Unmarshal(doc, &f.Doc)
	}
	return nil
}

// recordTypes are the record types the schema defines, by name. It fails the test if one is defined twice.
func recordTypes(t *testing.T) map[string]recordType {
	t.Helper()
	return recordTypesOf(t, Text())
}

func recordTypesOf(t *testing.T, text string) map[string]recordType {
	t.Helper()
	found := map[string]recordType{}
	var walk func(schema json.RawMessage)
	walk = func(schema json.RawMessage) {
		var union []json.RawMessage
		if json.Unmarshal(schema, &union) == nil {
			for _, member := range union {
				walk(member)
			}
			return
		}
		var of struct {
			recordType
			Type  string          `json:"type"`
			Items json.RawMessage `json:"items"`
		}
		if json.Unmarshal(schema, &of) != nil {
			return // a name
		}
		if of.Items != nil {
			walk(of.Items)
		}
		if of.Type != "record" {
			return
		}
		if _, twice := found[of.Name]; twice {
			t.Fatalf("%s is defined twice", of.Name)
		}
		found[of.Name] = of.recordType
		for _, f := range of.Fields {
			walk(f.Type)
		}
	}
	walk(json.RawMessage(text))
	if len(found) < 15 {
		t.Fatalf("found only %d record types", len(found))
	}
	return found
}

// describe says in words what a field's type is, without null.
func describe(t *testing.T, schema json.RawMessage) string {
	t.Helper()
	var name string
	if json.Unmarshal(schema, &name) == nil {
		return name
	}
	var union []json.RawMessage
	if json.Unmarshal(schema, &union) == nil {
		if len(union) != 2 || string(union[0]) != `"null"` {
			t.Errorf("%s is a union other than null and one type", schema)
			return ""
		}
		return describe(t, union[1])
	}
	var of struct {
		Type, Name, LogicalType string
		Items, Values           json.RawMessage
	}
	if err := json.Unmarshal(schema, &of); err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	switch {
	case of.Type == "array":
		return "array of " + describe(t, of.Items)
	case of.Type == "map":
		return "map of " + describe(t, of.Values)
	case of.Type == "record":
		return of.Name
	case of.LogicalType != "":
		return of.LogicalType
	}
	return of.Type
}

// TestSchema_CanBeReadByEveryEngine holds the rules that make the record readable as it is by Flink
// SQL, Spark, ksqlDB, Iceberg and BigQuery.
func TestSchema_CanBeReadByEveryEngine(t *testing.T) {
	legal := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	allowed := map[string]bool{"string": true, "int": true, "long": true, "boolean": true, "timestamp-millis": true}
	records := recordTypes(t)
	for _, record := range records {
		if record.Doc == "" {
			t.Errorf("%s has no documentation", record.Name)
		}
		byCase := map[string]string{}
		for _, f := range record.Fields {
			path := record.Name + "." + f.Name
			if !legal.MatchString(f.Name) {
				t.Errorf("%s is not a legal name", path)
			}
			if other, clash := byCase[strings.ToLower(f.Name)]; clash {
				t.Errorf("%s and %s differ by case only", path, other)
			}
			byCase[strings.ToLower(f.Name)] = path
			if f.Doc == "" {
				t.Errorf("%s has no documentation", path)
			}
			if path == "ChatMessage.unmapped" {
				if describe(t, f.Type) != "map of string" || f.Default == nil || string(*f.Default) != "{}" {
					t.Errorf("%s is not a map of strings that is empty by default", path)
				}
				continue
			}
			if f.Default == nil || string(*f.Default) != "null" || !strings.HasPrefix(string(f.Type), `["null",`) {
				t.Errorf("%s is not null by default", path)
			}
			if of := strings.TrimPrefix(describe(t, f.Type), "array of "); !allowed[of] && records[of].Name == "" {
				t.Errorf("%s is a %s", path, of)
			}
		}
	}
}

func TestSchema_IsNotRecursive(t *testing.T) {
	records := recordTypes(t)
	var walk func(record string, way []string)
	walk = func(record string, way []string) {
		if slices.Contains(way, record) {
			t.Fatalf("%s holds itself: %v", record, way)
		}
		for _, f := range records[record].Fields {
			if of := strings.TrimPrefix(describe(t, f.Type), "array of "); records[of].Name != "" {
				walk(of, append(slices.Clone(way), record))
			}
		}
	}
	walk("ChatMessage", nil)
}

// TestFingerprint_IsTheSchemas computes it with a library other than the one that encodes.
func TestFingerprint_IsTheSchemas(t *testing.T) {
	parsed, err := twmb.Parse(Text())
	if err != nil {
		t.Fatal(err)
	}
	sum := twmb.NewRabin()
	sum.Write(parsed.Canonical())
	if sum.Sum64() != Fingerprint {
		t.Errorf("want %#x, got %#x; run go generate", sum.Sum64(), Fingerprint)
	}
}
