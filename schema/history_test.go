package schema

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"
)

// earlier are the versions of the schema that were released, by file name.
func earlier(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("history/*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		versions[filepath.Base(file)] = string(text)
	}
	if versions["1.avsc"] == "" {
		t.Fatal("the first version is not kept")
	}
	return versions
}

// changes says what keeps the present schema from being a successor of an earlier one. It asks for more
// than FULL_TRANSITIVE does, which would let a field with a default go: whoever reads it would find null
// from then on, and no registry would say so.
func changes(t *testing.T, earlier, present string) (wrong []string) {
	t.Helper()
	before, err := twmb.Parse(earlier)
	if err != nil {
		t.Fatal(err)
	}
	now, err := twmb.Parse(present)
	if err != nil {
		t.Fatal(err)
	}
	if err := twmb.CheckCompatibility(before, now); err != nil {
		wrong = append(wrong, "new readers cannot read old records: "+err.Error())
	}
	if err := twmb.CheckCompatibility(now, before); err != nil {
		wrong = append(wrong, "old readers cannot read new records: "+err.Error())
	}
	after := recordTypesOf(t, present)
	for name, record := range recordTypesOf(t, earlier) {
		for i, f := range record.Fields {
			kept, ok := after[name].field(f.Name)
			switch {
			case !ok:
				wrong = append(wrong, name+"."+f.Name+" is gone")
			case describe(t, kept.Type) != describe(t, f.Type):
				wrong = append(wrong, name+"."+f.Name+" has another type")
			case after[name].Fields[i].Name != f.Name:
				wrong = append(wrong, name+"."+f.Name+" is elsewhere: new fields stand behind the old ones")
			}
		}
	}
	return wrong
}

// TestSchema_IsASuccessorOfEveryEarlierVersion holds the rule of FULL_TRANSITIVE without a registry.
func TestSchema_IsASuccessorOfEveryEarlierVersion(t *testing.T) {
	for version, text := range earlier(t) {
		for _, wrong := range changes(t, text, Text()) {
			t.Errorf("seen from %s: %s", version, wrong)
		}
	}
}

// TestSchema_HistoryHoldsThePresentOne: a change that is not kept there would never be checked.
func TestSchema_HistoryHoldsThePresentOne(t *testing.T) {
	for _, text := range earlier(t) {
		if text == Text() {
			return
		}
	}
	t.Error("chat_message.avsc has changed: copy it to schema/history under the next number")
}

// TestChanges_AreFound: the check itself finds what it is for.
func TestChanges_AreFound(t *testing.T) {
	const field = `{"name":"x","doc":"d","type":["null","string"],"default":null}`
	of := func(fields string) string {
		return strings.Replace(Text(), `"fields": [`, `"fields": [`+fields, 1)
	}
	behind := func() string {
		end := strings.LastIndex(Text(), "]")
		return Text()[:end] + "," + field + Text()[end:]
	}()
	for _, test := range []struct{ name, before, now, want string }{
		{"a field added behind", Text(), behind, ""},
		{"a field added before", Text(), of(field + ","), "is elsewhere"},
		{"a field taken away", behind, Text(), "ChatMessage.x is gone"},
		{"another type", behind, strings.Replace(behind, `"doc":"d","type":["null","string"]`, `"doc":"d","type":["null","long"]`, 1), "another type"},
		{"a field without a default", Text(), strings.Replace(behind, `["null","string"],"default":null`, `"string"`, 1), "new readers cannot read old records"},
	} {
		got := changes(t, test.before, test.now)
		if (test.want == "") != (len(got) == 0) || !slices.ContainsFunc(append(got, ""), func(s string) bool { return strings.Contains(s, test.want) }) {
			t.Errorf("%s: want %q, got %q", test.name, test.want, got)
		}
	}
}
