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

// Scanned is what a scan read.
type Scanned struct {
	Records, Foreign int
	Seconds          float64
}

// Known is a version that the topics hold, or a dead letter without one.
type Known struct {
	Key     Key
	Version transform.Version // of a letter without one only the time, that of its writing
	Letter  bool              // without a version
}

// scanBatch is how many records a scan hands over at once.
const scanBatch = 500

// Scan reads the output topic and the dead letters, from keys and headers alone, and hands over every
// version of the index's tenant with a time since an instant (invariant 5). Older ones can be among them.
// The predecessor must be fenced before, so that what its last transaction wrote is decided. patience is
// how long an open transaction may hide a part of a topic. A batch is valid until each returns; the index
// makes the keys only.
func Scan(ctx context.Context, client []kgo.Opt, t Topics, x *Index, since time.Time, patience time.Duration, each func([]Known)) (Scanned, error) {
	began := time.Now()
	var done Scanned
	batch := make([]Known, 0, scanBatch)
	from := since.Add(-clockSkew)
	records, err := tail.Read(ctx, tail.Config{
		Client:   client,
		Topics:   []tail.Topic{{Name: t.Output, Since: from}, {Name: t.DeadLetters, Since: from}},
		Patience: patience,
	}, func(r *kgo.Record) error {
		known, ok := x.known(r, r.Topic == t.DeadLetters)
		if !ok {
			done.Foreign++
			return nil
		}
		if batch = append(batch, known); len(batch) == scanBatch {
			each(batch)
			batch = batch[:0]
		}
		return nil
	})
	if err != nil {
		return done, fmt.Errorf("sink: read back what was written: %w", err)
	}
	each(batch)
	done.Records, done.Seconds = records, time.Since(began).Seconds()
	return done, nil
}

// Rebuild fills an index that nobody else uses yet with every version since an instant.
func Rebuild(ctx context.Context, client []kgo.Opt, t Topics, x *Index, since time.Time, patience time.Duration) (Scanned, error) {
	done, err := Scan(ctx, client, t, x, since, patience, func(batch []Known) {
		for i := range batch {
			x.Restore(&batch[i])
		}
	})
	x.entries.fit()
	return done, err
}

// Restore records what a scan found.
func (x *Index) Restore(k *Known) {
	if k.Letter {
		x.PutLetter(k.Key, k.Version.Time)
		return
	}
	x.Put(k.Key, k.Version)
}

// known reads one record. ok is false for one that this tenant's connector did not write.
func (x *Index) known(r *kgo.Record, letter bool) (k Known, ok bool) {
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
		return Known{}, false
	}
	if letter && len(eventID) == 0 {
		return Known{Key: x.LetterKey(string(name)), Version: transform.Version{Time: r.Timestamp.UnixMilli()}, Letter: true}, len(name) > 0
	}
	id, err := transform.IdentityFromHeaders(r.Key, eventID, subject, eventTime)
	if err != nil {
		return Known{}, false
	}
	return Known{Key: x.MessageKey(id), Version: id.Version}, true
}
