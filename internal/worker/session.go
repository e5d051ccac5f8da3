package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// session is one writer's life: from the moment it has fenced its predecessor to its first failure or
// its orderly end. Nothing of its memory outlives it: the next session reads the topic (invariant 5).
type session struct {
	cfg    Config
	log    *slog.Logger
	writer *sink.Writer
	poller *source.Poller

	// mu guards all below, and the writer: from admission to produce, items keep their order.
	mu         sync.Mutex
	index      *sink.Index
	converter  transform.Converter
	headers    transform.Headers
	pieces     pieces
	dirty      map[string]offsets.Position // changed since the last commit
	positions  map[string]offsets.Position // of all users that have one
	resting    map[string]bool             // those of them who are not polled
	forgotten  []string                    // users whose positions end with the next commit
	discovered bool                        // a discovery has succeeded
	doubted    int                         // discoveries in a row that were not believed
	reach      reach                       // how far back the index reaches
	life       context.Context             // of the records on their way to Kafka
	records    int                         // since the last commit
	times      []int64                     // of the versions written since the last commit
	letters    int                         // dead letters since the last commit,
	lastLetter string                      // and why the last of them is one
	full       chan struct{}               // asks for a commit before the interval is over
}

// newSession fences the predecessor and reads back positions and versions.
func newSession(ctx context.Context, cfg Config, log *slog.Logger) (s *session, err error) {
	limits, err := EnsureTopics(ctx, cfg)
	if err != nil {
		return nil, err
	}
	cfg.Writer.Limits = cfg.found.apply(cfg.Writer.Topics, limits)
	writer, err := sink.OpenWriter(ctx, cfg.Writer)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			writer.Close()
		}
	}()
	topics := cfg.Writer.Topics
	stored, err := offsets.Read(ctx, cfg.Writer.Client, topics.Offsets, cfg.Name, cfg.Tenant, cfg.RebuildTimeout)
	if err != nil {
		return nil, err
	}
	s = &session{
		cfg:     cfg,
		log:     log,
		writer:  writer,
		index:   sink.NewIndex(cfg.Tenant, cfg.IndexMaxEntries),
		headers: transform.NewHeaders(cfg.Tenant, cfg.Encoder.ContentType()),
		dirty:   make(map[string]offsets.Position),
		resting: make(map[string]bool),
		full:    make(chan struct{}, 1),
		life:    ctx,
		reach:   newReach(time.Now()),
	}
	for _, loser := range stored.Losers {
		writer.WritePosition(loser)
	}
	now := time.Now()
	s.positions = stored.Positions
	for user, p := range s.positions {
		if p.Removed != 0 && s.drained(p) {
			s.resting[user] = true
		}
	}
	if err := s.discover(ctx); ctx.Err() != nil {
		return nil, err
	}

	since := s.horizon(now)
	s.reach.floor = since.UnixMilli()
	rebuilt, err := sink.Rebuild(ctx, cfg.Writer.Client, topics, s.index, since, cfg.RebuildTimeout)
	cfg.Metrics.rebuild(rebuilt, s.index, err)
	if err != nil {
		return nil, err
	}
	if back := s.oldest(now); back.Before(now.Add(-cfg.IndexHorizon)) {
		log.Warn("users are read from further back than INDEX_HORIZON; what is older can be written again after each start",
			"oldest", back.UTC(), "index_horizon", cfg.IndexHorizon)
	}
	log.Info("index is rebuilt from the topic", "records", rebuilt.Records, "foreign", rebuilt.Foreign,
		"messages", s.index.Len(), "since", since.UTC(), "seconds", rebuilt.Seconds,
		"positions", len(s.positions))

	s.poller = source.NewPoller(source.PollerConfig{
		Client: cfg.Client, Ladder: cfg.Ladder, Query: cfg.Query, PageSize: cfg.PageSize,
		Settle: cfg.Settle, InFlight: cfg.InFlight,
		Deliver: s.deliver, Log: log, Metrics: cfg.SourceMetrics,
	}, s.polled())
	return s, nil
}

// run polls and commits until the context ends, which is an orderly end and gives nil, or something
// fails.
func (s *session) run(ctx context.Context) error {
	defer s.writer.Close()
	group, running := errgroup.WithContext(ctx)
	// What was delivered lives on when the polls end, so that the last commit below has it; but a delivery
	// that waits for a Kafka that takes nothing must not wait for ever.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.mu.Lock()
	s.life = life
	s.mu.Unlock()
	defer context.AfterFunc(running, func() { time.AfterFunc(s.cfg.FinishTimeout, end) })()
	group.Go(func() error { return s.poller.Run(running) })
	group.Go(func() error { return s.commitLoop(running) })
	group.Go(func() error { return s.discoverLoop(running) })
	err := group.Wait()
	if err != nil && ctx.Err() == nil {
		return err
	}
	// Polls have ended. What they brought is whole up to its last delivery, so it is committed and
	// not thrown away: a window that was cut short simply has no position in it.
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.FinishTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(finish); err != nil {
		return errors.Join(err, s.writer.Abort(finish))
	}
	return nil
}

// commitLoop commits whenever the interval is over or a transaction is full.
func (s *session) commitLoop(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.CommitInterval)
	defer tick.Stop()
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sweep.C:
			s.sweep()
			continue
		case <-s.full:
		case <-tick.C:
		}
		s.mu.Lock()
		// Not cut off by the end of the context: a commit whose outcome is unknown costs a rebuild.
		finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Writer.TransactionTimeout)
		err := s.commit(finish)
		cancel()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// commit makes the records since the last commit visible, together with the positions that stand for
// them. The caller holds mu.
func (s *session) commit(ctx context.Context) error {
	// Tombstones first: who was found again since keeps the new position. Partition -1 sends them where their keys lead.
	for _, user := range s.forgotten {
		key := offsets.Key{Connector: s.cfg.Name, Tenant: s.cfg.Tenant, User: user}
		s.writer.WritePosition(&kgo.Record{Topic: s.cfg.Writer.Topics.Offsets, Partition: -1, Key: key.Bytes()})
	}
	for user, p := range s.dirty {
		key := offsets.Key{Connector: s.cfg.Name, Tenant: s.cfg.Tenant, User: user}
		s.writer.WritePosition(offsets.Record(s.cfg.Writer.Topics.Offsets, key, p))
	}
	began := time.Now()
	if err := s.writer.Commit(ctx); err != nil {
		s.cfg.Metrics.committed("failed", nil, time.Since(began))
		return err
	}
	if s.records > 0 || len(s.dirty) > 0 {
		s.cfg.Metrics.committed("ok", s.times, time.Since(began))
		s.cfg.Metrics.index(s.index)
	}
	if s.letters > 0 {
		s.log.Warn("items went to the dead letters", "items", s.letters, "last", s.lastLetter)
	}
	clear(s.dirty)
	s.forgotten = nil
	s.records, s.times, s.letters = 0, s.times[:0], 0
	return nil
}

// deliver takes a page from the source into the open transaction.
func (s *session) deliver(ctx context.Context, d source.Delivery) error {
	// What concerns an item alone is done before the lock.
	items := make([]item, len(d.Items))
	for i, raw := range d.Items {
		items[i] = identify(raw)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.positions[d.User]; !known || s.resting[d.User] {
		return source.ErrRemoved
	}
	if err := s.reachBack(ctx, items, d); err != nil {
		return err
	}
	for i := range items {
		if err := s.admit(&items[i], d); err != nil {
			return err
		}
	}
	if d.Position != nil {
		next := *d.Position
		next.Listed, next.Removed = s.positions[d.User].Listed, s.positions[d.User].Removed
		s.positions[d.User], s.dirty[d.User] = next, next
	}
	if s.records >= s.cfg.CommitRecords {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// item is what is known of an item before it is decoded.
type item struct {
	raw      []byte
	identity transform.Identity
	err      error // it has no identity
}

func identify(raw []byte) item {
	identity, err := transform.Identify(raw)
	return item{raw: raw, identity: identity, err: err}
}

// admit writes an item unless the topic holds it, or something newer of the same message, already.
// It may enter the index only when its record is in the transaction (invariants 1, 2, 3).
func (s *session) admit(it *item, d source.Delivery) error {
	m := s.cfg.Metrics
	if s.cfg.Policy.Excludes(it.identity.ChatID) {
		m.item(outcomeExcluded)
		return nil
	}
	if it.err != nil {
		return s.bury(it, sink.Letter{Stage: "identify", Reason: it.err.Error()})
	}
	if t := it.identity.Version.Time; t < d.From || t >= d.To {
		m.outside.Inc() // kept all the same
	}
	key := s.index.MessageKey(it.identity)
	switch s.index.Check(key, it.identity.Version) {
	case sink.Seen:
		m.item(outcomeSeen)
		return nil
	case sink.Superseded:
		m.item(outcomeSuperseded)
		return nil
	}
	record, err := s.record(it)
	if err != nil {
		return s.bury(it, sink.Letter{Stage: "transform", Reason: err.Error(), Ordered: true})
	}
	if !s.writer.Fits(record) {
		return s.bury(it, sink.Letter{Stage: "produce", Ordered: true,
			Reason: fmt.Sprintf("the record is larger than the %d bytes that the topic takes (max.message.bytes)", s.cfg.Writer.Limits.OutputBytes)})
	}
	if err := s.writer.Write(s.life, record); err != nil {
		return err
	}
	s.index.Put(key, it.identity.Version)
	m.item(outcomeWritten)
	m.late(s.cfg.Ladder, it.identity.Version.Time, d.ReadBefore)
	s.records++
	s.times = append(s.times, it.identity.Version.Time)
	return nil
}

// record converts and encodes an item.
func (s *session) record(it *item) (*kgo.Record, error) {
	message, eventType, err := s.converter.Message(it.raw, s.cfg.Policy)
	if err != nil {
		return nil, err
	}
	// The record takes less than the item as a rule, as it has no names.
	p, size := &s.pieces, len(it.raw)+1<<10
	text := p.room(size)
	from := len(text)
	if text, err = s.cfg.Encoder.Append(text, message); err != nil {
		return nil, err
	}
	record := p.record()
	record.Topic = s.cfg.Writer.Topics.Output
	record.Value = since(text, from)
	from = len(text)
	text = append(text, it.identity.ChatID...)
	record.Key = since(text, from)
	from = len(p.headers)
	p.headers, text = s.headers.Append(p.headers, text, it.identity, eventType)
	record.Headers = since(p.headers, from)
	p.keep(text, size)
	record.Timestamp = time.Now()
	if !s.cfg.IngestTimestamp {
		record.Timestamp = time.UnixMilli(it.identity.Version.Time)
	}
	return record, nil
}

// bury writes an item to the dead letters, once, whole but for what the policy leaves out.
func (s *session) bury(it *item, letter sink.Letter) error {
	letter.Raw, letter.Value = it.raw, transform.DeadLetter(it.raw, s.cfg.Policy)
	letter.Identity = it.identity
	letter.When = time.Now()
	name := letter.Name()
	if !letter.Ordered && s.index.CheckLetter(name) {
		s.cfg.Metrics.item(outcomeSeen)
		return nil
	}
	record := letter.Record(s.cfg.Writer.Topics.DeadLetters, s.cfg.Tenant)
	if !s.writer.Fits(record) {
		// Invariant 1: what fits nowhere keeps its user where it is.
		return &source.Refusal{Err: fmt.Errorf("%w: %d bytes, the topic takes %d",
			sink.ErrLetterTooLarge, len(record.Value), s.cfg.Writer.Limits.LetterBytes)}
	}
	if err := s.writer.Write(s.life, record); err != nil {
		return err
	}
	if letter.Ordered {
		s.index.Put(s.index.MessageKey(it.identity), it.identity.Version)
	} else {
		s.index.PutLetter(name, letter.When)
	}
	s.cfg.Metrics.item(outcomeDeadLetter)
	s.records++
	s.letters++
	s.lastLetter = letter.Stage + ": " + letter.Reason
	return nil
}
