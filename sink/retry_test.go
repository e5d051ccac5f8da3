package sink

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// virtualKafka starts a Kafka of one broker inside a synctest bubble.
func virtualKafka(t *testing.T) (*kfake.Cluster, []kgo.Opt, *kadm.Client) {
	t.Helper()
	var network kfake.VirtualNetwork
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(network.Listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	opts := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.Dialer(network.DialContext)}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cluster, opts, kadm.NewClient(cl)
}

// Kafka 4 answers CONCURRENT_TRANSACTIONS to records that come before the markers of the last transaction are written, which takes
// it milliseconds, and a leader that has moved answers NOT_LEADER_OR_FOLLOWER. Neither may hold a commit up for seconds. In
// virtual time, so that nothing but waiting counts.
func TestWriter_SendsAgainAtOnceWhatABrokerPutsOff(t *testing.T) {
	for _, answer := range []*kerr.Error{kerr.ConcurrentTransactions, kerr.NotLeaderForPartition} {
		t.Run(answer.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, opts, adm := virtualKafka(t)
				limits, err := EnsureTopics(t.Context(), adm, topics)
				if err != nil {
					t.Fatal(err)
				}
				w := openWriter(t, opts, limits)
				commit := func(version int64) {
					t.Helper()
					if err := w.Write(t.Context(), record(identity("c", "m", version, "1"))); err != nil {
						t.Fatal(err)
					}
					if err := w.Commit(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				commit(1)

				putOff := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: answer})
				began := time.Now()
				commit(2)
				if putOff.Hits() != 1 {
					t.Fatalf("%d requests were put off, want 1", putOff.Hits())
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("the commit took %v", took)
				}
			})
		})
	}
}
