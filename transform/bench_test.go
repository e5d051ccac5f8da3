package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/teams-kafka/connector/schema"
)

// page is a mix of items as a chat has them, with a mean of 1.3 KB: text messages of several lengths,
// with mentions, reactions, attachments and cards, and system messages.
func page(tb testing.TB) [][]byte {
	tb.Helper()
	const chat = "19:8ea0e38b-efb3-4757-924a-5f94061cf8c2_97f62344-57dc-409c-88ad-c4af14158ff5@unq.gbl.spaces"
	user := func(name string) string {
		return `{"@odata.type":"#microsoft.graph.teamworkUserIdentity","id":"8ea0e38b-efb3-4757-924a-5f94061cf8c2",` +
			`"displayName":"` + name + `","userIdentityType":"aadUser","tenantId":"e61ef81e-8bd8-476a-92e8-4a62f8426fca"}`
	}
	set := func(name string) string {
		return `{"application":null,"device":null,"user":` + user(name) + `}`
	}
	item := func(n int, etag int, from, body, tail string) []byte {
		id := 1621973534864 + n
		return fmt.Appendf(nil, `{"@odata.type":"#microsoft.graph.chatMessage","id":"%d","replyToId":null,"etag":"%d",`+
			`"messageType":"message","createdDateTime":"2021-05-25T20:12:14.864Z","lastModifiedDateTime":"2021-05-25T20:12:14.864Z",`+
			`"lastEditedDateTime":null,"deletedDateTime":null,"subject":null,"summary":null,"chatId":"%s","importance":"normal",`+
			`"locale":"en-us","webUrl":null,"channelIdentity":null,"policyViolation":null,"eventDetail":null,"from":%s,`+
			`"body":{"contentType":"html","content":"%s"},%s}`, id, id+etag, chat, from, body, tail)
	}
	const none = `"attachments":[],"mentions":[],"reactions":[]`
	paragraph := `<div>\n<div>Could you look at the report before \"noon\"? It is nearly done&nbsp;— dépêche-toi \ud83d\ude00</div>\n</div>`
	reaction := `{"reactionType":"\ud83d\udc4d","displayName":"Like","reactionContentUrl":null,"createdDateTime":"2021-05-25T20:13:00.26Z","user":` + set("Ada") + `}`
	var items [][]byte
	for i := range 10 {
		items = append(items, item(10*i, 0, set("Robin Kline"), paragraph, none),
			item(10*i+1, 0, set("Ada Lovelace"), strings.Repeat(paragraph, 2), none),
			item(10*i+2, 5000, set("Robin Kline"), paragraph, `"attachments":[],"mentions":[{"id":0,"mentionText":"Ada","mentioned":`+
				set("Ada Lovelace")+`}],"reactions":[`+reaction+`],"messageHistory":[{"modifiedDateTime":"2021-05-25T20:13:00.26Z","actions":"reactionAdded","reaction":`+reaction+`}]`),
			item(10*i+3, 0, set("Robin Kline"), `<attachment id=\"74d20c7f34aa4a7fb74e2b30004247c5\"></attachment>`,
				`"attachments":[{"id":"74d20c7f34aa4a7fb74e2b30004247c5","contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":"`+
					strings.Repeat(`{\r\n  \"type\": \"TextBlock\",\r\n  \"text\": \"Line\"\r\n},`, 12)+`","name":null,"thumbnailUrl":null,"teamsAppId":null}],"mentions":[],"reactions":[]`),
			item(10*i+4, 0, set("Robin Kline"), "ok", none),
			item(10*i+5, 0, set("Ada Lovelace"), "&nbsp;", none),
			item(10*i+6, 0, "null", `<systemEventMessage/>`, none+`,"x-event":null`))
	}
	var event = `"eventDetail":{"@odata.type":"#microsoft.graph.membersAddedEventMessageDetail","visibleHistoryStartDateTime":"0001-01-01T00:00:00Z",` +
		`"members":[` + user("Ada") + `],"initiator":` + set("Robin") + `}`
	for i, text := range items {
		if bytes.Contains(text, []byte("x-event")) {
			text = bytes.Replace(text, []byte(`"eventDetail":null`), []byte(event), 1)
			items[i] = bytes.Replace(text, []byte(`,"x-event":null`), nil, 1)
		}
	}
	return items
}

func meanSize(items [][]byte) float64 {
	total := 0
	for _, item := range items {
		total += len(item)
	}
	return float64(total) / float64(len(items))
}

func TestPage_IsWhatItSays(t *testing.T) {
	items := page(t)
	if mean := meanSize(items); mean < 1200 || mean > 1400 {
		t.Errorf("the mean is %.0f B", mean)
	}
	way := newAvroWay(t)
	for _, item := range items {
		if err := checkLossless(way, item); err != nil {
			t.Errorf("%v: %s", err, item)
		}
		m, _, _ := Message(item, Policy{})
		if len(m.Unmapped) != 0 {
			t.Errorf("an ordinary item has unmapped values: %q", m.Unmapped)
		}
	}
}

// perMessage runs one stage over the page, and reports time per message and bytes of JSON per message.
func perMessage(b *testing.B, stage func(item []byte) error) {
	b.Helper()
	items := page(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := stage(items[n%len(items)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/msg")
	b.ReportMetric(meanSize(items), "B/msg")
}

func BenchmarkIdentify(b *testing.B) {
	perMessage(b, func(item []byte) error {
		_, err := Identify(item)
		return err
	})
}

func BenchmarkIdentityFromHeaders(b *testing.B) {
	const key, subject, etag = "19:8ea0e38b-efb3-4757-924a-5f94061cf8c2_97f62344-57dc-409c-88ad-c4af14158ff5@unq.gbl.spaces", "1621973534864", "1621973539864"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := IdentityFromHeaders([]byte(key), []byte(key+"/"+subject+"/"+etag), []byte(subject), []byte("2021-05-25T20:12:14.864Z")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	perMessage(b, func(item []byte) error {
		_, _, err := Message(item, Policy{})
		return err
	})
}

func BenchmarkConverterMessage(b *testing.B) {
	var converter Converter
	perMessage(b, func(item []byte) error {
		_, _, err := converter.Message(item, Policy{})
		return err
	})
}

func BenchmarkConverterMessageAndAppend(b *testing.B) {
	var converter Converter
	encoder, err := schema.NewConfluentEncoder(1)
	if err != nil {
		b.Fatal(err)
	}
	var value []byte
	perMessage(b, func(item []byte) error {
		m, _, err := converter.Message(item, Policy{})
		if err != nil {
			return err
		}
		value, err = encoder.Append(value[:0], m)
		return err
	})
}

// BenchmarkLibraryTokens is the measure for the own reading of JSON: what the tokens alone cost with
// the library, before any of them is put anywhere.
func BenchmarkLibraryTokens(b *testing.B) {
	var source bytes.Buffer
	decoder := jsontext.NewDecoder(&source)
	perMessage(b, func(item []byte) error {
		source = *bytes.NewBuffer(item)
		decoder.Reset(&source)
		for {
			if _, err := decoder.ReadToken(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}

// BenchmarkStandardLibrary is encoding/json, without a record.
func BenchmarkStandardLibrary(b *testing.B) {
	perMessage(b, func(item []byte) error {
		var m map[string]any
		return json.Unmarshal(item, &m)
	})
}
