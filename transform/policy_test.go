package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/teams-kafka/connector/schema"
)

const secret = "hunter2"

// secretItem is an item with a secret in all places that are left out.
const secretItem = `{"id":"1","chatId":"c","etag":"2","createdDateTime":"2021-05-25T20:12:14.864Z",` +
	`"subject":"hunter2","summary":"hunter2","importance":"hunter2\ud800","extra":"hunter2","webUrl":["hunter2"],` +
	`"body":{"contentType":"html","content":"hunter2","extra":"hunter2"},"from":{"user":{"id":"u","hunter2":1}},` +
	`"attachments":[{"id":"a","name":"n","content":"hunter2","extra":{"x":"hunter2"}},{"content":"hunter2"}]}`

func TestPolicy_DropBodyLeavesNothingOfIt(t *testing.T) {
	encoder := schema.NewSingleObjectEncoder()
	m, eventType, err := Message([]byte(secretItem), Policy{DropBody: true})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := encoder.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(encoded, []byte(secret)) {
		t.Errorf("the record gives it away: %q", encoded)
	}
	if eventType != TypeUpdated || *m.ID != "1" || *m.Body.ContentType != "html" || *m.Attachments[0].Name != "n" || *m.From.User.ID != "u" {
		t.Error("more was left out than what people wrote")
	}
	kept, _, err := Message([]byte(secretItem), Policy{})
	if err != nil || *kept.Body.Content != secret || *kept.Subject != secret || len(kept.Unmapped) != 6 {
		t.Errorf("the empty policy left something out: %q, %v", kept.Unmapped, err)
	}
}

func TestPolicy_Excludes(t *testing.T) {
	policy := Policy{ExcludeChats: map[string]struct{}{"19:a@thread.v2": {}, "": {}}}
	for chat, want := range map[string]bool{"19:a@thread.v2": true, "19:A@thread.v2": false, "19:b@thread.v2": false, "": false} {
		if policy.Excludes(chat) != want {
			t.Errorf("%q: want %v", chat, want)
		}
	}
	if (Policy{}).Excludes("19:a@thread.v2") {
		t.Error("the empty policy excludes")
	}
}

func TestDeadLetter_IsTheItemItself(t *testing.T) {
	for _, item := range []string{secretItem, `{"broken`, "\xff", "x"} {
		given := []byte(item)
		letter := DeadLetter(given, Policy{})
		clear(given)
		if string(letter) != item {
			t.Errorf("want %q, got %q", item, letter)
		}
	}
}

func TestDeadLetter_HoldsNoBodyIfThePolicyLeavesItOut(t *testing.T) {
	drop := Policy{DropBody: true}
	withTime := `{"lastEditedDateTime":"hunter2",` + secretItem[1:]
	for item, want := range map[string]string{
		withTime: `{"id":"1","etag":"2","createdDateTime":"2021-05-25T20:12:14.864Z","chatId":"c","from":{"user":{"id":"u"}},` +
			`"body":{"contentType":"html"},"attachments":[{"id":"a","name":"n"},{}]}`,
		`{"subject":"hunter2","id":"5"}`: `{"id":"5"}`,
		`{"subject":"hunter2`:            `{"sha256":"` + sha256Of(`{"subject":"hunter2`) + `","length":19}`,
		`{"id":"1","id":"hunter2"}`:      `{"sha256":"` + sha256Of(`{"id":"1","id":"hunter2"}`) + `","length":25}`,
	} {
		letter := DeadLetter([]byte(item), drop)
		if string(letter) != want {
			t.Errorf("want %s\ngot  %s", want, letter)
		}
		if !json.Valid(letter) || bytes.Contains(letter, []byte(secret)) {
			t.Errorf("%s is not JSON, or gives it away", letter)
		}
	}
}

// TestDeadLetter_OfAnUnknownChatIsNotWholeIfChatsAreExcluded: it could be one of them.
func TestDeadLetter_OfAnUnknownChatIsNotWholeIfChatsAreExcluded(t *testing.T) {
	exclude := Policy{ExcludeChats: map[string]struct{}{"c": {}}}
	for item, want := range map[string]string{
		`{"chatId":"d","createdDateTime":"hunter2"}`: `{"chatId":"d","createdDateTime":"hunter2"}`,
		`{"subject":"hunter2"}`:                      `{"subject":"hunter2"}`, // of no chat at all
		`{"subject":"hunter2","chatId":"c`:           `{"sha256":"` + sha256Of(`{"subject":"hunter2","chatId":"c`) + `","length":32}`,
		`{"chatId":"d","chatId":"c"}`:                `{"sha256":"` + sha256Of(`{"chatId":"d","chatId":"c"}`) + `","length":27}`,
	} {
		if letter := DeadLetter([]byte(item), exclude); string(letter) != want {
			t.Errorf("want %s\ngot  %s", want, letter)
		}
	}
}

// TestDeadLetter_AgreesWithTheRecord: of an item that could become a record, a dead letter tells as
// much as the record.
func TestDeadLetter_AgreesWithTheRecord(t *testing.T) {
	types := graphTypes(t)
	rapid.Check(t, func(rt *rapid.T) {
		item := []byte(generator{rt, types}.item())
		m, _, err := Message(item, Policy{DropBody: true})
		if err != nil {
			rt.Fatal(err)
		}
		want, err := JSON(m)
		if err != nil {
			rt.Fatal(err)
		}
		if got := DeadLetter(item, Policy{DropBody: true}); !bytes.Equal(got, want) {
			rt.Fatalf("want %s, got %s", want, got)
		}
	})
}

func sha256Of(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
