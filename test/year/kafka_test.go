package year

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// kafka is a cluster of one broker inside a bubble of virtual time, with a network that can be cut.
type kafka struct {
	cluster *kfake.Cluster
	network kfake.VirtualNetwork

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

func startKafka(t *testing.T) *kafka {
	t.Helper()
	k := &kafka{open: make(map[net.Conn]bool)}
	var err error
	if k.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(k.network.Listen)); err != nil {
		t.Fatal(err)
	}
	k.createOffsets(t)
	return k
}

// createOffsets creates the topic of positions. kfake applies retention to compacted topics too, which a
// broker does only with the policy delete.
func (k *kafka) createOffsets(t *testing.T) {
	t.Helper()
	cl, err := kgo.NewClient(k.options(false)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	compact, forever := "compact", "-1"
	created, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, -1, map[string]*string{"cleanup.policy": &compact, "retention.ms": &forever}, "teams.offsets")
	if err == nil {
		err = created.Err
	}
	if err != nil {
		t.Fatal(err)
	}
}

// options reach the cluster; cuttable connections suffer from an outage.
func (k *kafka) options(cuttable bool) []kgo.Opt {
	// Without zstd: its decoders close a channel of the bubble when they are collected, from outside of it.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 6)
	dial := k.network.DialContext
	if cuttable {
		dial = k.dial
	}
	return []kgo.Opt{kgo.SeedBrokers(k.cluster.ListenAddrs()...), kgo.Dialer(dial), kgo.MaxVersions(versions), kgo.DisableClientMetrics()}
}

func (k *kafka) dial(ctx context.Context, network, address string) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut {
		return nil, errors.New("the network is cut")
	}
	conn, err := k.network.DialContext(ctx, network, address)
	if err == nil {
		k.open[conn] = true
	}
	return conn, err
}

// outage cuts the network, or restores it.
func (k *kafka) outage(begin bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = begin
	if begin {
		for conn := range k.open {
			_ = conn.Close()
		}
		clear(k.open)
	}
}
