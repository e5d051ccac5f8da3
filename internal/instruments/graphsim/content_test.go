package graphsim

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestContent_IsAsVariedAsPublished reads some thousand messages and looks for each thing that occurs in published
// examples.
func TestContent_IsAsVariedAsPublished(t *testing.T) {
	cfg := Defaults()
	cfg.Seed, cfg.Users, cfg.Chats, cfg.Limits, cfg.Lateness, cfg.Rate = 8, 3, 12, Limits{}, Lateness{}, 0
	cfg.Content.Large = 0.01
	cfg.Reactions, cfg.Content.Attachments, cfg.Content.Mentions = 1, 0.3, 0.3
	cfg.Content.System, cfg.Content.FineTimes, cfg.Content.Strangers = 0.2, 0.1, 0.4
	cfg.History = History{Messages: 3000, Reach: 48 * time.Hour}
	c := start(t, cfg)
	c.header.Set("Prefer", "include-unknown-enum-members")
	var all strings.Builder
	largest := 0
	digits := map[int]bool{}
	for _, user := range c.s.Users() {
		for _, raw := range c.readAll(messages(user, "$top=900")) {
			if !json.Valid(raw) || !utf8.Valid(raw) {
				t.Fatalf("not JSON: %s", raw)
			}
			m := parse(t, raw)
			for _, text := range []string{m.Created, *nonNil(m.Modified, &m.Created)} {
				if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
					t.Error(err)
				}
				_, fraction, _ := strings.Cut(strings.TrimSuffix(text, "Z"), ".")
				digits[len(fraction)] = true
			}
			largest = max(largest, len(m.Body.Content))
			all.Write(raw)
			all.WriteByte('\n')
		}
	}
	for n := range 8 {
		if !digits[n] {
			t.Errorf("no time with %d fractional digits", n)
		}
	}
	if largest < 20<<10 || largest > 28<<10 {
		t.Errorf("the largest body has %d bytes, want 20 to 28 KB", largest)
	}
	text := all.String()
	for _, event := range events {
		if !strings.Contains(text, `"#microsoft.graph.`+event.name+`EventMessageDetail"`) {
			t.Errorf("no event %s", event.name)
		}
	}
	for _, stranger := range strangers {
		if !strings.Contains(text, `IdentityType":"`+stranger.identityType+`"`) {
			t.Errorf("no sender of type %s", stranger.identityType)
		}
	}
	for _, kind := range attachmentKinds {
		if !strings.Contains(text, `"contentType":"`+kind+`"`) {
			t.Errorf("no attachment of kind %s", kind)
		}
	}
	for _, pattern := range []string{
		`"chatId":"19:[0-9a-f]{32}@thread\.v2"`, `"chatId":"19:[0-9a-f-]{36}_[0-9a-f-]{36}@unq\.gbl\.spaces"`, `"chatId":"19:meeting_[A-Za-z0-9+/=]{48}@thread\.v2"`,
		`"visibleHistoryStartDateTime":"0001-01-01T00:00:00Z"`, `"lastModifiedDateTime":null`, `"lastEditedDateTime":"2026`, `"deletedDateTime":"2026`,
		`"policyViolation":\{"dlpAction":"blockAccess"`, `"dlpAction":"notifySender,blockAccess"`, `"body":\{"contentType":"text","content":""\}`,
		`"reactionType":"custom"`, `"reactionType":"like"`, `"actions":"reactionAdded"`, `"actions":"reactionRemoved"`,
		`"importance":"urgent"`, `"subject":"[^"]`, `"subject":""`, `"conversation":null\},"body"`, `"tenantId":"`, `"deleted":false`, `Duration":"PT\d+M[\d.]+S"`, `"displayName":null`, `"conversationMemberRoles":\[\]`,
		`"mentioned":\{"application":\{`, `"conversationIdentityType":"team"`, `"conversationIdentityType":"channel"`, `"conversationIdentityType":"chat"`, `"tag":\{"id"`,
		`"onBehalfOf":null`, `"onBehalfOf":\{`, `"@microsoft.graph.tips"`, `9007199254740993`, `"@odata.type":"#microsoft.graph.teamworkUserIdentity"`,
		`<attachment id=`, `<at id=`, `<emoji `, `<customemoji `, `hostedContents`, `schema\.skype\.com/Reply`, `&nbsp;`, `\\ud83`, `🎉`, `الاجتماع`, `הפגישה`, `\\n<ul>`,
		`\+00:00\\"`, `AdaptiveCard`, `"id":"tab::`, `"id":"[0-9A-F]{8}-[0-9A-F]{4}`, `Shared Documents/General/plan`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("nothing matches %s", pattern)
		}
	}
}

// TestContent_LeavesOutWhatIsNull: some published items lack properties that others have as null.
func TestContent_LeavesOutWhatIsNull(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 400, Reach: time.Hour}, Edits: 0.3, Deletions: 0.2, Content: Content{Absent: 0.5, System: 0.2}})
	optional := []string{"lastEditedDateTime", "deletedDateTime", "webUrl", "channelIdentity", "eventDetail"}
	absent, null, given := map[string]int{}, map[string]int{}, map[string]int{}
	for _, raw := range c.readAll(messages(c.s.Users()[0], "$top=200")) {
		var item map[string]json.RawMessage
		if err := json.Unmarshal(raw, &item); err != nil {
			t.Fatal(err)
		}
		for _, name := range optional {
			switch value, ok := item[name]; {
			case !ok:
				absent[name]++
			case string(value) == "null":
				null[name]++
			default:
				given[name]++
			}
		}
		for _, name := range []string{"id", "etag", "chatId", "messageType", "createdDateTime", "lastModifiedDateTime", "from", "body", "attachments", "mentions", "reactions"} {
			if item[name] == nil {
				t.Errorf("%s is left out of %s", name, raw)
			}
		}
	}
	for _, name := range optional {
		if absent[name] < 50 || null[name] < 50 || name != "webUrl" && name != "channelIdentity" && given[name] < 20 {
			t.Errorf("%s is absent in %d items, null in %d, and has a value in %d", name, absent[name], null[name], given[name])
		}
	}
}

func nonNil(a, b *string) *string {
	if a != nil {
		return a
	}
	return b
}

func TestContent_EscapesMeanTheSameText(t *testing.T) {
	for _, text := range []string{"", "plain", "a\"b\\c\n\r\t\x01", "größer", "🎉 and 👩‍👩‍👧‍👦", "\u2028\u2029\uffff", "שלום"} {
		for _, escapes := range []bool{false, true} {
			encoded := appendString(nil, text, escapes)
			var decoded string
			if err := json.Unmarshal(encoded, &decoded); err != nil || decoded != text {
				t.Errorf("%q became %s, which is %q, %v", text, encoded, decoded, err)
			}
			for _, c := range encoded {
				if escapes && c >= utf8.RuneSelf {
					t.Errorf("%s has a character beyond ASCII", encoded)
				}
			}
		}
	}
}

func TestContent_TimesHaveNoTrailingZeros(t *testing.T) {
	at := time.Date(2021, 3, 7, 6, 7, 5, 0, time.UTC).UnixMilli()
	for _, test := range []struct {
		millis, ticks int64
		want          string
	}{
		{at, 0, "2021-03-07T06:07:05Z"}, {at + 100, 0, "2021-03-07T06:07:05.1Z"}, {at + 150, 0, "2021-03-07T06:07:05.15Z"},
		{at + 7, 0, "2021-03-07T06:07:05.007Z"}, {at, 1, "2021-03-07T06:07:05.0000001Z"}, {at + 999, 9990, "2021-03-07T06:07:05.999999Z"},
	} {
		if got := string(appendTime(nil, test.millis, test.ticks)); got != test.want {
			t.Errorf("%d ms and %d ticks: %s, want %s", test.millis, test.ticks, got, test.want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain", false)
	f.Add("größer 🎉\x00\"\\", true)
	f.Fuzz(func(t *testing.T, text string, escapes bool) {
		if !utf8.ValidString(text) {
			t.Skip("bodies are valid UTF-8")
		}
		var decoded string
		if err := json.Unmarshal(appendString(nil, text, escapes), &decoded); err != nil || decoded != text {
			t.Errorf("%q became %q, %v", text, decoded, err)
		}
	})
}
