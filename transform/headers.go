package transform

import (
	"fmt"
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

// timeLayout prints a version's time with exactly three fractional digits.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// EventID is ce_id: chatId/id/etag.
func (id Identity) EventID() string {
	return id.ChatID + "/" + id.ID + "/" + id.Version.ETag
}

// EventTime is ce_time: the version's time with millisecond digits, in UTC.
func (id Identity) EventTime() string { return string(id.appendEventTime(nil)) }

func (id Identity) appendEventTime(b []byte) []byte {
	return time.UnixMilli(id.Version.Time).UTC().AppendFormat(b, timeLayout)
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

// AppendHeaders appends a record's headers to dst. Their values are appended to text, one behind the other, and lie there.
func AppendHeaders(dst []kgo.RecordHeader, text []byte, tenant string, id Identity, eventType, contentType string) ([]kgo.RecordHeader, []byte) {
	end := func(key string, from int) {
		dst = append(dst, kgo.RecordHeader{Key: key, Value: text[from:len(text):len(text)]})
	}
	add := func(key string, parts ...string) {
		from := len(text)
		for _, part := range parts {
			text = append(text, part...)
		}
		end(key, from)
	}
	add(HeaderSpecVersion, "1.0")
	add(HeaderID, id.ChatID, "/", id.ID, "/", id.Version.ETag)
	add(HeaderType, eventType)
	add(HeaderSource, sourcePrefix, tenant)
	add(HeaderSubject, id.ID)
	from := len(text)
	text = id.appendEventTime(text)
	end(HeaderTime, from)
	add(HeaderContentType, contentType)
	return dst, text
}

// IdentityFromHeaders derives the identity of a record that stands in the topic from its key (the
// chatId) and three headers; it gives back exactly what Identify gave for the item, also when a part
// of ce_id holds a slash, because key and subject say where the parts end (invariants 3, 5).
func IdentityFromHeaders(key []byte, eventID string, subject, eventTime []byte) (Identity, error) {
	chat, rest := cut(eventID, len(key))
	id, etag := cut(rest, len(subject))
	if chat == "" || chat != string(key) || id == "" || id != string(subject) || etag == "" {
		return Identity{}, fmt.Errorf("%w: ce_id is not key/ce_subject/etag", ErrForeignRecord)
	}
	t, ok := parseInstant(eventTime)
	if !ok {
		return Identity{}, fmt.Errorf("%w: ce_time is no time", ErrForeignRecord)
	}
	return Identity{
		// Parts of ce_id, so that a million records read back need no copy of their keys.
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
