package judge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrStalled is wrapped by the error of Run if a partition gives nothing any more before its high
// watermark is reached, as it does while a transaction is open, or if the broker deletes what is being
// read. Once that has ended, Run can be repeated.
var ErrStalled = errors.New("reading makes no progress")

// longPoll is how long a broker may hold a fetch that has no records.
const longPoll = 250 * time.Millisecond

// errNoTopic says that a topic does not exist.
var errNoTopic = errors.New("topic does not exist")

// bounds is what is to be read of a partition: the offsets from, inclusive, to, exclusive.
type bounds struct{ from, to int64 }

// spans holds the spans of topics by partition.
type spans map[string]map[int32]bounds

// listBounds takes the start offsets and the high watermarks of a topic, as they are now.
func listBounds(ctx context.Context, client *kgo.Client, topic string) (map[int32]bounds, error) {
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, fmt.Errorf("topic %s: %w", topic, errNoTopic)
	}
	if err != nil {
		return nil, fmt.Errorf("list start offsets of %s: %w", topic, err)
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list high watermarks of %s: %w", topic, err)
	}
	found := make(map[int32]bounds)
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, end.Partition); ok {
			found[end.Partition] = bounds{from: start.Offset, to: end.Offset}
		}
	})
	return found, nil
}

func (s spans) total() (total int64) {
	for _, partitions := range s {
		for _, span := range partitions {
			total += span.to - span.from
		}
	}
	return total
}

// reader reads spans read_committed, each partition in the order of its offsets.
type reader struct {
	client *kgo.Client
	// left holds the partitions that are not read to their end; from moves with the reading.
	left spans
	idle time.Duration
	now  func() time.Time
}

// newReader takes the client's options and what is to be read. The client is closed by close.
func newReader(options []kgo.Opt, wanted spans, idle time.Duration) (*reader, error) {
	left := make(spans)
	starts := make(map[string]map[int32]kgo.Offset)
	for topic, partitions := range wanted {
		for partition, span := range partitions {
			if span.from >= span.to {
				continue
			}
			if left[topic] == nil {
				left[topic] = make(map[int32]bounds)
				starts[topic] = make(map[int32]kgo.Offset)
			}
			left[topic][partition] = span
			starts[topic][partition] = kgo.NewOffset().At(span.from)
		}
	}
	options = append(options[:len(options):len(options)],
		kgo.ConsumePartitions(starts),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The last offset below a high watermark is mostly the control record that ended a transaction.
		kgo.KeepControlRecords(),
		// A partition that joins late, after its offset was reset, must not sit out another's long wait.
		kgo.FetchMaxWait(longPoll),
	)
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("make consumer: %w", err)
	}
	return &reader{client: client, left: left, idle: idle, now: time.Now}, nil
}

func (r *reader) close() { r.client.Close() }

// read hands every record of the spans to take, control records left out, until all is read.
func (r *reader) read(ctx context.Context, take func(*kgo.Record) error, progress func(left int64)) error {
	moved := r.now()
	for len(r.left) > 0 {
		fetches, err := r.poll(ctx, moved.Add(r.idle))
		if err != nil {
			return err
		}
		fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
			for _, record := range partition.Records {
				span, wanted := r.left[record.Topic][record.Partition]
				if err != nil || !wanted || record.Offset >= span.to {
					r.finish(record.Topic, record.Partition)
					return
				}
				if !record.Attrs.IsControl() {
					err = take(record)
				}
				span.from = record.Offset + 1
				r.left[record.Topic][record.Partition] = span
				moved = r.now()
				if span.from == span.to {
					r.finish(record.Topic, record.Partition)
				}
			}
		})
		if err != nil {
			return err
		}
		progress(r.left.total())
		if len(r.left) > 0 && !r.now().Before(moved.Add(r.idle)) {
			return r.stalled(ctx)
		}
	}
	return nil
}

// poll waits for records until the deadline; that it passes is not an error here.
func (r *reader) poll(ctx context.Context, deadline time.Time) (kgo.Fetches, error) {
	waiting, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	fetches := r.client.PollFetches(waiting)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	for _, failed := range fetches.Errors() {
		if errors.Is(failed.Err, context.DeadlineExceeded) && failed.Topic == "" {
			continue
		}
		return nil, fmt.Errorf("read %s/%d: %w", failed.Topic, failed.Partition, failed.Err)
	}
	return fetches, nil
}

// finish takes a partition off the list and out of the coming fetches.
func (r *reader) finish(topic string, partition int32) {
	if _, listed := r.left[topic][partition]; !listed {
		return
	}
	delete(r.left[topic], partition)
	if len(r.left[topic]) == 0 {
		delete(r.left, topic)
	}
	r.client.PauseFetchPartitions(map[string][]int32{topic: {partition}})
}

// stalled makes the error that names every partition that is not done, and what holds it.
func (r *reader) stalled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	admin := kadm.NewClient(r.client)
	var parts []string
	for topic, partitions := range r.left {
		starts, startsErr := admin.ListStartOffsets(ctx, topic)
		stable, stableErr := admin.ListCommittedOffsets(ctx, topic)
		for partition, span := range partitions {
			part := fmt.Sprintf("%s/%d is at offset %d of %d", topic, partition, span.from, span.to)
			if at, ok := starts.Lookup(topic, partition); startsErr == nil && ok && at.Offset > span.from {
				part += fmt.Sprintf(" (everything below offset %d was deleted meanwhile)", at.Offset)
			}
			if at, ok := stable.Lookup(topic, partition); stableErr == nil && ok && at.Offset < span.to {
				part += fmt.Sprintf(" (a transaction is open at or above offset %d)", at.Offset)
			}
			parts = append(parts, part)
		}
	}
	return fmt.Errorf("%w: nothing for %v: %s", ErrStalled, r.idle, strings.Join(parts, ", "))
}
