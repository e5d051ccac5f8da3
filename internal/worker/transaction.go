package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// tooLargeForLetters is the refusal of an item that fits no topic. Its user stays where it is
// (invariant 1).
func tooLargeForLetters(bytes int, limit int32) error {
	return &source.Refusal{Err: fmt.Errorf("%w: %d bytes, the topic accepts %d", sink.ErrLetterTooLarge, bytes, limit)}
}

// transaction collects what the next commit makes visible: records, and the positions that rest on
// them. It is not safe for concurrent use.
type transaction struct {
	cfg    Config
	log    *slog.Logger
	writer *sink.Writer
	// life is the context of records on their way to Kafka.
	life context.Context

	dirty     map[string]offsets.Position // positions changed since the last commit
	forgotten []string                    // users whose positions end with the next commit

	// Since the last commit:
	records    int
	times      []int64 // of the versions written
	letters    int
	lastLetter string // why the last dead letter is one

	// full receives when a commit should not wait for the interval.
	full chan struct{}
}

func newTransaction(cfg Config, log *slog.Logger, writer *sink.Writer, life context.Context) *transaction {
	return &transaction{cfg: cfg, log: log, writer: writer, life: life,
		dirty: make(map[string]offsets.Position), full: make(chan struct{}, 1)}
}

// write adds the record of a decision.
func (t *transaction) write(d decision) error {
	if err := t.writer.Write(t.life, d.record); err != nil {
		return err
	}
	t.records++
	if d.outcome == outcomeDeadLetter {
		t.letters++
		t.lastLetter = d.reason
	} else {
		t.times = append(t.times, d.version.Time)
	}
	if t.records >= t.cfg.CommitRecords {
		t.hurry()
	}
	return nil
}

// hurry asks for a commit before the interval is over. It can be called from anywhere.
func (t *transaction) hurry() {
	select {
	case t.full <- struct{}{}:
	default:
	}
}

// position adds a user's position, which replaces any earlier one.
func (t *transaction) position(user string, p offsets.Position) { t.dirty[user] = p }

// forget ends a user's position.
func (t *transaction) forget(user string) {
	delete(t.dirty, user)
	t.forgotten = append(t.forgotten, user)
}

// commit makes the records since the last commit visible, together with the positions that rest on
// them (invariant 1).
func (t *transaction) commit(ctx context.Context) error {
	topic := t.cfg.Writer.Topics.Offsets
	// Tombstones come first, so that a user found again keeps the new position. Partition -1 sends each
	// to the partition of its key.
	for _, user := range t.forgotten {
		key := offsets.Key{Connector: t.cfg.Name, Tenant: t.cfg.Tenant, User: user}
		t.writer.WritePosition(&kgo.Record{Topic: topic, Partition: -1, Key: key.Bytes()})
	}
	for user, p := range t.dirty {
		key := offsets.Key{Connector: t.cfg.Name, Tenant: t.cfg.Tenant, User: user}
		t.writer.WritePosition(offsets.Record(topic, key, p))
	}
	began := time.Now()
	if err := t.writer.Commit(ctx); err != nil {
		t.cfg.Metrics.committed("failed", nil, time.Since(began))
		return err
	}
	if t.records > 0 || len(t.dirty) > 0 {
		t.cfg.Metrics.committed("ok", t.times, time.Since(began))
	}
	if t.letters > 0 {
		t.log.Warn("items went to the dead letters", "items", t.letters, "last", t.lastLetter)
	}
	clear(t.dirty)
	t.forgotten = nil
	t.records, t.times, t.letters = 0, t.times[:0], 0
	return nil
}
