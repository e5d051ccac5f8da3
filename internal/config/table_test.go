package config

import (
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/source"
)

func TestPages_HoldTheVariablesAsTheyAre(t *testing.T) {
	for name, text := range map[string]string{
		"README.md":             Short("docs/configuration.md"),
		"docs/configuration.md": Markdown(),
	} {
		page, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		updated, err := Insert(string(page), text)
		if err != nil {
			t.Fatal(err)
		}
		if updated != string(page) {
			t.Errorf("%s is stale: run go generate ./internal/config", name)
		}
	}
}

func TestPages_TheReadmeHasTenVariables(t *testing.T) {
	if rows := strings.Count(Short(""), "\n") - 2; rows != 10 {
		t.Errorf("the README's table has %d rows, want 10", rows)
	}
}

func TestSettings_EachHasAGroupATypeAnExampleAndAConsequence(t *testing.T) {
	want := []string{"Graph", "Users", "Pace", "Kafka", "Registry", "Delivery and index", "Privacy", "Operations"}
	if got := groups(); !slices.Equal(got, want) {
		t.Errorf("groups are %v, want %v", got, want)
	}
	unknown := maps.Clone(consequences)
	for _, s := range All() {
		delete(unknown, s.Name)
		if s.Type == "" || s.Example == "" || s.Doc == "" || s.IfWrong() == "" {
			t.Errorf("%s is not described completely: %+v, if wrong %q", s.Name, s, s.IfWrong())
		}
		if s.Secret != (s.Type == "secret") {
			t.Errorf("%s has the type %s; it is secret: %t", s.Name, s.Type, s.Secret)
		}
	}
	for name := range unknown {
		t.Errorf("consequences names %s, which is not a variable", name)
	}
}

// set returns valid settings in which one variable is changed.
func set(name, value string) Settings {
	s := valid()
	s.each(func(setting Setting, field *string) {
		if setting.Name == name {
			*field = value
		}
	})
	return s
}

// refuses reports whether Parse refuses a value because it is out of the variable's range, and not because
// of what else it needs.
func refuses(name, value string) bool {
	_, err := Parse(set(name, value))
	if !errors.Is(err, ErrInvalid) {
		return false
	}
	for _, because := range []string{" must be from ", " must be a whole number from ", " is not a duration", " must be "} {
		if strings.Contains(err.Error(), "  "+name+` is "`+value+`":`+because) && !strings.Contains(err.Error(), "longer than") &&
			!strings.Contains(err.Error(), "at most half") {
			return true
		}
	}
	return false
}

// The range in the documentation is the one that is enforced: its ends are accepted, and what is just
// outside is refused.
func TestSettings_TheRangeInTheDocumentationIsTheOneThatIsEnforced(t *testing.T) {
	checked := 0
	for _, s := range All() {
		from, to, isRange := strings.Cut(s.Range, " to ")
		var accepted, refused []string
		switch {
		case s.Type == "choice" || s.Type == "boolean":
			accepted, refused = strings.Split(s.Range, ", "), []string{"nonsense", s.Range}
		case s.Type == "integer":
			accepted, refused = []string{from, to}, []string{to + "0", "-2", "1.5", "many"}
		case s.Type == "duration" || s.Type == "durations":
			most, err := ParseDuration(to)
			if err != nil || !isRange {
				t.Fatalf("%s: range %q", s.Name, s.Range)
			}
			accepted, refused = []string{from, to}, []string{(most + time.Millisecond).String(), "-1ms", "soon"}
			if from != "0s" {
				refused = append(refused, "0s", "999us")
			}
		default:
			continue
		}
		checked++
		for _, value := range accepted {
			if refuses(s.Name, value) {
				_, err := Parse(set(s.Name, value))
				t.Errorf("%s=%s is refused: %v", s.Name, value, err)
			}
		}
		for _, value := range refused {
			if !refuses(s.Name, value) {
				_, err := Parse(set(s.Name, value))
				t.Errorf("%s=%s is not refused for its range: %v", s.Name, value, err)
			}
		}
	}
	if checked < 25 {
		t.Errorf("%d variables have a range that can be checked", checked)
	}
}

func TestSettings_ChoicesAreThoseOfTheSource(t *testing.T) {
	kinds := []source.AuthKind{source.AuthSecret, source.AuthCertificate, source.AuthWorkloadIdentity, source.AuthManagedIdentity}
	for _, kind := range kinds {
		if !slices.Contains(strings.Split(named("GRAPH_AUTH").Range, ", "), string(kind)) {
			t.Errorf("GRAPH_AUTH does not accept %s", kind)
		}
	}
	var clouds []string
	for _, c := range source.Clouds() {
		if c.Missing == "" {
			clouds = append(clouds, c.Name)
		}
	}
	if got := strings.Split(named("GRAPH_CLOUD").Range, ", "); !slices.Equal(got, clouds) {
		t.Errorf("GRAPH_CLOUD accepts %v, Graph can be streamed from %v", got, clouds)
	}
}

// A group is a blank field, which neither envconfig nor a caller can fill.
func TestSettings_GroupsAreBlankFields(t *testing.T) {
	for i := range reflect.TypeFor[Settings]().NumField() {
		field := reflect.TypeFor[Settings]().Field(i)
		if (field.Tag.Get("group") != "") == field.IsExported() {
			t.Errorf("field %s: exported %t, group %q", field.Name, field.IsExported(), field.Tag.Get("group"))
		}
	}
}

// A heading that occurs twice gets another anchor, which the links to it would miss.
func TestPages_EveryHeadingIsItsOwn(t *testing.T) {
	seen := make(map[string]bool)
	for line := range strings.Lines(Markdown()) {
		if heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#"))); strings.HasPrefix(line, "#") {
			if seen[heading] {
				t.Errorf("%q is the heading of two sections", heading)
			}
			seen[heading] = true
		}
	}
}
