package embedded

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// minSessionTimeout lets a test's group notice a dead member in a fraction of a second; Kafka's own
// floor of six seconds would make every takeover test that slow.
const minSessionTimeout = 50 * time.Millisecond

// compactionInterval is longer than any run. The embedded broker's compaction ignores open
// transactions, so it must not run by itself; Cluster().Compact() runs it on demand.
const compactionInterval = 365 * 24 * time.Hour

// ErrOptions is wrapped by the error of StartKafka or StartRegistry for options that contradict
// themselves. Starting again with the same options gives the same error.
var ErrOptions = errors.New("embedded: invalid options")

// KafkaOptions says how the cluster is set up. The zero value is one broker on a free port that
// keeps its data in memory.
type KafkaOptions struct {
	// Brokers is the number of brokers; 0 means 1.
	Brokers int
	// Host is the address to listen on, under which clients find the brokers; empty means 127.0.0.1.
	Host string
	// Port is the first broker's port, the others follow it; 0 means free ports. A client that is to
	// find a restarted cluster again needs a fixed port.
	Port int
	// Advertised is the port that clients are told to connect to, if there is something in between. It needs a Port, and one
	// broker; 0 means the port itself.
	Advertised int
	// DataDir is the folder that keeps topics, records, groups and transactional ids over a restart.
	// It is created if it is missing. Empty means memory only.
	DataDir string
}

// Kafka is a running cluster.
type Kafka struct {
	cluster *kfake.Cluster
}

// StartKafka starts a cluster and returns when it listens. The caller closes it.
func StartKafka(options KafkaOptions) (*Kafka, error) {
	brokers := options.Brokers
	if brokers == 0 {
		brokers = 1
	}
	if brokers < 0 {
		return nil, fmt.Errorf("%w: %d brokers, need at least 1", ErrOptions, brokers)
	}
	if options.Port < 0 || options.Port > 0 && options.Port+brokers-1 > 65535 {
		return nil, fmt.Errorf("%w: port %d with %d brokers does not fit below 65536", ErrOptions, options.Port, brokers)
	}

	if options.Advertised != 0 && (options.Port == 0 || brokers > 1) {
		return nil, fmt.Errorf("%w: an advertised port needs a port, and a single broker", ErrOptions)
	}

	settings := []kfake.Opt{
		kfake.NumBrokers(brokers),
		kfake.GroupMinSessionTimeout(minSessionTimeout),
		kfake.BrokerConfigs(map[string]string{
			"log.cleaner.backoff.ms": fmt.Sprint(compactionInterval.Milliseconds()),
		}),
	}
	if options.Port > 0 {
		ports := make([]int, brokers)
		for i := range ports {
			ports[i] = options.Port + i
		}
		settings = append(settings, kfake.Ports(ports...))
	}
	if options.Host != "" || options.Advertised > 0 {
		settings = append(settings, kfake.ListenFn(options.listen))
	}
	if options.DataDir != "" {
		settings = append(settings, kfake.DataDir(options.DataDir))
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		return nil, fmt.Errorf("embedded: start kafka: %w", err)
	}
	return &Kafka{cluster: cluster}, nil
}

// listen takes the port of an address on 127.0.0.1, and the host and the advertised port of the options.
func (o KafkaOptions) listen(network, address string) (net.Listener, error) {
	if o.Host != "" {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(o.Host, port)
	}
	l, err := net.Listen(network, address)
	if err != nil || o.Advertised == 0 {
		return l, err
	}
	return advertised{l, &net.TCPAddr{IP: l.Addr().(*net.TCPAddr).IP, Port: o.Advertised}}, nil
}

// advertised listens in one place and says that it listens in another.
type advertised struct {
	net.Listener
	address net.Addr
}

func (a advertised) Addr() net.Addr { return a.address }

// Brokers returns the brokers' addresses as host:port.
func (k *Kafka) Brokers() []string { return k.cluster.ListenAddrs() }

// Cluster gives access to the scripting of faults: failing requests, moving partitions, stopping
// brokers, compacting.
func (k *Kafka) Cluster() *kfake.Cluster { return k.cluster }

// Close stops the cluster in order and writes its state to the data folder, if it has one. A second
// call does nothing.
func (k *Kafka) Close() { k.cluster.Close() }
