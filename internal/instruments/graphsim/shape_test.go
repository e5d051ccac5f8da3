package graphsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shape lists, in order, the path and the type of every value of a JSON document. Elements of arrays are numbered.
func shape(t *testing.T, document []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	var list []string
	var walk func(path string)
	walk = func(path string) {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case json.Delim:
			list = append(list, path+" "+token.String())
			for i := 0; d.More(); i++ {
				if token == '[' {
					walk(fmt.Sprintf("%s[%d]", path, i))
					continue
				}
				name, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				walk(path + "." + name.(string))
			}
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
		default:
			list = append(list, fmt.Sprintf("%s %T", path, token))
		}
	}
	walk("")
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatal("more than one value")
	}
	return list
}

// plainItem is the shape of a plain message on the reference page, below value[n].
const plainItem = ` {
.@odata.type string
.id string
.replyToId <nil>
.etag string
.messageType string
.createdDateTime string
.lastModifiedDateTime string
.lastEditedDateTime <nil>
.deletedDateTime <nil>
.subject <nil>
.summary <nil>
.chatId string
.importance string
.locale string
.webUrl <nil>
.channelIdentity <nil>
.policyViolation <nil>
.eventDetail <nil>
.from {
.from.application <nil>
.from.device <nil>
.from.user {
.from.user.id string
.from.user.displayName string
.from.user.userIdentityType string
.body {
.body.contentType string
.body.content string
.attachments [
.mentions [
.reactions [`

func referenceShape() []string {
	want := []string{" {", ".@odata.context string", ".@odata.count float64", ".@odata.nextLink string", ".value ["}
	for n := range 2 {
		for line := range strings.SplitSeq(plainItem, "\n") {
			want = append(want, fmt.Sprintf(".value[%d]%s", n, line))
		}
	}
	return want
}

// published reads one of the published examples, which lie beside the repository; without them the test is skipped.
func published(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "graph", "examples", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the published examples are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestShape_ReferenceRequestGivesTheReferenceResponse(t *testing.T) {
	// Plain messages only: subjects are rare, so a seed without one on the page is taken.
	c := start(t, Config{Seed: 4, Users: 3, Chats: 3, History: History{Messages: 40}})
	user := c.s.Users()[0]
	body := c.get("/v1.0/users/" + user + "/chats/getAllMessages?$top=2").body
	if got := shape(t, body); !slices.Equal(got, referenceShape()) {
		t.Errorf("shape\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(referenceShape(), "\n"))
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	if e.Context != "https://graph.microsoft.com/v1.0/$metadata#Collection(chatMessage)" || *e.Count != 2 {
		t.Errorf("context %q, count %d", e.Context, *e.Count)
	}
	for _, raw := range e.Value {
		m := parse(t, raw)
		at, err := time.Parse(time.RFC3339Nano, m.Created)
		if err != nil || m.ID != m.Etag || at.UnixMilli() != number(t, m.ID) || m.Created != *m.Modified || m.Type != "message" || m.Body.ContentType != "text" || m.Body.Content == "" {
			t.Errorf("item %+v", m)
		}
		if strings.HasPrefix(m.ChatID, "19:") && (strings.HasSuffix(m.ChatID, "@thread.v2") || strings.HasSuffix(m.ChatID, "@unq.gbl.spaces")) {
			continue
		}
		t.Errorf("chat id %q", m.ChatID)
	}
}

func TestShape_ReferenceIsThePublishedOne(t *testing.T) {
	if got := shape(t, published(t, "v1.0__chats-getallmessages__01-resp.json")); !slices.Equal(got, referenceShape()) {
		t.Errorf("the published response has the shape\n%s", strings.Join(got, "\n"))
	}
}

// TestShape_EventsHaveThePublishedProperties compares each kind of event with the published example of its kind.
func TestShape_EventsHaveThePublishedProperties(t *testing.T) {
	want := map[string][]string{}
	for i := range 30 {
		var example struct {
			EventDetail map[string]any `json:"eventDetail"`
		}
		if err := json.Unmarshal(published(t, fmt.Sprintf("concepts__system-messages__%02d-doc.json", i+1)), &example); err != nil {
			t.Fatal(err)
		}
		want[example.EventDetail["@odata.type"].(string)] = propertiesOf(example.EventDetail)
	}
	if len(want) != 30 {
		t.Fatalf("%d kinds are published", len(want))
	}
	c := start(t, Config{Seed: 6, Users: 2, Chats: 1, History: History{Messages: 900}, Content: Content{System: 1}})
	for _, raw := range c.readAll(messages(c.s.Users()[0], "$top=900")) {
		event := parse(t, raw).Event
		kind := event["@odata.type"].(string)
		wanted, ok := want[kind]
		if !ok {
			continue
		}
		if got := propertiesOf(event); !slices.Equal(got, wanted) {
			t.Errorf("%s has %v, want %v", kind, got, wanted)
		}
		delete(want, kind)
	}
	for kind := range want {
		t.Errorf("no event of kind %s", kind)
	}
}

func propertiesOf(object map[string]any) []string {
	var names []string
	for name, value := range object {
		names = append(names, fmt.Sprintf("%s %T", name, value))
	}
	slices.Sort(names)
	return names
}
