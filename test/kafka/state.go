package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
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
		// Not by the admin client, which tells of brokers what it was told first.
		metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.client)
		if err != nil {
			return err
		}
		for _, b := range metadata.Brokers {
			if b.NodeID == int32(c.brokers[i].node) {
				return nil
			}
		}
		return errors.New("it is not in the metadata")
	})
}

// AwaitSync returns when every broker says that every partition has all its replicas in sync. All are asked, because one that
// was frozen or has just started tells what it knew last.
func (c *Cluster) AwaitSync(t testing.TB, ctx context.Context) {
	t.Helper()
	for _, b := range c.brokers {
		c.await(t, ctx, fmt.Sprintf("all replicas to be in sync, as broker %d sees it", b.node), func() error {
			metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.client.Broker(b.node))
			if err != nil {
				return err
			}
			for _, topic := range metadata.Topics {
				for _, p := range topic.Partitions {
					if len(p.ISR) < len(c.brokers) || p.Leader < 0 {
						return fmt.Errorf("%s partition %d: %d of %d", *topic.Topic, p.Partition, len(p.ISR), len(c.brokers))
					}
				}
			}
			return nil
		})
	}
}

// Leader is the broker (from 0) that leads a partition.
func (c *Cluster) Leader(t testing.TB, ctx context.Context, topic string, partition int32) int {
	t.Helper()
	leader := -1
	c.await(t, ctx, "a leader of "+topic, func() error {
		named := kmsg.NewMetadataRequestTopic()
		named.Topic = kmsg.StringPtr(topic)
		request := kmsg.NewPtrMetadataRequest() // the admin client's answers are up to five seconds old
		request.Topics = append(request.Topics, named)
		metadata, err := request.RequestWith(ctx, c.client)
		if err == nil {
			err = kerr.ErrorForCode(metadata.Topics[0].ErrorCode)
		}
		if err != nil {
			return err
		}
		for _, p := range metadata.Topics[0].Partitions {
			if p.Partition == partition {
				leader = int(p.Leader) - 1
			}
		}
		if leader < 0 {
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
