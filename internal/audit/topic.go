package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/tail"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/transform"
)

// clockSkew is how much earlier than the range the topics are read: a record may carry the time of its writing, by another
// clock than the version's own.
const clockSkew = time.Hour

// ErrNoTopic is wrapped by the error of Run if the output topic does not exist.
var ErrNoTopic = errors.New("there is no such topic")

// readTopic reads everything since the range began. Whatever record timestamps mean, those of the range's versions are
// not older: with event time they are the version's own, with ingest time later.
func (a *audit) readTopic(ctx context.Context) error {
	since := a.cfg.From.Add(-clockSkew)
	var topics []tail.Topic
	for _, name := range []string{a.cfg.Topic, a.cfg.DeadLetters} {
		err := a.cover(ctx, name, since)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			if name == a.cfg.DeadLetters {
				continue
			}
			return fmt.Errorf("%w: %s", ErrNoTopic, name)
		}
		if err != nil {
			return err
		}
		topics = append(topics, tail.Topic{Name: name, Since: since})
	}
	_, err := tail.Read(ctx, tail.Config{Client: a.cfg.Kafka, Topics: topics, Patience: a.cfg.Patience}, func(r *kgo.Record) error {
		a.record(r)
		return nil
	})
	return err
}

// cover notes the partitions that may have held a part of the range and do not hold it any more: those whose beginning was
// deleted and whose first record is of the range already.
func (a *audit) cover(ctx context.Context, topic string, since time.Time) error {
	cl, err := kgo.NewClient(a.cfg.Kafka...)
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	begins, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = begins.Error()
	}
	if err != nil {
		return fmt.Errorf("list start offsets of %s: %w", topic, err)
	}
	firsts, err := adm.ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic)
	if err == nil {
		err = firsts.Error()
	}
	if err != nil {
		return fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	for _, begin := range begins.Offsets().Sorted() {
		first, ok := firsts.Lookup(topic, begin.Partition)
		if begin.At == 0 || ok && first.Offset > begin.At {
			continue
		}
		gap := Uncovered{Topic: topic, Partition: begin.Partition, Offset: begin.At}
		if ok && first.Timestamp > 0 {
			gap.Begins = new(time.UnixMilli(first.Timestamp).UTC())
		}
		a.report.Uncovered = append(a.report.Uncovered, gap)
	}
	return nil
}

// record notes one record of the output topic or of the dead letters.
func (a *audit) record(r *kgo.Record) {
	a.records++
	a.progress()
	var sourceID, eventID, eventType, subject, eventTime, name string
	for _, h := range r.Headers {
		switch h.Key {
		case transform.HeaderSource:
			sourceID = string(h.Value)
		case transform.HeaderID:
			eventID = string(h.Value)
		case transform.HeaderType:
			eventType = string(h.Value)
		case transform.HeaderSubject:
			subject = string(h.Value)
		case transform.HeaderTime:
			eventTime = string(h.Value)
		case sink.LetterName:
			name = string(h.Value)
		}
	}
	if transform.TenantOf(sourceID) != a.cfg.Tenant {
		return // another tenant's, or not the connector's
	}
	var how flags
	if r.Topic == a.cfg.DeadLetters {
		how = letter
		if eventID == "" {
			if known, ok := a.nameless[name]; ok {
				a.nameless[name] = known | stored
			}
			return
		}
	}
	if eventType == transform.TypeDeleted {
		how |= deleted
	}
	id, err := transform.IdentityFromHeaders(r.Key, []byte(eventID), []byte(subject), []byte(eventTime))
	if err != nil {
		return // not the connector's
	}
	inRange := id.Version.Time >= a.from && id.Version.Time < a.to
	a.versions.store(id, how, inRange && (!a.cfg.SomeUsers || a.versions.shows(id.ChatID)))
}
