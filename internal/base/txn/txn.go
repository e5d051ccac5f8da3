// Package txn commits Kafka transactions of franz-go.
package txn

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Commit commits the transaction of a client that has flushed its records to these topics.
//
// The client learns a topic's partitions when it produces to it for the first time, and sends the records
// before it stores what it learned (kgo v1.22.3, storePartitionsUpdate). If the broker acknowledges them and
// the transaction ends within that moment, the client takes the transaction for an empty one: with KIP-890 it
// aborts what it was asked to commit, and reports no error. So Commit first waits until the client has stored
// the partitions of all topics.
func Commit(ctx context.Context, cl *kgo.Client, topics ...string) error {
	for _, topic := range topics {
		if err := stored(ctx, cl, topic); err != nil {
			return err
		}
	}
	return cl.EndTransaction(ctx, kgo.TryCommit)
}

// stored waits until a client knows a topic's partitions.
func stored(ctx context.Context, cl *kgo.Client, topic string) error {
	for !knows(cl, topic) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("txn: the client does not know the partitions of %s: %w", topic, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// knows reports whether a client knows a topic's partitions. An error is that of a known one.
func knows(cl *kgo.Client, topic string) bool {
	leader, _, err := cl.PartitionLeader(topic, 0)
	return leader >= 0 || err != nil
}
