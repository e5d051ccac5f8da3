package sink

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/txn"
)

// WriterConfig is what a Writer needs.
type WriterConfig struct {
	// Client are the options that reach the cluster.
	Client []kgo.Opt
	Topics Topics
	Limits Limits
	// TransactionalID fences the tenant's other writers. Empty means DELIVERY=idempotent: no
	// transactions and no fencing.
	TransactionalID string
	// TransactionTimeout is after how long the broker gives up a transaction whose writer is silent.
	TransactionTimeout time.Duration
	// Hook makes what watches the writer's client, anew for each writer; nil for nothing.
	Hook func() kgo.Hook
	// Restamped is called for each record that gets the time of writing instead of its event's; nil for
	// nothing.
	Restamped func(Restamped)
	// Waiting is told what the writer waits for; nil for a Waiting of the writer's own.
	Waiting *Waiting
}

// fenceTimeout is how long OpenWriter waits for the predecessor's transaction to end. The coordinator
// needs milliseconds as a rule, and cannot end it while a partition that it wrote to has no leader.
const fenceTimeout = 30 * time.Second

// Bounds of what the client may hold that no broker has acknowledged yet: see Writer.Room.
const (
	mostBuffered      = 50_000
	mostBufferedBytes = 64 << 20
)

// TransactionalID is the transactional id of a tenant that is written to a topic. It is made of
// what two writers must not share and of nothing else, so that two connectors of different names which
// are pointed at the same tenant and topic by mistake fence each other too (invariant 4).
func TransactionalID(topic, tenant string) string {
	return "teams-kafka-connector/" + topic + "/" + tenant
}

// Writer writes one tenant's records. What was written since the last Commit becomes visible with the
// next one, all together, or never. It is not safe for concurrent use.
type Writer struct {
	cfg  WriterConfig
	cl   *kgo.Client
	open bool
	into []string // the topics of the open transaction

	positions []*kgo.Record
	ended     error // of a Commit

	mu      sync.Mutex
	failed  error // the first record that could not be produced
	refused map[partition]*refusal
}

type partition struct {
	topic string
	id    int32
}

// refusal counts the records of a partition that a broker refused for their size.
type refusal struct {
	records, largest, bytes int
	err                     error
}

// OpenWriter connects and fences the tenant's other writers: when it returns, a transaction that a
// predecessor had open is aborted and the predecessor can write no more (invariant 4). It waits no
// longer than half a minute for that.
func OpenWriter(ctx context.Context, cfg WriterConfig) (*Writer, error) {
	if cfg.Waiting == nil {
		cfg.Waiting = NewWaiting()
	}
	w := &Writer{cfg: cfg, refused: make(map[partition]*refusal)}
	cl, err := kgo.NewClient(w.options()...)
	if err != nil {
		return nil, fmt.Errorf("sink: open writer: %w", err)
	}
	w.cl = cl
	if cfg.TransactionalID != "" {
		if err := w.fence(ctx); err != nil {
			cl.Close()
			return nil, err
		}
	}
	return w, nil
}

// options are those of the writer's client.
func (w *Writer) options() []kgo.Opt {
	cfg := w.cfg
	opts := append([]kgo.Opt{}, cfg.Client...)
	opts = append(opts,
		kgo.WithLogger(cfg.Waiting),
		// Room bounds what is buffered. The library's own bound would block Write, and with it
		// whoever holds the lock that guards the writer.
		kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 {
			return w.limit(topic)
		}),
		kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.Lz4Compression(), kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerLinger(5*time.Millisecond),
		// Without transactions a producer that the broker has forgotten would continue as a new one and send again what may
		// stand in the topic already. It ends instead, and the next writer reads the topic (invariant 5).
		kgo.StopProducerOnDataLossDetected(),
		// What is to be sent again waits for new metadata, and that for the least age of the old, 5 s by default. Kafka 4 answers so
		// (CONCURRENT_TRANSACTIONS) whenever records come before the markers of the last transaction are written.
		kgo.MetadataMinAge(100*time.Millisecond),
		// No RecordDeliveryTimeout: it counts from the record's timestamp, which here is the time of the
		// event. What bounds a delivery is the context of Commit.
	)
	if cfg.Hook != nil {
		opts = append(opts, kgo.WithHooks(cfg.Hook()))
	}
	if cfg.TransactionalID != "" {
		// Nobody sees a record before its commit, which ends the wait, so batches may as well grow: a record in a batch of 800 takes a
		// third of the room that it takes alone.
		opts = append(opts, kgo.TransactionalID(cfg.TransactionalID), kgo.TransactionTimeout(cfg.TransactionTimeout),
			kgo.ProducerLinger(time.Second))
	}
	return opts
}

// fence asks for the producer ID, which bumps its epoch and aborts the predecessor's open transaction.
func (w *Writer) fence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fenceTimeout)
	defer cancel()
	defer w.cfg.Waiting.Begin("fence the other writers of transactional ID " + w.cfg.TransactionalID)()
	_, _, err := w.cl.ProducerID(ctx)
	return wrap("fence the other writers of transactional ID "+w.cfg.TransactionalID, w.explained(err))
}

// explained adds to the error of a context that ended while the client library retried what it
// retried for.
func (w *Writer) explained(err error) error {
	longest, _ := w.cfg.Waiting.Longest()
	found := ""
	switch {
	case errors.Is(err, context.Canceled): // somebody wants to end, so the cluster is not asked
	case errors.Is(err, context.DeadlineExceeded):
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		found = Diagnose(ctx, kadm.NewClient(w.cl), w.cfg.Topics)
	default:
		return err
	}
	reason := Reason(longest.Answer, found)
	if reason == "" {
		return err
	}
	return fmt.Errorf("%w after %v: %s", err, time.Since(longest.Since).Round(time.Second), reason)
}

func clampBatch(limit int32) int32 { return max(512, min(limit, 64<<20)) }

// Close drops what was not committed. A transaction left open is aborted by the next writer's fencing,
// or by the broker's timeout.
func (w *Writer) Close() { w.cl.Close() }

// Fits reports whether a record is small enough for its topic, with room for the batch around it.
func (w *Writer) Fits(r *kgo.Record) bool {
	return recordSize(r) <= int(w.limit(r.Topic))
}

// limit is the most bytes that a batch for a topic may have.
func (w *Writer) limit(topic string) int32 {
	switch topic {
	case w.cfg.Topics.DeadLetters:
		return clampBatch(w.cfg.Limits.LetterBytes)
	case w.cfg.Topics.Offsets:
		return clampBatch(w.cfg.Limits.PositionBytes)
	default:
		return clampBatch(w.cfg.Limits.OutputBytes)
	}
}

// recordSize is an upper bound of what a record and the batch around it take, in bytes.
func recordSize(r *kgo.Record) int {
	const batch, perRecord, perHeader = 61, 36, 10
	size := batch + perRecord + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += perHeader + len(h.Key) + len(h.Value)
	}
	return size
}

// Room waits until the client holds few enough records that no broker has acknowledged, so that a
// Kafka that takes nothing cannot fill the memory. It is safe for concurrent use, and is to be called
// before the lock is taken that guards the writer: a commit, which ends the wait either way, needs it.
func (w *Writer) Room(ctx context.Context) error {
	full := func() bool {
		return w.cl.BufferedProduceRecords() >= mostBuffered || w.cl.BufferedProduceBytes() >= mostBufferedBytes
	}
	if !full() {
		return nil
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for full() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Write puts a record into the open transaction, beginning one if there is none. It does not wait. A
// record that cannot be produced fails the next Commit.
func (w *Writer) Write(ctx context.Context, r *kgo.Record) error {
	if err := w.begin(); err != nil {
		return err
	}
	w.limitTimestamp(r)
	w.produce(ctx, r)
	return nil
}

func (w *Writer) produce(ctx context.Context, r *kgo.Record) {
	if !slices.Contains(w.into, r.Topic) {
		w.into = append(w.into, r.Topic)
	}
	w.cfg.Waiting.sent()
	w.cl.Produce(ctx, r, w.produced)
}

// WritePosition adds a position. It is produced by Commit: in idempotent mode only after all records
// are durable (invariant 1).
func (w *Writer) WritePosition(r *kgo.Record) { w.positions = append(w.positions, r) }

func (w *Writer) begin() error {
	if w.open {
		return nil
	}
	if w.cfg.TransactionalID != "" {
		if err := w.cl.BeginTransaction(); err != nil {
			return wrap("begin a transaction", err)
		}
	}
	w.open = true
	return nil
}

func (w *Writer) produced(r *kgo.Record, err error) {
	w.cfg.Waiting.arrived()
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = wrap("produce to "+r.Topic, err)
	}
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
		at := partition{r.Topic, r.Partition}
		if w.refused[at] == nil {
			w.refused[at] = &refusal{err: err}
		}
		w.refused[at].records++
		w.refused[at].bytes += recordSize(r)
		w.refused[at].largest = max(w.refused[at].largest, recordSize(r))
	}
}

// tooLarge tells what is left to try after refusals. A record that was refused alone is too large. Of several, which may have
// stood in one batch, or in several of at most the present limit, nothing is known of each, so half as much is tried, down to the
// largest of them alone. So the bound is found in a few steps. The caller holds mu.
func (w *Writer) tooLarge() error {
	var found *TooLargeError
	for at, r := range w.refused {
		limit := int(w.limit(at.topic))
		below := r.largest - 1
		if r.records > 1 {
			below = min(limit-1, max(r.largest, min(r.bytes, limit)/2))
		}
		if found == nil || found.Topic == at.topic && below < int(found.Below) {
			found = &TooLargeError{Topic: at.topic, Below: int32(below), Err: r.err}
		}
	}
	if found == nil {
		return nil
	}
	return found
}

// limitTimestamp gives a record of the output topic a timestamp that the broker takes and keeps. The
// event's time stays in the header.
func (w *Writer) limitTimestamp(r *kgo.Record) {
	if r.Timestamp.IsZero() || r.Topic != w.cfg.Topics.Output {
		return
	}
	stamp, why := w.cfg.Limits.Stamps.stamp(r.Timestamp, time.Now())
	r.Timestamp = stamp
	if why != "" && w.cfg.Restamped != nil {
		w.cfg.Restamped(why)
	}
}

// Commit makes what was written visible, positions and records together. On an error the outcome is
// unknown: the writer commits nothing any more, is to be closed, and what is in the topic to be read again.
func (w *Writer) Commit(ctx context.Context) error {
	if w.ended != nil {
		return fmt.Errorf("sink: commit after a failure: %w", w.ended)
	}
	w.ended = w.commit(ctx)
	return w.ended
}

func (w *Writer) commit(ctx context.Context) error {
	if !w.open && len(w.positions) == 0 {
		return nil
	}
	if err := w.begin(); err != nil {
		return err
	}
	defer w.cfg.Waiting.Begin("commit")()
	if w.cfg.TransactionalID == "" {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	for _, r := range w.positions {
		w.produce(ctx, r)
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if w.cfg.TransactionalID != "" {
		if err := txn.Commit(ctx, w.cl, w.into...); err != nil {
			return wrap("commit", w.explained(err))
		}
	}
	w.open, w.into, w.positions = false, w.into[:0], nil
	return nil
}

func (w *Writer) flush(ctx context.Context) error {
	if err := w.cl.Flush(ctx); err != nil {
		return wrap("flush", w.explained(err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.tooLarge(); err != nil {
		return err
	}
	return w.failed
}

// Abort ends the open transaction without its records, so that readers need not wait for the broker's
// timeout. It is for an orderly end; after a failure the next writer's fencing does it.
func (w *Writer) Abort(ctx context.Context) error {
	if !w.open || w.cfg.TransactionalID == "" {
		return nil
	}
	if err := w.cl.AbortBufferedRecords(ctx); err != nil {
		return wrap("abort", err)
	}
	if err := w.cl.EndTransaction(ctx, kgo.TryAbort); err != nil && !errors.Is(err, kerr.OperationNotAttempted) {
		return wrap("abort", err)
	}
	w.open, w.into, w.positions = false, w.into[:0], nil
	return nil
}
