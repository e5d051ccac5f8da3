package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/transform"
)

// The headers of a dead letter. The value is the item as Graph sent it, less
// what the policy leaves out.
const (
	// LetterName names the item: chatId/id/etag, or sha256: and a hash of the item where it has no
	// identity. It is also the record's key.
	LetterName = "dlq_name"
	// LetterStage is the step that failed: identify, transform, produce, or fetch for a gap, a stretch of a
	// user's time that Graph does not answer for. The value of a gap is JSON with user, from and to.
	LetterStage = "dlq_stage"
	// LetterReason says why, without any of the item's text.
	LetterReason = "dlq_reason"
	// LetterTime is when, in RFC 3339.
	LetterTime = "dlq_time"
)

// Letter is an item that cannot be a record, or a gap.
type Letter struct {
	// Raw is the item as Graph sent it, which names it; Value is what is kept of it.
	Raw, Value    []byte
	Stage, Reason string
	When          time.Time
	// Identity is the item's as far as it is known; Ordered reports whether it is whole, so that the
	// letter takes its version's place in the order.
	Identity transform.Identity
	Ordered  bool
}

// Name is what the letter's record is called.
func (l Letter) Name() string {
	if l.Ordered || l.Identity.ChatID != "" && l.Identity.ID != "" && l.Identity.Version.ETag != "" {
		return l.Identity.EventID()
	}
	sum := sha256.Sum256(l.Raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Record makes the letter's record.
func (l Letter) Record(topic, tenant string) *kgo.Record {
	headers := []kgo.RecordHeader{
		{Key: LetterName, Value: []byte(l.Name())},
		{Key: LetterStage, Value: []byte(l.Stage)},
		{Key: LetterReason, Value: []byte(l.Reason)},
		{Key: LetterTime, Value: []byte(l.When.UTC().Format(time.RFC3339Nano))},
		{Key: transform.HeaderSource, Value: []byte(transform.Source(tenant))},
		{Key: transform.HeaderContentType, Value: []byte("application/json")},
	}
	if l.Ordered {
		headers = append(headers,
			kgo.RecordHeader{Key: transform.HeaderID, Value: []byte(l.Identity.EventID())},
			kgo.RecordHeader{Key: transform.HeaderSubject, Value: []byte(l.Identity.ID)},
			kgo.RecordHeader{Key: transform.HeaderTime, Value: []byte(l.Identity.EventTime())})
	}
	key := l.Name()
	if l.Ordered {
		key = l.Identity.ChatID
	}
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: l.Value, Headers: headers, Timestamp: l.When}
}
