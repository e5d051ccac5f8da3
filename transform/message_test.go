package transform

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/teams-kafka/connector/schema"
)

// TestMessage_PutsWhatNoFieldHoldsToUnmapped says what goes there, and under which pointer.
func TestMessage_PutsWhatNoFieldHoldsToUnmapped(t *testing.T) {
	for _, test := range []struct {
		behavior string
		item     string
		want     map[string]string
	}{
		{"known values do not", `{"id":"1","body":{"content":"x"},"mentions":[{"id":1}],"reactions":[]}`, nil},
		{"null and absent are the same", `{"id":null,"unknown":null,"mentions":null,"from":{"user":null,"x":null}}`, nil},
		{"an unknown property", `{"deleted":false}`, map[string]string{"/deleted": `false`}},
		{"an unknown object, as it was written", `{"a": {"b" : [1.50, null]} }`, map[string]string{"/a": `{"b" : [1.50, null]}`}},
		{"a pointer is escaped", `{"a/b":1,"c~d":2,"":3}`, map[string]string{"/a~1b": `1`, "/c~0d": `2`, "/": `3`}},
		{"deep inside", `{"mentions":[{},{"mentioned":{"user":{"x":1}}}]}`, map[string]string{"/mentions/1/mentioned/user/x": `1`}},
		{"field names that are not Graph's", `{"odataType":"a","unmapped":{"/id":"5"},"eventDetail":{"callDurationMillis":5}}`,
			map[string]string{"/odataType": `"a"`, "/unmapped": `{"/id":"5"}`, "/eventDetail/callDurationMillis": `5`}},
		{"a number for a text", `{"subject":5}`, map[string]string{"/subject": `5`}},
		{"a text for an object", `{"body":"x","from":[]}`, map[string]string{"/body": `"x"`, "/from": `[]`}},
		{"an object for an array", `{"mentions":{"id":1}}`, map[string]string{"/mentions": `{"id":1}`}},
		{"a text for a boolean", `{"eventDetail":{"meetingChatEnabled":"true"}}`, map[string]string{"/eventDetail/meetingChatEnabled": `"true"`}},
		{"a number that is not written as an integer", `{"mentions":[{"id":1.0},{"id":-0},{"id":2147483648}]}`,
			map[string]string{"/mentions/0/id": `1.0`, "/mentions/1/id": `-0`, "/mentions/2/id": `2147483648`}},
		{"a time finer than a millisecond", `{"createdDateTime":"2021-05-25T20:12:14.86412Z"}`,
			map[string]string{"/createdDateTime": `"2021-05-25T20:12:14.86412Z"`}},
		{"an inner time that is invalid", `{"reactions":[{"createdDateTime":"2021-03-1706:47:05.123Z"}]}`,
			map[string]string{"/reactions/0/createdDateTime": `"2021-03-1706:47:05.123Z"`}},
		{"an array with a null, whole, and nothing of its elements twice", `{"mentions":[{"x":1},null]}`, map[string]string{"/mentions": `[{"x":1},null]`}},
		{"an array of texts with something else", `{"eventDetail":{"conversationMemberRoles":["a",1]}}`,
			map[string]string{"/eventDetail/conversationMemberRoles": `["a",1]`}},
		{"a text that is not Unicode", `{"subject":"\ud800","body":{"content":"a\udc00"}}`,
			map[string]string{"/subject": `"\ud800"`, "/body/content": `"a\udc00"`}},
		{"an array of texts with one that is not Unicode", `{"eventDetail":{"conversationMemberRoles":["\ud800"]}}`,
			map[string]string{"/eventDetail/conversationMemberRoles": `["\ud800"]`}},
		{"a duration that is not a text", `{"eventDetail":{"callDuration":59}}`, map[string]string{"/eventDetail/callDuration": `59`}},
		{"navigation properties", `{"replies":[{"id":"2"}]}`, map[string]string{"/replies": `[{"id":"2"}]`}},
	} {
		m, _, err := Message([]byte(test.item), Policy{})
		if err != nil || !maps.Equal(m.Unmapped, test.want) {
			t.Errorf("%s: want %q, got %q, %v", test.behavior, test.want, m.Unmapped, err)
		}
	}
}

func TestMessage_FillsFields(t *testing.T) {
	m, _, err := Message([]byte(`{
		"id": "1", "createdDateTime": "2021-05-25T22:12:14.86499+02:00", "subject": "a\"\u00e9\ud83d\ude00",
		"from": {"user": {"userIdentityType": "aadUser", "tenantId": "t"}},
		"mentions": [{"id": -7}], "attachments": [], "body": {},
		"eventDetail": {"callDuration": "PT40M19.26S", "callRecordingDuration": "P1Y", "meetingChatEnabled": false,
			"visibleHistoryStartDateTime": "0001-01-01T00:00:00Z", "conversationMemberRoles": ["owner", ""]}
	}`), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"id":                           *m.ID == "1",
		"time in milliseconds":         *m.CreatedDateTime == 1621973534864,
		"unescaped text":               *m.Subject == "a\"é😀",
		"kind of user":                 *m.From.User.UserIdentityType == "aadUser" && *m.From.User.TenantID == "t",
		"mention":                      *m.Mentions[0].ID == -7,
		"empty array is not null":      m.Attachments != nil && len(m.Attachments) == 0,
		"absent array is null":         m.Reactions == nil,
		"empty object is not null":     m.Body != nil && m.Body.Content == nil,
		"duration":                     *m.EventDetail.CallDuration == "PT40M19.26S" && *m.EventDetail.CallDurationMillis == 2419260,
		"duration without length":      *m.EventDetail.CallRecordingDuration == "P1Y" && m.EventDetail.CallRecordingDurationMillis == nil,
		"boolean":                      !*m.EventDetail.MeetingChatEnabled,
		"year 1":                       *m.EventDetail.VisibleHistoryStartDateTime == -62135596800000,
		"texts":                        reflect.DeepEqual(m.EventDetail.ConversationMemberRoles, []string{"owner", ""}),
		"finer time is kept beside":    m.Unmapped["/createdDateTime"] == `"2021-05-25T22:12:14.86499+02:00"`,
		"nothing else is in the extra": len(m.Unmapped) == 1,
	} {
		if !ok {
			t.Errorf("%s: not so", what)
		}
	}
}

func TestMessage_TellsTheEvent(t *testing.T) {
	for item, want := range map[string]string{
		`{"id":"5","etag":"5","createdDateTime":"2021-02-02T18:19:52Z","lastModifiedDateTime":"2021-02-02T18:19:52.105Z"}`: TypeCreated,
		`{"id":"5","etag":"6"}`: TypeUpdated,
		`{"id":"5","etag":"5","lastEditedDateTime":"2021-02-02T18:19:52Z"}`:                                                                     TypeUpdated,
		`{"id":"5","etag":"5","deletedDateTime":"2021-02-02T18:19:52Z"}`:                                                                        TypeDeleted,
		`{"id":"5","etag":"6","deletedDateTime":"2021-02-02T18:19:52Z","lastEditedDateTime":"2021-02-02T18:19:52Z"}`:                            TypeDeleted,
		`{"id":"5","createdDateTime":"2021-02-02T18:19:52Z","lastModifiedDateTime":"2021-02-02T18:19:52Z"}`:                                     TypeCreated,
		`{"id":"5","createdDateTime":"2021-02-02T18:19:52Z","lastModifiedDateTime":"2021-02-02T18:19:53Z"}`:                                     TypeUpdated,
		`{"etag":"5","createdDateTime":"2021-02-02T18:19:52Z"}`:                                                                                 TypeCreated,
		`{"id":"5","etag":"5","deletedDateTime":null,"lastEditedDateTime":null,"lastModifiedDateTime":null,"createdDateTime":null,"body":null}`: TypeCreated,
	} {
		if _, got, err := Message([]byte(item), Policy{}); err != nil || got != want {
			t.Errorf("%s: want %s, got %s, %v", item, want, got, err)
		}
	}
}

func TestMessage_RefusesItemsWhoseOwnTimesAreNone(t *testing.T) {
	for _, name := range []string{"createdDateTime", "lastModifiedDateTime", "lastEditedDateTime", "deletedDateTime"} {
		for _, value := range []string{`""`, `"2021-03-1706:47:05.123Z"`, `5`, `true`, `{}`, `[]`, `"2021-03-17T06:47:05Z\ud800"`} {
			m, eventType, err := Message([]byte(`{"`+name+`":`+value+`}`), Policy{})
			if !errors.Is(err, ErrTime) || !strings.Contains(err.Error(), name) || m != nil || eventType != "" {
				t.Errorf("%s %s: got %v, %q, %v", name, value, m, eventType, err)
			}
		}
	}
}

// filled returns a record with every field set, each text another one.
func filled(t *testing.T) *schema.ChatMessage {
	t.Helper()
	m := new(schema.ChatMessage)
	fill(t, reflect.ValueOf(m).Elem(), "m")
	m.Unmapped = nil
	// What is derived from other fields has to fit them.
	duration, millis := "PT40M19.26S", int64(2419260)
	m.EventDetail.CallDuration, m.EventDetail.CallDurationMillis = &duration, &millis
	m.EventDetail.CallRecordingDuration, m.EventDetail.CallRecordingDurationMillis = &duration, &millis
	return m
}

func fill(t *testing.T, value reflect.Value, path string) {
	t.Helper()
	switch value.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(t, value.Elem(), path)
	case reflect.Struct:
		for i := range value.NumField() {
			fill(t, value.Field(i), path+"."+value.Type().Field(i).Name)
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		fill(t, value.Index(0), path+".0")
		fill(t, value.Index(1), path+".1")
	case reflect.String:
		value.SetString(path)
	case reflect.Int64, reflect.Int32:
		value.SetInt(int64(len(path)))
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Map:
	default:
		t.Fatalf("%s: no test value for a %s", path, value.Kind())
	}
}

// TestEveryFieldHasItsProperty: a field that Message does not fill, or that JSON does not write, or
// that is mixed up with another, does not come back.
func TestEveryFieldHasItsProperty(t *testing.T) {
	want := filled(t)
	text, err := JSON(want)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := Message(text, Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Unmapped) != 0 {
		t.Errorf("written, but not read: %q", got.Unmapped)
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("want %s, got another record", text)
	}
	decoded, err := newAvroWay(t).there(want)
	if err != nil {
		t.Fatal(err)
	}
	if decoded.Unmapped = nil; !reflect.DeepEqual(want, decoded) {
		t.Error("Avro does not bring every field back")
	}
}

// TestEveryPropertyOfGraphHasAField takes the type itself for the measure, not the record: an object
// of each type with all its properties, none of which may end in unmapped.
func TestEveryPropertyOfGraphHasAField(t *testing.T) {
	types := graphTypes(t)
	for name, item := range map[string]string{
		"chatMessage":                  sample(types, "chatMessage", 6),
		"teamworkUserIdentity":         `{"from":{"user":` + sample(types, "teamworkUserIdentity", 1) + `}}`,
		"teamworkApplicationIdentity":  `{"from":{"application":` + sample(types, "teamworkApplicationIdentity", 1) + `}}`,
		"teamworkConversationIdentity": `{"from":{"conversation":` + sample(types, "teamworkConversationIdentity", 1) + `}}`,
		"teamworkTagIdentity":          `{"from":{"tag":` + sample(types, "teamworkTagIdentity", 1) + `}}`,
	} {
		m, _, err := Message([]byte(item), Policy{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for pointer := range m.Unmapped {
			t.Errorf("%s: %s has no field", name, pointer)
		}
		if err := checkLossless(newAvroWay(t), []byte(item)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// sample is an object with every property of the type.
func sample(types map[string]graphType, of string, depth int) string {
	members := make([]string, 0, len(types[of].properties))
	for _, p := range types[of].properties {
		members = append(members, `"`+p.name+`":`+sampleValue(types, p.kind, depth))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func sampleValue(types map[string]graphType, kind string, depth int) string {
	if element, ok := strings.CutPrefix(kind, "Collection("); ok {
		return "[" + sampleValue(types, strings.TrimSuffix(element, ")"), depth) + "]"
	}
	switch kind {
	case "String", "enum":
		return `"x"`
	case "DateTimeOffset":
		return `"2021-05-25T20:12:14.864Z"`
	case "Duration":
		return `"PT59S"`
	case "Boolean":
		return `true`
	case "Int32":
		return `7`
	}
	if depth == 0 {
		return `null`
	}
	return sample(types, kind, depth-1)
}
