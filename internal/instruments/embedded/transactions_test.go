package embedded_test

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/base/txn"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

func begin(t *testing.T, client *kgo.Client) {
	t.Helper()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
}

// end flushes first, because the broker refuses to end a transaction with records on their way.
func end(t *testing.T, client *kgo.Client, how kgo.TransactionEndTry, topics ...string) {
	t.Helper()
	if err := client.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	var err error
	if how == kgo.TryCommit {
		err = txn.Commit(testContext(t), client, topics...)
	} else {
		err = client.EndTransaction(testContext(t), how)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expectFenced accepts every code by which a broker may refuse a fenced producer. INVALID_TXN_STATE is
// among them: with the current protocol a broker takes a commit that is one epoch behind for a repeated
// request, and says that it does not fit the abort that the successor caused.
func expectFenced(t *testing.T, err error) {
	t.Helper()
	for _, code := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState} {
		if errors.Is(err, code) {
			return
		}
	}
	t.Errorf("the predecessor: got %v, want that it is fenced", err)
}

// The writer puts records, dead letters and positions into one transaction (invariants 1 and 2): all
// become visible together, or none does.
func TestTransaction_SpansTopics(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	topics := []string{"records", "letters", "positions"}
	for _, topic := range topics {
		createTopic(t, kafka, topic, 1, nil)
	}
	client := newClient(t, kafka, kgo.TransactionalID("writer"))
	for round, how := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		begin(t, client)
		for _, topic := range topics {
			mustProduce(t, client, topic, "key", []string{"aborted", "committed"}[round])
		}
		end(t, client, how, topics...)
	}
	for _, topic := range topics {
		expect(t, topic+" read_committed", text(consume(t, kafka, topic, 3, kgo.ReadCommitted())),
			[]string{"1 control", "2 key=committed", "3 control"})
		expect(t, topic+" read_uncommitted", text(consume(t, kafka, topic, 4, kgo.ReadUncommitted())),
			[]string{"0 key=aborted", "1 control", "2 key=committed", "3 control"})
	}
}

// The index's rebuild and the judge read up to the high watermark. The last offset below it is a
// control record, also when the transaction before it was aborted, so a reader that never sees
// control records never knows that it has arrived.
func TestTransaction_EndsWithAControlRecordBelowTheHighWatermark(t *testing.T) {
	for name, how := range map[string]kgo.TransactionEndTry{"commit": kgo.TryCommit, "abort": kgo.TryAbort} {
		t.Run(name, func(t *testing.T) {
			kafka := startKafka(t, embedded.KafkaOptions{})
			createTopic(t, kafka, "records", 1, nil)
			client := newClient(t, kafka, kgo.TransactionalID("writer"))
			begin(t, client)
			mustProduce(t, client, "records", "key", "value")
			end(t, client, how, "records")

			ends, err := kadm.NewClient(client).ListEndOffsets(testContext(t), "records")
			expect(t, "high watermark", listed(t, ends, err).Offset, 2)
			count := 2
			if how == kgo.TryAbort {
				count = 1
			}
			records := consume(t, kafka, "records", count, kgo.ReadCommitted())
			last := records[len(records)-1]
			expect(t, "last offset read", last.Offset, 1)
			expect(t, "last record is control", last.Attrs.IsControl(), true)
		})
	}
}

// The rebuild takes its bounds read-uncommitted and waits while an open transaction holds the last
// stable offset back; both offsets must be told apart.
func TestTransaction_HoldsTheLastStableOffsetBack(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	client := newClient(t, kafka, kgo.TransactionalID("writer"))
	begin(t, client)
	mustProduce(t, client, "records", "key", "open")

	admin := kadm.NewClient(newClient(t, kafka))
	committed, err := admin.ListCommittedOffsets(testContext(t), "records")
	expect(t, "last stable offset", listed(t, committed, err).Offset, 0)
	ends, err := admin.ListEndOffsets(testContext(t), "records")
	expect(t, "high watermark", listed(t, ends, err).Offset, 1)

	end(t, client, kgo.TryCommit, "records")
	committed, err = admin.ListCommittedOffsets(testContext(t), "records")
	expect(t, "last stable offset after the commit", listed(t, committed, err).Offset, 2)
}

// Invariant 4: a successor that takes the transactional id aborts what its predecessor left open, and
// the predecessor can commit nothing any more.
func TestTransaction_FencesThePredecessor(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	old := newClient(t, kafka, kgo.TransactionalID("writer"))
	begin(t, old)
	mustProduce(t, old, "records", "key", "old")

	successor := newClient(t, kafka, kgo.TransactionalID("writer"))
	if _, _, err := successor.ProducerID(testContext(t)); err != nil {
		t.Fatal(err)
	}
	err := old.EndTransaction(testContext(t), kgo.TryCommit)
	expectFenced(t, err)
	begin(t, successor)
	mustProduce(t, successor, "records", "key", "new")
	end(t, successor, kgo.TryCommit, "records")
	expect(t, "read_committed", text(consume(t, kafka, "records", 3, kgo.ReadCommitted())),
		[]string{"1 control", "2 key=new", "3 control"})
}

// A takeover waits at most for the transaction timeout of a process that died; then the broker ends
// the transaction by itself.
func TestTransaction_TimesOut(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	dead := newClient(t, kafka, kgo.TransactionalID("dead"), kgo.TransactionTimeout(200*time.Millisecond))
	begin(t, dead)
	mustProduce(t, dead, "records", "key", "never committed")
	expect(t, "read_committed", text(consume(t, kafka, "records", 1, kgo.ReadCommitted())), []string{"1 control"})
}

// The writer's recovery is tested by failing a commit: it must learn of it, and none of the
// transaction's records may count until the successor has aborted them.
func TestTransaction_CommitCanBeFailedOnPurpose(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "records", 1, nil)
	client := newClient(t, kafka, kgo.TransactionalID("writer"))
	begin(t, client)
	mustProduce(t, client, "records", "key", "lost")
	kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.TransactionalIDAuthorizationFailed})
	err := client.EndTransaction(testContext(t), kgo.TryCommit)
	if !errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		t.Fatalf("got %v, want the scripted error", err)
	}
	successor := newClient(t, kafka, kgo.TransactionalID("writer"))
	begin(t, successor)
	mustProduce(t, successor, "records", "key", "again")
	end(t, successor, kgo.TryCommit, "records")
	expect(t, "read_committed", text(consume(t, kafka, "records", 3, kgo.ReadCommitted())),
		[]string{"1 control", "2 key=again", "3 control"})
}
