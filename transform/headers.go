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

// EventID returns the ce_id: chatId/id/etag.
func (id Identity) EventID() string {
	return id.ChatID + "/" + id.ID + "/" + id.Version.ETag
}

// EventTime returns the ce_time: the version's time in UTC, in milliseconds.
func (id Identity) EventTime() string { return string(id.appendEventTime(nil)) }

func (id Identity) appendEventTime(b []byte) []byte {
	// The library formats three times as fast without a fraction of a second.
	b = time.UnixMilli(id.Version.Time).UTC().AppendFormat(b, time.RFC3339)
	millis := id.Version.Time % 1000
	if millis < 0 {
		millis += 1000
	}
	return append(b[:len(b)-1], '.', byte('0'+millis/100), byte('0'+millis/10%10), byte('0'+millis%10), 'Z')
}

// Source returns the ce_source of a tenant.
func Source(tenant string) string { return sourcePrefix + tenant }

// TenantOf returns the tenant id in a ce_source, or "" if this connector did not write the value.
func TenantOf(source string) string {
	tenant, ok := strings.CutPrefix(source, sourcePrefix)
	if !ok {
		return ""
	}
	return tenant
}

// Headers makes the headers of one tenant's records. All records share the memory of equal values, so
// callers must not change them.
type Headers struct{ source, contentType []byte }

// NewHeaders returns Headers for a tenant id and the encoder's content type.
func NewHeaders(tenant, contentType string) Headers {
	return Headers{source: []byte(Source(tenant)), contentType: []byte(contentType)}
}

var specVersion, created, updated, deleted = []byte("1.0"), []byte(TypeCreated), []byte(TypeUpdated), []byte(TypeDeleted)

// Append appends a record's headers to dst. It appends the values that only this record has to text,
// which must outlive the record. The event type is TypeCreated, TypeUpdated or TypeDeleted.
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

// IdentityFromHeaders derives the identity of a record in the topic from its key (the chatId) and three
// headers. The result equals what Identify returned for the item, even if a part of ce_id contains a
// slash, because key and subject show where the parts end (invariants 3, 5). The identity's strings
// share the memory of eventID, so it is valid only while eventID stays unchanged.
func IdentityFromHeaders(key, eventID, subject, eventTime []byte) (Identity, error) {
	chat, rest := cut(textOf(eventID), len(key))
	id, etag := cut(rest, len(subject))
	if chat == "" || chat != string(key) || id == "" || id != string(subject) || etag == "" {
		return Identity{}, fmt.Errorf("%w: ce_id is not key/ce_subject/etag", ErrForeignRecord)
	}
	t, ok := parseInstant(eventTime)
	if !ok {
		return Identity{}, fmt.Errorf("%w: ce_time is not a time", ErrForeignRecord)
	}
	return Identity{
		ChatID:  chat,
		ID:      id,
		Version: Version{Time: t.millis(), ETag: etag},
	}, nil
}

// cut splits s at the slash at index n. Without a slash there, both parts are empty.
func cut(s string, n int) (before, after string) {
	if n >= len(s) || s[n] != '/' {
		return "", ""
	}
	return s[:n], s[n+1:]
}
