package embedded_test

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

// setting looks one setting up in a resource's description.
func setting(t *testing.T, resource kadm.ResourceConfig, err error, name string) *kadm.Config {
	t.Helper()
	if err = errors.Join(err, resource.Err); err != nil {
		t.Fatal(err)
	}
	for i := range resource.Configs {
		if resource.Configs[i].Key == name {
			return &resource.Configs[i]
		}
	}
	t.Fatalf("%s has no setting %s", resource.Name, name)
	return nil
}

// The start-up checks create topics with their settings, read the settings back, and refuse a topic
// whose own settings break the rules; the default of a setting must be told from one that was set.
func TestTopic_KeepsItsSettings(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "plain", 1, nil)
	set := map[string]string{
		"cleanup.policy":    "compact",
		"retention.ms":      "1814400000",
		"max.message.bytes": strconv.Itoa(16 << 20),
	}
	createTopic(t, kafka, "positions", 3, set)

	admin := kadm.NewClient(newClient(t, kafka))
	described, err := admin.DescribeTopicConfigs(testContext(t), "positions", "plain")
	if err != nil {
		t.Fatal(err)
	}
	positions, err := described.On("positions", nil)
	for name, want := range set {
		got := setting(t, positions, err, name)
		expect(t, name, got.MaybeValue(), want)
		expect(t, name+" source", got.Source, kmsg.ConfigSourceDynamicTopicConfig)
	}
	plain, err := described.On("plain", nil)
	policy := setting(t, plain, err, "cleanup.policy")
	expect(t, "default cleanup.policy", policy.MaybeValue(), "delete")
	expect(t, "default cleanup.policy source", policy.Source, kmsg.ConfigSourceDefaultConfig)

	details, err := admin.ListTopics(testContext(t), "positions")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "partitions", len(details["positions"].Partitions), 3)
}

// A second worker that creates the same topic at the same time must find that out by the code.
func TestTopic_ExistsAlready(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	response, err := kadm.NewClient(newClient(t, kafka)).CreateTopic(testContext(t), 1, -1, nil, "records")
	if err = errors.Join(err, response.Err); !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Errorf("got %v, want TOPIC_ALREADY_EXISTS", err)
	}
}

// Producing must not create a topic behind the start-up checks' back.
func TestTopic_IsNotCreatedByProducing(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	client := newClient(t, kafka, kgo.UnknownTopicRetries(1))
	err := produce(t, client, &kgo.Record{Topic: "nowhere", Value: []byte("a")})
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %v, want UNKNOWN_TOPIC_OR_PARTITION", err)
	}
}

// The dead-letter topic takes letters of up to 16 MiB; a topic without that setting refuses them with
// the code by which the writer tells an item that does not fit.
func TestTopic_MessageLimit(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "letters", 1, map[string]string{"max.message.bytes": strconv.Itoa(16 << 20)})
	createTopic(t, kafka, "records", 1, nil)
	client := newClient(t, kafka, kgo.ProducerBatchMaxBytes(16<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))

	letter := bytes.Repeat([]byte("x"), 15<<20)
	if err := produce(t, client, &kgo.Record{Topic: "letters", Value: letter}); err != nil {
		t.Fatalf("15 MiB into a topic that takes 16: %v", err)
	}
	got := consume(t, kafka, "letters", 1, kgo.ReadCommitted())
	expect(t, "read back whole", bytes.Equal(got[0].Value, letter), true)

	err := produce(t, client, &kgo.Record{Topic: "records", Value: letter})
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("15 MiB into a topic with the default limit: got %v, want MESSAGE_TOO_LARGE", err)
	}
}

// The rebuild starts reading at the offset for a time. Records carry event time, so their times are
// in no order; the answer is the first offset that is at or after the time, and the end where there
// is none.
func TestTopic_ListsOffsetsByTime(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	client := newClient(t, kafka)
	for _, millis := range []int64{1000, 5000, 2000, 9000} {
		record := &kgo.Record{Topic: "records", Timestamp: time.UnixMilli(millis), Value: []byte("v")}
		if err := produce(t, client, record); err != nil {
			t.Fatal(err)
		}
	}
	admin := kadm.NewClient(client)
	for _, c := range []struct{ millis, offset int64 }{
		{0, 0}, {1000, 0}, {1001, 1}, {5000, 1}, {5001, 3}, {9000, 3}, {9001, 4},
	} {
		offsets, err := admin.ListOffsetsAfterMilli(testContext(t), c.millis, "records")
		if got := listed(t, offsets, err).Offset; got != c.offset {
			t.Errorf("offset for time %d: got %d, want %d", c.millis, got, c.offset)
		}
	}
	got := consume(t, kafka, "records", 4, kgo.ReadCommitted())
	expect(t, "event time of the second record", got[1].Timestamp.UnixMilli(), 5000)
}

// The judge needs every position ever written, and tests keep records with event times that are older
// than the retention: nothing may be cleaned up while a test runs, only when asked for.
func TestTopic_IsNotCleanedByItself(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "positions", 1, map[string]string{"cleanup.policy": "compact"})
	client := newClient(t, kafka)
	brokers, err := kadm.NewClient(client).DescribeBrokerConfigs(testContext(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	broker, err := brokers.On("0", nil)
	pause, err := strconv.ParseInt(setting(t, broker, err, "log.cleaner.backoff.ms").MaybeValue(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if pause < (24 * time.Hour).Milliseconds() {
		t.Errorf("the cleaner runs every %d ms, which a test can live to see", pause)
	}

	createTopic(t, kafka, "records", 1, map[string]string{"retention.ms": "1000"})
	for _, value := range []string{"old", "older"} {
		record := &kgo.Record{Topic: "records", Value: []byte(value), Timestamp: time.UnixMilli(0)}
		if err := produce(t, client, record); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "beyond retention", text(consume(t, kafka, "records", 2, kgo.ReadCommitted())), []string{"0 =old", "1 =older"})
	kafka.Cluster().ApplyRetention()
	starts, err := kadm.NewClient(client).ListStartOffsets(testContext(t), "records")
	if listed(t, starts, err).Offset == 0 {
		t.Error("retention on demand removed nothing")
	}

	for _, value := range []string{"1", "2", "3"} {
		mustProduce(t, client, "positions", "user", value)
	}
	expect(t, "before compaction", text(consume(t, kafka, "positions", 3, kgo.ReadCommitted())),
		[]string{"0 user=1", "1 user=2", "2 user=3"})
	kafka.Cluster().Compact()
	got := consume(t, kafka, "positions", 1, kgo.ReadCommitted())
	expect(t, "last after compaction", text(got[len(got)-1:]), []string{"2 user=3"})
	if len(got) == 3 {
		t.Error("compaction on demand removed nothing")
	}
}
