package kafka

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/test/process"
)

// Options say what cluster to start. The zero value is one broker.
type Options struct {
	// Brokers is 1 or 3; 0 is 1. Of three, every topic is replicated to all and two must be in sync.
	Brokers int
	// Listeners come on top of the plaintext one that every broker has.
	Listeners []Listener
	// Properties are added to each broker's server.properties.
	Properties map[string]string
	// JVM are further options of the broker's virtual machine.
	JVM []string
	// ScramUsers are users by name, with their password, who can sign in with SCRAM-SHA-256 and SCRAM-SHA-512.
	ScramUsers map[string]string
}

// Listener is a further way into the brokers.
type Listener struct {
	// Name is in capital letters; Protocol is SSL, SASL_PLAINTEXT or SASL_SSL.
	Name, Protocol string
	// Advertised is the address that a broker gives its clients, where that is not its own; for one broker.
	Advertised string
	// Properties are its own, without the prefix listener.name.….
	Properties map[string]string
}

// plain is the listener that tests and brokers use among themselves: plaintext and, where there are
// ACLs, with every right.
const plain = "BROKER"

const controller = "CONTROLLER"

// Cluster is a running Apache Kafka.
type Cluster struct {
	t         testing.TB // whose end is the cluster's
	classpath string
	dir       string
	id        string
	options   Options
	brokers   []*broker
	admin     *kadm.Client
	client    *kgo.Client
}

// startTime is how long a cluster may take until it answers.
const startTime = 2 * time.Minute

// Start starts a cluster that ends with the test, and returns when all its brokers answer.
func Start(t testing.TB, options Options) *Cluster {
	t.Helper()
	if options.Brokers == 0 {
		options.Brokers = 1
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // no "-" in front, which the tools would take for an option
	c := &Cluster{t: t, classpath: Classpath(t), dir: t.TempDir(), options: options,
		id: base64.RawURLEncoding.EncodeToString(id[:])}
	for i := range options.Brokers {
		b := &broker{node: i + 1, dir: filepath.Join(c.dir, fmt.Sprintf("broker-%d", i+1)), ports: make(map[string]int)}
		for _, name := range c.listenerNames() {
			b.ports[name] = process.FreePort(t)
		}
		c.brokers = append(c.brokers, b)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	for _, b := range c.brokers {
		c.format(t, ctx, b)
		c.launch(b)
	}
	// A broker that is frozen must not hold the others' answers up for long.
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.RequestTimeoutOverhead(3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	c.client, c.admin = cl, kadm.NewClient(cl)
	for i := range c.brokers {
		c.awaitBroker(t, ctx, i)
	}
	return c
}

// Brokers are the addresses of the plaintext listener.
func (c *Cluster) Brokers() []string { return c.Listener(plain) }

// Listener returns the brokers' addresses for a listener.
func (c *Cluster) Listener(name string) []string {
	var addresses []string
	for _, b := range c.brokers {
		addresses = append(addresses, b.address(name))
	}
	return addresses
}

// Admin is a client with every right.
func (c *Cluster) Admin() *kadm.Client { return c.admin }

// Size is the number of brokers.
func (c *Cluster) Size() int { return len(c.brokers) }

func (c *Cluster) listenerNames() []string {
	names := []string{plain, controller}
	for _, l := range c.options.Listeners {
		names = append(names, l.Name)
	}
	return names
}

// properties are a broker's server.properties.
func (c *Cluster) properties(b *broker) map[string]string {
	var voters, listeners []string
	for _, other := range c.brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", other.node, other.address(controller)))
	}
	protocols := []string{plain + ":PLAINTEXT", controller + ":PLAINTEXT"}
	advertised := []string{plain + "://" + b.address(plain)}
	for _, l := range c.options.Listeners {
		protocols = append(protocols, l.Name+":"+l.Protocol)
		advertised = append(advertised, l.Name+"://"+cmp.Or(l.Advertised, b.address(l.Name)))
	}
	for _, name := range c.listenerNames() {
		listeners = append(listeners, name+"://"+b.address(name))
	}
	replicas, inSync := "1", "1"
	if len(c.brokers) > 1 {
		replicas, inSync = "3", "2"
	}
	p := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          fmt.Sprint(b.node),
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"listeners":                                        strings.Join(listeners, ","),
		"advertised.listeners":                             strings.Join(advertised, ","),
		"listener.security.protocol.map":                   strings.Join(protocols, ","),
		"controller.listener.names":                        controller,
		"inter.broker.listener.name":                       plain,
		"log.dirs":                                         filepath.Join(b.dir, "data"),
		"default.replication.factor":                       replicas,
		"min.insync.replicas":                              inSync,
		"offsets.topic.replication.factor":                 replicas,
		"offsets.topic.num.partitions":                     "3",
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"transaction.state.log.num.partitions":             "3",
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            inSync,
		"auto.create.topics.enable":                        "false",
		"group.initial.rebalance.delay.ms":                 "0",
		// What takes ten seconds in production takes two here.
		"group.min.session.timeout.ms":                                "1000",
		"broker.session.timeout.ms":                                   "4000",
		"broker.heartbeat.interval.ms":                                "500",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
		"log.cleaner.dedupe.buffer.size":                              "16777216",
	}
	for _, l := range c.options.Listeners {
		for name, value := range l.Properties {
			p["listener.name."+strings.ToLower(l.Name)+"."+name] = value
		}
	}
	maps.Copy(p, c.options.Properties)
	return p
}

// format prepares a broker's storage with Kafka's own tool.
func (c *Cluster) format(t testing.TB, ctx context.Context, b *broker) {
	t.Helper()
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	p := c.properties(b)
	for _, name := range slices.Sorted(maps.Keys(p)) {
		// The format of java.util.Properties, in which a backslash escapes.
		fmt.Fprintf(&text, "%s=%s\n", name, strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(p[name]))
	}
	if err := os.WriteFile(b.config(), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"format", "-t", c.id, "-c", b.config()}
	for user, password := range c.options.ScramUsers {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, password))
		}
	}
	if out, err := c.Tool(ctx, "kafka.tools.StorageTool", args...); err != nil {
		t.Fatalf("format storage: %v\n%s", err, out)
	}
}
