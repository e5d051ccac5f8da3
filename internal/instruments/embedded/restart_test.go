package embedded_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

// portOf returns the port of a host:port address.
func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Tests that restart the broker under a running connector need the same address and the same state:
// topics with their settings, records, what was aborted, group offsets, and the transactional id's
// epoch, without which the predecessor would not be fenced.
func TestKafka_KeepsItsStateOverARestart(t *testing.T) {
	dir := t.TempDir()
	kafka := startKafka(t, embedded.KafkaOptions{DataDir: dir})
	address := kafka.Brokers()[0]
	createTopic(t, kafka, "positions", 1, map[string]string{"cleanup.policy": "compact"})
	writer := newClient(t, kafka, kgo.TransactionalID("writer"))
	for _, round := range []struct {
		value string
		how   kgo.TransactionEndTry
	}{{"aborted", kgo.TryAbort}, {"committed", kgo.TryCommit}} {
		begin(t, writer)
		mustProduce(t, writer, "positions", "user", round.value)
		end(t, writer, round.how, "positions")
	}
	committed := make(kadm.Offsets)
	committed.AddOffset("positions", 0, 3, -1)
	if err := kadm.NewClient(writer).CommitAllOffsets(testContext(t), "workers", committed); err != nil {
		t.Fatal(err)
	}
	kafka.Close()

	kafka = startKafka(t, embedded.KafkaOptions{DataDir: dir, Port: portOf(t, address)})
	expect(t, "address", kafka.Brokers()[0], address)
	expect(t, "records", text(consume(t, kafka, "positions", 3, kgo.ReadCommitted())),
		[]string{"1 control", "2 user=committed", "3 control"})
	admin := kadm.NewClient(newClient(t, kafka))
	described, err := admin.DescribeTopicConfigs(testContext(t), "positions")
	if err != nil {
		t.Fatal(err)
	}
	resource, err := described.On("positions", nil)
	expect(t, "cleanup.policy", setting(t, resource, err, "cleanup.policy").MaybeValue(), "compact")
	offsets, err := admin.FetchOffsets(testContext(t), "workers")
	if err != nil {
		t.Fatal(err)
	}
	at, _ := offsets.Lookup("positions", 0)
	expect(t, "group offset", at.At, 3)

	successor := newClient(t, kafka, kgo.TransactionalID("writer"))
	if _, _, err = successor.ProducerID(testContext(t)); err != nil {
		t.Fatal(err)
	}
	begin(t, writer)
	err = produce(t, writer, &kgo.Record{Topic: "positions", Key: []byte("user"), Value: []byte("late")})
	if err == nil {
		err = writer.EndTransaction(testContext(t), kgo.TryCommit)
	}
	expectFenced(t, err)
}
