package transform

import (
	"errors"
	"strings"
	"testing"

	"github.com/teams-kafka/connector/schema"
)

func TestJSON_UnmappedIsRight(t *testing.T) {
	subject, user, millis := "field", "u", int64(1621973534864)
	m := &schema.ChatMessage{
		Subject:         &subject,
		CreatedDateTime: &millis,
		From:            &schema.IdentitySet{User: &schema.TeamworkUserIdentity{ID: &user}},
		Mentions:        []schema.ChatMessageMention{{}, {MentionText: &subject}},
		Unmapped: map[string]string{
			"/subject":         `"unmapped"`,
			"/createdDateTime": `"2021-05-25T20:12:14.8645Z"`,
			"/from/user/a~1b":  `{"x":1}`,
			"/mentions/1/~0":   `null`,
			"/from/tag":        `5`,
			"/":                `true`,
		},
	}
	const want = `{"from":{"user":{"id":"u","a/b":{"x":1}},"tag":5},"mentions":[{},{"mentionText":"field","~":null}],` +
		`"":true,"createdDateTime":"2021-05-25T20:12:14.8645Z","subject":"unmapped"}`
	if got, err := JSON(m); err != nil || string(got) != want {
		t.Errorf("want %s\ngot  %s, %v", want, got, err)
	}
}

func TestJSON_RefusesPlacesTheRecordDoesNotHave(t *testing.T) {
	for _, pointer := range []string{"", "x", "/from/user/x", "/mentions/0/x", "/mentions/-/x", "/subject/x", "/body/x/y"} {
		m := &schema.ChatMessage{Body: &schema.ItemBody{}, Unmapped: map[string]string{pointer: "1"}}
		if got, err := JSON(m); !errors.Is(err, ErrForeignPointer) {
			t.Errorf("%q: got %s, %v", pointer, got, err)
		}
	}
}

func TestJSON_RefusesTextThatIsNoUTF8(t *testing.T) {
	bad := "hunter2\xff"
	got, err := JSON(&schema.ChatMessage{Body: &schema.ItemBody{Content: &bad}})
	if err == nil || !strings.Contains(err.Error(), "content") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %s, %v", got, err)
	}
}
