package transform

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of a record: CloudEvents 1.0, Kafka binding, binary mode. Values are UTF-8 text.
const (
	HeaderSpecVersion = "ce_specversion"
	HeaderID          = "ce_id"
	HeaderType        = "ce_type"
	HeaderSource      = "ce_source"
	HeaderSubject     = "ce_subject"
	HeaderTime        = "ce_time"
	HeaderContentType = "content-type"
)

// The event types, the values of ce_type.
const (
	TypeCreated = "com.microsoft.graph.chatMessage.created"
	TypeUpdated = "com.microsoft.graph.chatMessage.updated"
	TypeDeleted = "com.microsoft.graph.chatMessage.deleted"
)

const sourcePrefix = "https://graph.microsoft.com/tenants/"

// EventID is ce_id: chatId/id/etag.
func (id Identity) EventID() string {
	return id.ChatID + "/" + id.ID + "/" + id.Version.ETag
}

// EventTime is ce_time: the version's time with millisecond digits, in UTC.
func (id Identity) EventTime() string { return string(id.appendEventTime(nil)) }

func (id Identity) appendEventTime(b []byte) []byte {
	// Without digits of the second the library has a way that is three times as fast.
	b = time.UnixMilli(id.Version.Time).UTC().AppendFormat(b, time.RFC3339)
	millis := id.Version.Time % 1000
	if millis < 0 {
		millis += 1000
	}
	return append(b[:len(b)-1], '.', byte('0'+millis/100), byte('0'+millis/10%10), byte('0'+millis%10), 'Z')
}

// Source is ce_source for a tenant id.
func Source(tenant string) string { return sourcePrefix + tenant }

// TenantOf returns the tenant id in a ce_source, or "" if the value is none of ours.
func TenantOf(source string) string {
	tenant, ok := strings.CutPrefix(source, sourcePrefix)
	if !ok {
		return ""
	}
	return tenant
}

// Headers makes the headers of one tenant's records. Values that all of them share lie in memory only once, and must stay as they are.
type Headers struct{ source, contentType []byte }

// NewHeaders makes Headers for a tenant id and the encoder's content type.
func NewHeaders(tenant, contentType string) Headers {
	return Headers{source: []byte(Source(tenant)), contentType: []byte(contentType)}
}

var specVersion, created, updated, deleted = []byte("1.0"), []byte(TypeCreated), []byte(TypeUpdated), []byte(TypeDeleted)

// Append appends a record's headers to dst. What is the record's own is appended to text, and lies there. The event type is one of
// TypeCreated, TypeUpdated and TypeDeleted.
func (h *Headers) Append(dst []kgo.RecordHeader, text []byte, id Identity, eventType string) ([]kgo.RecordHeader, []byte) {
	kind := created
	switch eventType {
	case TypeUpdated:
		kind = updated
	case TypeDeleted:
		kind = deleted
	}
	from := len(text)
	text = append(append(append(text, id.ChatID...), '/'), id.ID...)
	subject := len(text) - len(id.ID)
	text = append(append(text, '/'), id.Version.ETag...)
	when := len(text)
	text = id.appendEventTime(text)
	return append(dst,
		kgo.RecordHeader{Key: HeaderSpecVersion, Value: specVersion},
		kgo.RecordHeader{Key: HeaderID, Value: text[from:when:when]},
		kgo.RecordHeader{Key: HeaderType, Value: kind},
		kgo.RecordHeader{Key: HeaderSource, Value: h.source},
		kgo.RecordHeader{Key: HeaderSubject, Value: slices.Clip(text[subject : subject+len(id.ID)])},
		kgo.RecordHeader{Key: HeaderTime, Value: slices.Clip(text[when:])},
		kgo.RecordHeader{Key: HeaderContentType, Value: h.contentType},
	), text
}

// IdentityFromHeaders derives the identity of a record that stands in the topic from its key (the
// chatId) and three headers; it gives back exactly what Identify gave for the item, also when a part
// of ce_id holds a slash, because key and subject say where the parts end (invariants 3, 5). The identity's texts are parts of
// eventID, without a copy: it is good as long as that stays as it is.
func IdentityFromHeaders(key, eventID, subject, eventTime []byte) (Identity, error) {
	chat, rest := cut(textOf(eventID), len(key))
	id, etag := cut(rest, len(subject))
	if chat == "" || chat != string(key) || id == "" || id != string(subject) || etag == "" {
		return Identity{}, fmt.Errorf("%w: ce_id is not key/ce_subject/etag", ErrForeignRecord)
	}
	t, ok := parseInstant(eventTime)
	if !ok {
		return Identity{}, fmt.Errorf("%w: ce_time is no time", ErrForeignRecord)
	}
	return Identity{
		ChatID:  chat,
		ID:      id,
		Version: Version{Time: t.millis(), ETag: etag},
	}, nil
}

// cut splits s at the slash at index n. Both parts are empty if there is none.
func cut(s string, n int) (before, after string) {
	if n >= len(s) || s[n] != '/' {
		return "", ""
	}
	return s[:n], s[n+1:]
}
