package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// awaitBroker returns when a broker takes requests and the cluster counts it among its own.
func (c *Cluster) awaitBroker(t testing.TB, ctx context.Context, i int) {
	t.Helper()
	c.await(t, ctx, fmt.Sprintf("broker %d to serve", c.brokers[i].node), func() error {
		if c.brokers[i].process.Ended() {
			t.Fatalf("broker %d ended:\n%s", c.brokers[i].node, c.brokers[i].process.Tail(60))
		}
		conn, err := net.DialTimeout("tcp", c.brokers[i].address(plain), time.Second)
		if err != nil {
			return err
		}
		_ = conn.Close()
		details, err := c.admin.BrokerMetadata(ctx)
		if err != nil {
			return err
		}
		for _, b := range details.Brokers {
			if b.NodeID == int32(c.brokers[i].node) {
				return nil
			}
		}
		return errors.New("it is not in the metadata")
	})
}

// awaitSync returns when every partition has all its replicas in sync.
func (c *Cluster) awaitSync(t testing.TB, ctx context.Context) {
	t.Helper()
	c.await(t, ctx, "all replicas to be in sync", func() error {
		topics, err := c.admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			for _, p := range topic.Partitions {
				if len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
					return fmt.Errorf("%s partition %d: %d of %d", p.Topic, p.Partition, len(p.ISR), len(p.Replicas))
				}
			}
		}
		return nil
	})
}

// Leader is the broker (from 0) that leads a partition.
func (c *Cluster) Leader(t testing.TB, ctx context.Context, topic string, partition int32) int {
	t.Helper()
	leader := -1
	c.await(t, ctx, "a leader of "+topic, func() error {
		details, err := c.admin.ListTopics(ctx, topic)
		if err == nil {
			err = details.Error()
		}
		if err != nil {
			return err
		}
		if leader = int(details[topic].Partitions[partition].Leader) - 1; leader < 0 {
			return errors.New("there is none")
		}
		return nil
	})
	return leader
}

// GroupCoordinator is the broker (from 0) that coordinates a consumer group.
func (c *Cluster) GroupCoordinator(t testing.TB, ctx context.Context, group string) int {
	t.Helper()
	return c.coordinator(t, ctx, c.admin.FindGroupCoordinators, group)
}

// TransactionCoordinator is the broker (from 0) that coordinates the transactions of a transactional id.
func (c *Cluster) TransactionCoordinator(t testing.TB, ctx context.Context, id string) int {
	t.Helper()
	return c.coordinator(t, ctx, c.admin.FindTxnCoordinators, id)
}

func (c *Cluster) coordinator(t testing.TB, ctx context.Context, find func(context.Context, ...string) kadm.FindCoordinatorResponses, name string) int {
	t.Helper()
	node := -1
	c.await(t, ctx, "the coordinator of "+name, func() error {
		found := find(ctx, name)[name]
		node = int(found.NodeID) - 1
		return found.Err
	})
	return node
}

// await tries until there is no error, and fails the test with the last one when the context ends.
func (c *Cluster) await(t testing.TB, ctx context.Context, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v (%v)", what, err, ctx.Err())
		}
	}
}
