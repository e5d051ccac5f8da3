// Package tail reads topics from an offset or a time up to where they ended when the read began,
// and no further.
//
// It promises that it neither stops early nor waits for ever: what lies below the high watermarks
// taken at the start is delivered once, and an open transaction that hides a part of it is waited
// for only as long as the caller allows. It knows nothing of what the records mean.
package tail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic is one topic to read.
type Topic struct {
	Name string
	// Since is the record timestamp to begin at: reading starts at the first record of each
	// partition whose timestamp is not before it. The zero time means the beginning.
	Since time.Time
}

// Config says what to read and how long to wait.
type Config struct {
	// Client are the options that reach the cluster: brokers, TLS, SASL.
	Client []kgo.Opt
	Topics []Topic
	// Patience is how long an open transaction may hold the last stable offset back, and how long
	// nothing at all may arrive, before the read fails.
	Patience time.Duration
}

// StalledError says which partition could not be read to its end.
type StalledError struct {
	Topic                 string
	Partition             int32
	Offset, Stable, Until int64
	Waited                time.Duration
}

func (e *StalledError) Error() string {
	why := fmt.Sprintf("the last stable offset is %d, so another producer's transaction is open there"+
		" (kafka-transactions.sh find-hanging names it)", e.Stable)
	if e.Stable >= e.Until {
		why = "no transaction is open there, so its broker does not give what it has (its log says why)"
	}
	return fmt.Sprintf("reading %s partition %d has stood at offset %d for %v, short of %d: %s",
		e.Topic, e.Partition, e.Offset, e.Waited.Round(time.Second), e.Until, why)
}

// fetchBytes bounds what a broker sends at once, compressed, which is several times as large once it is decompressed. At the library's own
// bound of 50 MiB reading takes three times the memory, and what was decompressed is far away when it is read.
const fetchBytes = 2 << 20

type partition struct {
	topic string
	id    int32
}

// Read delivers every committed record, in offset order within a partition, and returns how many
// there were. It takes the ends read-uncommitted, so what was visible or open when Read was called is
// waited for (the caller has fenced its own predecessor before).
func Read(ctx context.Context, cfg Config, each func(*kgo.Record) error) (records int, err error) {
	opts := append([]kgo.Opt{}, cfg.Client...)
	opts = append(opts,
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The last offset of a partition is as a rule the marker that ended a transaction. It must
		// be seen, or the end would never be reached.
		kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(100*time.Millisecond),
		// What a broker sends at once is several times as large once it is decompressed, and the next is under way meanwhile.
		kgo.FetchMaxBytes(fetchBytes),
	)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return 0, fmt.Errorf("tail: %w", err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)

	until := make(map[partition]int64)
	next := make(map[partition]int64)
	assign := make(map[string]map[int32]kgo.Offset)
	for _, t := range cfg.Topics {
		if err := bounds(ctx, adm, t, next, until, assign); err != nil {
			return 0, err
		}
	}
	if len(until) == 0 {
		return 0, nil
	}
	cl.AddConsumePartitions(assign)

	progress := time.Now()
	for len(until) > 0 {
		pollCtx, cancel := context.WithTimeout(ctx, time.Second)
		fetches := cl.PollFetches(pollCtx)
		cancel()
		if err := ctx.Err(); err != nil {
			return records, err
		}
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) || e.Topic == "" || kerr.IsRetriable(e.Err) {
				continue
			}
			return records, fmt.Errorf("tail: read %s partition %d: %w", e.Topic, e.Partition, e.Err)
		}
		moved := false
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			p := partition{fetched.Topic, fetched.Partition}
			end, ok := until[p]
			if !ok || len(fetched.Records) == 0 {
				return
			}
			moved = true
			next[p] = fetched.Records[len(fetched.Records)-1].Offset + 1
			for _, r := range fetched.Records {
				if err == nil && r.Offset < end && !r.Attrs.IsControl() {
					records++
					err = each(r)
				}
			}
			if next[p] >= end {
				delete(until, p)
				cl.PauseFetchPartitions(map[string][]int32{p.topic: {p.id}})
			}
		})
		if err != nil {
			return records, err
		}
		if moved {
			progress = time.Now()
			continue
		}
		// Nothing came for a second. Either retention has meanwhile removed what was left, or a
		// transaction is open.
		if err := dropEmptied(ctx, adm, until, next); err != nil {
			return records, err
		}
		if waited := time.Since(progress); len(until) > 0 && waited > cfg.Patience {
			return records, stalled(ctx, adm, until, next, waited)
		}
	}
	return records, nil
}

// bounds finds where reading a topic begins and ends, and leaves out the partitions with nothing between.
func bounds(ctx context.Context, adm *kadm.Client, t Topic, next, until map[partition]int64, assign map[string]map[int32]kgo.Offset) error {
	// The end first: a record that is committed after it was taken belongs to a later read.
	ends, err := adm.ListEndOffsets(ctx, t.Name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("tail: list end offsets of %s: %w", t.Name, err)
	}
	var starts kadm.ListedOffsets
	if t.Since.IsZero() {
		starts, err = adm.ListStartOffsets(ctx, t.Name)
	} else {
		// The first offset whose timestamp is not before Since: whatever the order of the
		// timestamps, all that lies below it is older.
		starts, err = adm.ListOffsetsAfterMilli(ctx, t.Since.UnixMilli(), t.Name)
	}
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("tail: list start offsets of %s: %w", t.Name, err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		start, ok := starts.Lookup(t.Name, end.Partition)
		if !ok || start.Offset >= end.Offset {
			return
		}
		p := partition{t.Name, end.Partition}
		next[p], until[p] = start.Offset, end.Offset
		if assign[t.Name] == nil {
			assign[t.Name] = make(map[int32]kgo.Offset)
		}
		assign[t.Name][end.Partition] = kgo.NewOffset().At(start.Offset)
	})
	return nil
}

// dropEmptied takes out the partitions whose rest was deleted by retention while they were read.
func dropEmptied(ctx context.Context, adm *kadm.Client, until, next map[partition]int64) error {
	starts, err := adm.ListStartOffsets(ctx, topics(until)...)
	if err != nil {
		return fmt.Errorf("tail: list start offsets: %w", err)
	}
	for p, end := range until {
		if start, ok := starts.Lookup(p.topic, p.id); ok && start.Err == nil && start.Offset >= end {
			delete(until, p)
			delete(next, p)
		}
	}
	return nil
}

func stalled(ctx context.Context, adm *kadm.Client, until, next map[partition]int64, waited time.Duration) error {
	stable, err := adm.ListCommittedOffsets(ctx, topics(until)...)
	if err != nil {
		return fmt.Errorf("tail: nothing came for %v, and listing the last stable offsets failed: %w", waited.Round(time.Second), err)
	}
	for p, end := range until {
		at, _ := stable.Lookup(p.topic, p.id)
		return &StalledError{Topic: p.topic, Partition: p.id, Offset: next[p], Stable: at.Offset, Until: end, Waited: waited}
	}
	return nil
}

func topics(until map[partition]int64) []string {
	seen := make(map[string]bool)
	var names []string
	for p := range until {
		if !seen[p.topic] {
			seen[p.topic] = true
			names = append(names, p.topic)
		}
	}
	return names
}
