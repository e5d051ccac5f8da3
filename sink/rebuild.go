package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/tail"
	"github.com/teams-kafka/connector/transform"
)

// clockSkew is how much earlier than asked the topics are read: a timestamp of the time of writing
// comes from another clock than the version's own.
const clockSkew = time.Hour

// Rebuilt says what a rebuild read.
type Rebuilt struct {
	Records, Foreign int
	Seconds          float64
}

// Rebuild fills the index with every version since an instant that stands in the output topic or the
// dead letters, from keys and headers alone (invariant 5). The predecessor must be fenced before, so
// that what its last transaction wrote is decided. patience is how long another producer's open
// transaction may keep a part of a topic invisible.
func Rebuild(ctx context.Context, client []kgo.Opt, t Topics, x *Index, since time.Time, patience time.Duration) (Rebuilt, error) {
	began := time.Now()
	var done Rebuilt
	from := since.Add(-clockSkew)
	records, err := tail.Read(ctx, tail.Config{
		Client:   client,
		Topics:   []tail.Topic{{Name: t.Output, Since: from}, {Name: t.DeadLetters, Since: from}},
		Patience: patience,
	}, func(r *kgo.Record) error {
		if !x.restore(r, r.Topic == t.DeadLetters) {
			done.Foreign++
		}
		return nil
	})
	if err != nil {
		return done, fmt.Errorf("sink: rebuild the index: %w", err)
	}
	x.entries.fit()
	done.Records, done.Seconds = records, time.Since(began).Seconds()
	return done, nil
}

// restore puts one record back into the index, and reports false for one that this tenant's connector
// did not write.
func (x *Index) restore(r *kgo.Record, letter bool) bool {
	var source, eventID, subject, eventTime, name []byte
	for _, h := range r.Headers {
		switch h.Key {
		case transform.HeaderSource:
			source = h.Value
		case transform.HeaderID:
			eventID = h.Value
		case transform.HeaderSubject:
			subject = h.Value
		case transform.HeaderTime:
			eventTime = h.Value
		case LetterName:
			name = h.Value
		}
	}
	if string(source) != x.source {
		return false
	}
	if letter && len(eventID) == 0 {
		if len(name) == 0 {
			return false
		}
		x.PutLetter(string(name), r.Timestamp)
		return true
	}
	id, err := transform.IdentityFromHeaders(r.Key, eventID, subject, eventTime)
	if err != nil {
		return false
	}
	x.Put(x.MessageKey(id), id.Version)
	return true
}
