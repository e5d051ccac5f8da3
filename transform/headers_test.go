package transform

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// fromHeaders reads an identity back as it is read from a record.
func fromHeaders(key string, headers []kgo.RecordHeader) (Identity, error) {
	values := map[string]string{}
	for _, header := range headers {
		values[header.Key] = string(header.Value)
	}
	return IdentityFromHeaders([]byte(key), []byte(values[HeaderID]), []byte(values[HeaderSubject]), []byte(values[HeaderTime]))
}

// headersOf derives headers into memory of their own.
func headersOf(tenant string, id Identity, eventType, contentType string) []kgo.RecordHeader {
	h := NewHeaders(tenant, contentType)
	headers, _ := h.Append(nil, nil, id, eventType)
	return headers
}

func TestHeaders(t *testing.T) {
	id := Identity{"19:x@thread.v2", "1621973534864", Version{1621973534864, "1621973599000"}}
	var got strings.Builder
	for _, header := range headersOf("e61ef81e", id, TypeUpdated, "application/avro") {
		got.WriteString(header.Key + ": " + string(header.Value) + "\n")
	}
	const want = "ce_specversion: 1.0\n" +
		"ce_id: 19:x@thread.v2/1621973534864/1621973599000\n" +
		"ce_type: com.microsoft.graph.chatMessage.updated\n" +
		"ce_source: https://graph.microsoft.com/tenants/e61ef81e\n" +
		"ce_subject: 1621973534864\n" +
		"ce_time: 2021-05-25T20:12:14.864Z\n" +
		"content-type: application/avro\n"
	if got.String() != want {
		t.Errorf("want\n%sgot\n%s", want, got.String())
	}
	if TenantOf(Source("e61ef81e")) != "e61ef81e" || TenantOf("https://example.com/e61ef81e") != "" {
		t.Error("the tenant does not come back from ce_source")
	}
}

// TestHeaders_GiveTheIdentityBack: the index is rebuilt from headers alone (invariant 5), so any
// identity must come back, slashes and all.
func TestHeaders_GiveTheIdentityBack(t *testing.T) {
	part := rapid.OneOf(rapid.StringMatching(`[a/1]{1,5}`), rapid.StringN(1, 10, -1))
	rapid.Check(t, func(t *rapid.T) {
		want := Identity{part.Draw(t, "chat"), part.Draw(t, "id"),
			Version{rapid.Int64Range(firstSecond*1000, lastSecond*1000+999).Draw(t, "time"), part.Draw(t, "etag")}}
		got, err := fromHeaders(want.ChatID, headersOf("t", want, TypeCreated, "x"))
		if err != nil || got != want {
			t.Fatalf("want %v, got %v, %v", want, got, err)
		}
	})
}

func TestHeaders_GiveTheIdentityOfTheItemBack(t *testing.T) {
	types := graphTypes(t)
	rapid.Check(t, func(rt *rapid.T) {
		want, err := Identify([]byte(generator{rt, types}.item()))
		if err != nil {
			return
		}
		got, err := fromHeaders(want.ChatID, headersOf("t", want, TypeCreated, "x"))
		if err != nil || got != want {
			rt.Fatalf("want %v, got %v, %v", want, got, err)
		}
	})
}

func TestIdentityFromHeaders_RefusesForeignRecords(t *testing.T) {
	const when = "2021-05-25T20:12:14.864Z"
	for _, record := range []struct{ key, id, subject, time string }{
		{"", "", "", ""},
		{"c", "c/1/2", "1", ""},
		{"c", "c/1/2", "1", "yesterday"},
		{"c", "c/1/2", "", when},
		{"", "c/1/2", "1", when},
		{"c", "", "1", when},
		{"c", "c/1/", "1", when},
		{"c", "c/1", "1", when},
		{"c", "c/12", "1", when},
		{"c", "d/1/2", "1", when},
		{"c", "c/2/2", "1", when},
		{"c", "c//2", "", when},
		{"longer than the whole id", "c/1/2", "1", when},
	} {
		if id, err := IdentityFromHeaders([]byte(record.key), []byte(record.id), []byte(record.subject), []byte(record.time)); !errors.Is(err, ErrForeignRecord) {
			t.Errorf("%v was taken for %v, %v", record, id, err)
		}
	}
}

// TestHeaders_TwoRecordsShareOnePiece: nothing of the record before is touched.
func TestHeaders_TwoRecordsShareOnePiece(t *testing.T) {
	first := Identity{"19:x@thread.v2", "1", Version{1621973534864, "1"}}
	second := Identity{"19:y@thread.v2", "22", Version{1621973534865, "22"}}
	h := NewHeaders("t", "x")
	headers, text := h.Append(nil, make([]byte, 0, 1<<10), first, TypeCreated)
	room := &text[:1][0]
	headers, text = h.Append(headers, text, second, TypeDeleted)
	if &text[:1][0] != room {
		t.Fatal("the text was moved")
	}
	for _, header := range headers {
		_ = append(header.Value, "overwritten"...)
	}
	for i, want := range append(headersOf("t", first, TypeCreated, "x"), headersOf("t", second, TypeDeleted, "x")...) {
		if headers[i].Key != want.Key || string(headers[i].Value) != string(want.Value) {
			t.Errorf("header %d is %s: %s, want %s: %s", i, headers[i].Key, headers[i].Value, want.Key, want.Value)
		}
	}
}

// The time has three digits of the second also where they are zeros, and before 1970.
func TestIdentity_EventTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		millis := rapid.Int64Range(firstSecond*1000, lastSecond*1000+999).Draw(t, "time")
		got := Identity{Version: Version{Time: millis}}.EventTime()
		if want := time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00"); got != want {
			t.Fatalf("%d is %s, want %s", millis, got, want)
		}
	})
}
