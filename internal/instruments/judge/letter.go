package judge

import (
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// letters holds what the dead-letter topic is checked against.
type letters struct {
	ledger  *ledger
	verdict *Verdict
}

// read takes one dead letter: the raw JSON of an item. A bad item is known by the hash of its bytes, as
// it may have no identity; any other by its identity.
func (l *letters) read(record *kgo.Record) {
	if stageOf(record) == "fetch" {
		l.gap(record)
		return
	}
	at, known := l.ledger.byItem[sha256.Sum256(record.Value)]
	if !known {
		at = l.identify(record.Value)
	}
	if at == none {
		l.verdict.find(Unknown, "%s: the dead letter is not an item that was shown", place(record))
		return
	}
	v := &l.ledger.versions[at]
	if v.showing == none {
		l.verdict.find(Unknown, "%s: %s was never shown to anybody", place(record), l.ledger.name(at))
		return
	}
	if v.letters > 0 {
		l.verdict.find(Duplicated, "%s: %s is in the dead letters already", place(record), l.ledger.name(at))
	}
	v.letters++
}

// stageOf is the step that failed.
func stageOf(record *kgo.Record) string {
	for _, h := range record.Headers {
		if h.Key == "dlq_stage" {
			return string(h.Value)
		}
	}
	return ""
}

// gap takes the dead letter of a stretch of a user's time that the source did not answer for. What could be
// read of it all the same is missing or unseen like anything else.
func (l *letters) gap(record *kgo.Record) {
	var gap struct {
		User     string
		From, To time.Time
	}
	if err := json.Unmarshal(record.Value, &gap); err != nil || gap.User == "" || !gap.From.Before(gap.To) {
		l.verdict.find(Unknown, "%s: the dead letter of a gap names no user or no stretch of time", place(record))
		return
	}
	l.verdict.Gaps++
}

// identify finds the version that a raw item holds, or none.
func (l *letters) identify(item []byte) int32 {
	var fields struct {
		ChatID       string     `json:"chatId"`
		ID           string     `json:"id"`
		ETag         string     `json:"etag"`
		LastModified *time.Time `json:"lastModifiedDateTime"`
		Created      *time.Time `json:"createdDateTime"`
	}
	// Fields are filled as far as they can be, also when a later one does not fit its type.
	_ = json.Unmarshal(item, &fields)
	if fields.ETag == "" {
		switch {
		case fields.LastModified != nil:
			fields.ETag = strconv.FormatInt(fields.LastModified.UnixMilli(), 10)
		case fields.Created != nil:
			fields.ETag = strconv.FormatInt(fields.Created.UnixMilli(), 10)
		}
	}
	return l.ledger.find(fields.ChatID, fields.ID, fields.ETag)
}
