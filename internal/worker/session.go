package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// session is one writer's life: from fencing its predecessor to its first failure or its orderly end.
// None of its memory outlives it: the next session reads the topic (invariant 5).
//
// The path of a page through it is deliver: the roster knows whether the user is polled, reach makes
// sure that the index can tell what of the page was written before, admission decides what becomes of each item, and
// the transaction takes the records and the user's position.
type session struct {
	cfg    Config
	log    *slog.Logger
	poller *source.Poller
	wake   chan struct{} // the index has something to do
	// unknown is there as long as no discovery has succeeded.
	unknown atomic.Pointer[Undiscovered]

	// mu guards everything below. It is held from admission to produce, so that the versions of a
	// message are written in the order in which they were admitted (invariant 3).
	mu          lock
	roster      *roster
	reach       reach
	vain        int  // messages in the index when no room could be made
	excessive   bool // the log says that the index has no room
	admission   *admission
	transaction *transaction
}

// newSession fences the predecessor and reads back positions and versions.
func newSession(ctx context.Context, cfg Config, log *slog.Logger) (s *session, err error) {
	limits, err := EnsureTopics(ctx, cfg)
	if err != nil {
		return nil, err
	}
	cfg.Writer.Limits = cfg.found.apply(cfg.Writer.Topics, limits)
	if most := limits.OutputRetentionBytes; most >= 0 {
		log.Warn("the output topic deletes records by size; a version that was deleted while its mailbox still shows it is written again",
			"topic", cfg.Writer.Topics.Output, "retention_bytes", most)
	}
	cfg.Writer.Restamped = restamped(cfg.Metrics, cfg.Writer.Limits.Stamps, log)
	writer, err := sink.OpenWriter(ctx, cfg.Writer)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			writer.Close()
		}
	}()
	ended := cfg.Writer.Waiting.Begin("read the positions")
	stored, err := offsets.Read(ctx, cfg.Writer.Client, cfg.Writer.Topics.Offsets, cfg.Name, cfg.Tenant, cfg.RebuildTimeout)
	ended()
	if err != nil {
		return nil, err
	}
	for _, loser := range stored.Losers {
		writer.WritePosition(loser)
	}
	transaction := newTransaction(cfg, log, writer, ctx)
	s = &session{
		mu:          newLock(),
		cfg:         cfg,
		log:         log,
		transaction: transaction,
		admission:   newAdmission(cfg, writer.Fits),
		roster:      newRoster(cfg, log, stored, transaction),
		wake:        make(chan struct{}, 1),
	}
	now := time.Now()
	if err := s.discover(ctx); ctx.Err() != nil {
		return nil, err
	}
	if err := s.rebuild(ctx, now); err != nil {
		return nil, err
	}
	s.poller = source.NewPoller(source.PollerConfig{
		Client: cfg.Client, Ladder: cfg.Ladder, Query: cfg.Query, PageSize: cfg.PageSize,
		Settle: cfg.Settle, InFlight: cfg.InFlight,
		Deliver: s.deliver, Reach: s.reachable, Blocked: s.roster.broken, Log: log, Metrics: cfg.SourceMetrics,
	}, s.roster.polled())
	s.roster.poller = s.poller
	return s, nil
}

// run polls and commits until the context ends, which is an orderly end and returns nil, or something
// fails.
func (s *session) run(ctx context.Context) error {
	defer s.transaction.writer.Close()
	group, running := errgroup.WithContext(ctx)
	// What was delivered outlives the polls, so that the last commit below includes it; but a delivery
	// must not wait forever for a Kafka that accepts nothing.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.mu.Lock()
	s.transaction.life = life
	s.mu.Unlock()
	defer context.AfterFunc(running, func() { time.AfterFunc(s.cfg.FinishTimeout, end) })()
	group.Go(func() error { return s.poller.Run(running) })
	group.Go(func() error { return s.commitLoop(running) })
	group.Go(func() error { return s.indexLoop(running) })
	group.Go(func() error { return s.discoverLoop(running) })
	err := group.Wait()
	if err != nil && ctx.Err() == nil {
		return err
	}
	// The polls have ended. What they brought is whole up to the last delivery, so it is committed: a
	// window that was cut short has no position in it.
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(life); err != nil {
		return errors.Join(err, s.transaction.writer.Abort(life))
	}
	return nil
}

// commitLoop commits whenever the interval is over or a transaction is full.
func (s *session) commitLoop(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.transaction.full:
		case <-tick.C:
		}
		s.mu.Lock()
		err := s.finish()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// finish commits the transaction. The end of a context does not cut a commit off at once: an unknown
// outcome costs a rebuild. The caller holds mu.
func (s *session) finish() error {
	ctx, cancel := context.WithTimeout(s.transaction.life, s.cfg.Writer.TransactionTimeout)
	defer cancel()
	return s.commit(ctx)
}

// commit commits the transaction. The caller holds mu.
func (s *session) commit(ctx context.Context) error {
	if err := s.transaction.commit(ctx); err != nil {
		return err
	}
	s.cfg.Metrics.index(s.admission.index, s.cfg.IndexMaxEntries)
	return nil
}

// deliver takes a page from the source into the open transaction.
func (s *session) deliver(ctx context.Context, d source.Delivery) error {
	items := identify(d.Items) // before the lock
	if err := s.transaction.writer.Room(ctx); err != nil {
		return err
	}

	if err := s.mu.LockContext(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if !s.roster.polls(d.User) {
		return source.ErrRemoved
	}
	if err := s.comparable(items, d); err != nil {
		return err
	}
	for i := range items {
		if err := s.admit(&items[i], d); err != nil {
			return err
		}
	}
	if d.Unanswered != nil {
		gap, err := s.admission.unanswered(d)
		if err != nil {
			return err
		}
		if err := s.write(gap); err != nil {
			return err
		}
	}
	if d.Position != nil {
		s.roster.advance(d.User, *d.Position)
	}
	if s.crowded() {
		s.wakeIndex()
	}
	return nil
}

// admit decides what becomes of an item and writes its record, if it needs one.
func (s *session) admit(it *item, d source.Delivery) error {
	taken, err := s.admission.decide(it)
	if err != nil {
		return err
	}
	if err := s.write(taken); err != nil {
		return err
	}
	s.cfg.Metrics.taken(taken.outcome, s.cfg.Ladder, it, d)
	return nil
}

// write writes the record of a decision, if there is one. The version enters the index only when its
// record is in the transaction (invariants 1, 2, 3).
func (s *session) write(taken decision) error {
	if taken.record == nil {
		return nil
	}
	if err := s.transaction.write(taken); err != nil {
		return err
	}
	s.admission.written(taken)
	return nil
}
