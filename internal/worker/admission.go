package worker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// item is what is known of an item before it is decoded.
type item struct {
	raw      []byte
	identity transform.Identity
	err      error // why it has no identity
}

// identify reads the identities of a page's items. It needs no lock.
func identify(raw [][]byte) []item {
	items := make([]item, len(raw))
	for i := range raw {
		items[i].raw = raw[i]
		items[i].identity, items[i].err = transform.Identify(raw[i])
	}
	return items
}

// admission decides what becomes of an item: nothing, a record or a dead letter. It knows what the
// topic holds, and writes nothing itself. It is not safe for concurrent use.
type admission struct {
	cfg       Config
	index     *sink.Index
	converter transform.Converter
	headers   transform.Headers
	pieces    pieces
	// fits reports whether a record is small enough for its topic.
	fits func(*kgo.Record) bool
}

func newAdmission(cfg Config, fits func(*kgo.Record) bool) *admission {
	return &admission{
		cfg:     cfg,
		index:   sink.NewIndex(cfg.Tenant),
		headers: transform.NewHeaders(cfg.Tenant, cfg.Encoder.ContentType()),
		fits:    fits,
	}
}

// decision is what becomes of an item.
type decision struct {
	outcome string
	record  *kgo.Record // to be written; nil if the item needs none
	reason  string      // why the record is a dead letter
	key     sink.Key
	version transform.Version // none of a dead letter whose item has no identity
}

// decide compares an item with the index and makes its record, unless the topic already holds the
// version or a newer one of the same message (invariants 2, 3). An error is a *source.Refusal: the item
// fits no topic.
func (a *admission) decide(it *item) (decision, error) {
	if a.cfg.Policy.Excludes(it.identity.ChatID) {
		return decision{outcome: outcomeExcluded}, nil
	}
	if it.err != nil {
		return a.unidentified(it)
	}
	d := decision{outcome: outcomeWritten, key: a.index.MessageKey(it.identity), version: it.identity.Version}
	switch a.index.Check(d.key, d.version) {
	case sink.Seen:
		return decision{outcome: outcomeSeen}, nil
	case sink.Superseded:
		return decision{outcome: outcomeSuperseded}, nil
	}
	record, err := a.record(it)
	if err != nil {
		return a.bury(d, sink.Letter{Stage: "transform", Reason: err.Error(), Ordered: true}, it)
	}
	if !a.fits(record) {
		return a.bury(d, sink.Letter{Stage: "produce", Ordered: true, Reason: fmt.Sprintf(
			"record exceeds the %d bytes that the topic accepts (max.message.bytes)", a.cfg.Writer.Limits.OutputBytes)}, it)
	}
	d.record = record
	return d, nil
}

// written records in the index that the record of a decision is in the transaction.
func (a *admission) written(d decision) {
	if d.version == (transform.Version{}) {
		a.index.PutLetter(d.key, d.record.Timestamp.UnixMilli())
		return
	}
	a.index.Put(d.key, d.version)
}

// record converts and encodes an item.
func (a *admission) record(it *item) (*kgo.Record, error) {
	message, eventType, err := a.converter.Message(it.raw, a.cfg.Policy)
	if err != nil {
		return nil, err
	}
	// A record usually takes less than the item, because it has no names.
	p, size := &a.pieces, len(it.raw)+1<<10
	text := p.room(size)
	from := len(text)
	if text, err = a.cfg.Encoder.Append(text, message); err != nil {
		return nil, err
	}
	record := p.record()
	record.Topic = a.cfg.Writer.Topics.Output
	record.Value = since(text, from)
	from = len(text)
	text = append(text, it.identity.ChatID...)
	record.Key = since(text, from)
	from = len(p.headers)
	p.headers, text = a.headers.Append(p.headers, text, it.identity, eventType)
	record.Headers = since(p.headers, from)
	p.keep(text, size)
	record.Timestamp = time.Now()
	if !a.cfg.IngestTimestamp {
		record.Timestamp = time.UnixMilli(it.identity.Version.Time)
	}
	return record, nil
}

// unidentified decides what becomes of an item without an identity: a dead letter, once.
func (a *admission) unidentified(it *item) (decision, error) {
	letter := sink.Letter{Stage: "identify", Reason: it.err.Error(), Raw: it.raw, Identity: it.identity}
	d := decision{key: a.index.LetterKey(letter.Name())}
	if a.index.CheckLetter(d.key) {
		return decision{outcome: outcomeSeen}, nil
	}
	return a.bury(d, letter, it)
}

// unanswered decides what becomes of a gap, a stretch of a user's time that Graph does not answer for: a
// dead letter, once.
func (a *admission) unanswered(d source.Delivery) (decision, error) {
	value, err := json.Marshal(struct {
		User string    `json:"user"`
		From time.Time `json:"from"` // included
		To   time.Time `json:"to"`   // excluded
	}{d.User, time.UnixMilli(d.From).UTC(), time.UnixMilli(d.To).UTC()})
	if err != nil {
		return decision{}, err
	}
	letter := sink.Letter{Stage: "fetch", Reason: d.Unanswered.Error(), Raw: value, Value: value, When: time.Now()}
	buried := decision{key: a.index.LetterKey(letter.Name())}
	if a.index.CheckLetter(buried.key) {
		return decision{outcome: outcomeSeen}, nil
	}
	buried.outcome, buried.reason = outcomeDeadLetter, letter.Stage+": "+letter.Reason
	buried.record = letter.Record(a.cfg.Writer.Topics.DeadLetters, a.cfg.Tenant)
	return buried, nil
}

// bury makes the dead letter of an item: whole, except for what the policy leaves out.
func (a *admission) bury(d decision, letter sink.Letter, it *item) (decision, error) {
	letter.Raw, letter.Value = it.raw, transform.DeadLetter(it.raw, a.cfg.Policy)
	letter.Identity = it.identity
	letter.When = time.Now()
	d.outcome, d.reason = outcomeDeadLetter, letter.Stage+": "+letter.Reason
	d.record = letter.Record(a.cfg.Writer.Topics.DeadLetters, a.cfg.Tenant)
	if !a.fits(d.record) {
		return decision{}, tooLargeForLetters(len(d.record.Value), a.cfg.Writer.Limits.LetterBytes)
	}
	return d, nil
}
