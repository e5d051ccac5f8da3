package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

// patience bounds what a test waits for; nothing here takes nearly as long.
const patience = 20 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func startKafka(t *testing.T, options embedded.KafkaOptions) *embedded.Kafka {
	t.Helper()
	kafka, err := embedded.StartKafka(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	return kafka
}

func newClient(t *testing.T, kafka *embedded.Kafka, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(kafka.Brokers()...)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// createTopic makes a topic the way the connector does: by an admin request, with its settings.
func createTopic(t *testing.T, kafka *embedded.Kafka, topic string, partitions int32, settings map[string]string) {
	t.Helper()
	values := make(map[string]*string, len(settings))
	for name, value := range settings {
		values[name] = &value
	}
	response, err := kadm.NewClient(newClient(t, kafka)).CreateTopic(testContext(t), partitions, -1, values, topic)
	if err = errors.Join(err, response.Err); err != nil {
		t.Fatal(err)
	}
}

// produce writes one record outside a transaction, or inside the client's open one.
func produce(t *testing.T, client *kgo.Client, record *kgo.Record) error {
	t.Helper()
	return client.ProduceSync(testContext(t), record).FirstErr()
}

func mustProduce(t *testing.T, client *kgo.Client, topic, key, value string) {
	t.Helper()
	if err := produce(t, client, &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}); err != nil {
		t.Fatal(err)
	}
}

// consume reads a topic's only partition from the start and returns the first count records; control
// records are among them, so that a reader can tell how far it came.
func consume(t *testing.T, kafka *embedded.Kafka, topic string, count int, isolation kgo.IsolationLevel) []*kgo.Record {
	t.Helper()
	client := newClient(t, kafka,
		kgo.FetchIsolationLevel(isolation),
		kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
	)
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(testContext(t))
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records of %s: %v", len(records), count, topic, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func text(records []*kgo.Record) []string {
	var lines []string
	for _, record := range records {
		if record.Attrs.IsControl() {
			lines = append(lines, fmt.Sprintf("%d control", record.Offset))
			continue
		}
		lines = append(lines, fmt.Sprintf("%d %s=%s", record.Offset, record.Key, record.Value))
	}
	return lines
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// listed returns the offset of partition 0 of the topic "records".
func listed(t *testing.T, offsets kadm.ListedOffsets, err error) kadm.ListedOffset {
	t.Helper()
	const topic = "records"
	if err = errors.Join(err, offsets.Error()); err != nil {
		t.Fatal(err)
	}
	offset, ok := offsets.Lookup(topic, 0)
	if !ok {
		t.Fatalf("no offset listed for %s", topic)
	}
	return offset
}

func TestStartKafka_RefusesContradictingOptions(t *testing.T) {
	for _, options := range []embedded.KafkaOptions{
		{Brokers: -1},
		{Port: -1},
		{Port: 65535, Brokers: 2},
		{Port: 70000},
	} {
		kafka, err := embedded.StartKafka(options)
		if !errors.Is(err, embedded.ErrOptions) {
			t.Errorf("%+v: got %v, want ErrOptions", options, err)
		}
		if kafka != nil {
			kafka.Close()
		}
	}
}

func TestStartKafka_SaysThatThePortIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{Port: listener.Addr().(*net.TCPAddr).Port})
	if err == nil {
		kafka.Close()
		t.Fatal("started on a port that is taken")
	}
	if errors.Is(err, embedded.ErrOptions) {
		t.Errorf("a taken port is not a contradiction in the options: %v", err)
	}
}

// A demo on one broker and a test on three differ only in this.
func TestStartKafka_StartsTheBrokersAskedFor(t *testing.T) {
	for _, want := range []int{0, 3} {
		kafka := startKafka(t, embedded.KafkaOptions{Brokers: want})
		metadata, err := kadm.NewClient(newClient(t, kafka)).BrokerMetadata(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "brokers", len(metadata.Brokers), max(want, 1))
		expect(t, "addresses", len(kafka.Brokers()), max(want, 1))
	}
}

// The tests of the writer's recovery fail requests on purpose.
func TestCluster_ScriptsFaults(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	client := newClient(t, kafka)
	fault := kafka.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce},
		Err:  kerr.TopicAuthorizationFailed,
	})
	err := produce(t, client, &kgo.Record{Topic: "records", Value: []byte("a")})
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("got %v, want the scripted error", err)
	}
	expect(t, "requests that failed", fault.Hits(), 1)
	mustProduce(t, client, "records", "", "b")
}

// Who is on another machine, or in another network namespace, finds the brokers where they say that they are.
func TestHost_IsWhereTheyListenAndWhatTheyTellClients(t *testing.T) {
	const host = "127.0.0.2"
	if l, err := net.Listen("tcp", host+":0"); err != nil {
		t.Skipf("this machine has one loopback address only: %v", err)
	} else {
		_ = l.Close()
	}
	kafka := startKafka(t, embedded.KafkaOptions{Brokers: 2, Host: host})
	createTopic(t, kafka, "t", 4, nil)
	client := newClient(t, kafka)
	brokers, err := kadm.NewClient(client).ListBrokers(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, broker := range brokers {
		expect(t, "host of a broker", broker.Host, host)
	}
	expect(t, "brokers", len(brokers), 2)
	for range 8 {
		mustProduce(t, client, "t", "", "value") // to all partitions, so to both brokers
	}
	registry := startRegistry(t, embedded.RegistryOptions{Host: host})
	if want := "http://" + host + ":"; !strings.HasPrefix(registry.URL(), want) {
		t.Errorf("the registry is at %s, want %s…", registry.URL(), want)
	}
	schemas, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schemas.CreateSchema(testContext(t), "t-value", sr.Schema{Schema: `"string"`}); err != nil {
		t.Error(err)
	}
}
