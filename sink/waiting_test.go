package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The client library retries these errors for as long as it may. What the broker said must come out
// all the same, together with what the cluster's metadata tells.
func TestWriter_ACommitThatIsRetriedInVainNamesTheBrokersReason(t *testing.T) {
	for name, c := range map[string]struct {
		key    kmsg.Key
		answer *kerr.Error
		says   []string
	}{
		"too few replicas": {kmsg.Produce, kerr.NotEnoughReplicas,
			[]string{"flush", "after 16s", "last broker answer NOT_ENOUGH_REPLICAS", "of out)", "partition 0 of out has 1 of 2 in-sync replicas"}},
		"a full disk":             {kmsg.Produce, kerr.KafkaStorageError, []string{"flush", "last broker answer KAFKA_STORAGE_ERROR"}},
		"a coordinator that goes": {kmsg.EndTxn, kerr.CoordinatorNotAvailable, []string{"commit", "COORDINATOR_NOT_AVAILABLE"}},
		"a coordinator that is busy": {kmsg.EndTxn, kerr.ConcurrentTransactions,
			[]string{"commit: CONCURRENT_TRANSACTIONS"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, opts, adm := virtualKafka(t)
				limits, err := EnsureTopics(t.Context(), adm, topics)
				if err != nil {
					t.Fatal(err)
				}
				alterTopic(t, adm, "out", "min.insync.replicas", "2")
				w := openWriter(t, opts, limits)
				if err := w.Write(t.Context(), record(identity("c", "1", time.Now().UnixMilli(), "1"))); err != nil {
					t.Fatal(err)
				}
				cluster.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.answer, Count: -1})
				ctx, cancel := context.WithTimeout(t.Context(), 16*time.Second)
				defer cancel()
				err = w.Commit(ctx)
				if err == nil {
					t.Fatal("the commit succeeded")
				}
				for _, says := range c.says {
					if !strings.Contains(err.Error(), says) {
						t.Errorf("the error does not say %q:\n%v", says, err)
					}
				}
			})
		})
	}
}

// alterTopic sets one configuration entry of a topic.
func alterTopic(t *testing.T, adm *kadm.Client, topic, key, value string) {
	t.Helper()
	set, err := adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: key, Value: &value}}, topic)
	if err == nil {
		_, err = set.On(topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A transaction of the same transactional ID that the coordinator cannot end makes it answer
// CONCURRENT_TRANSACTIONS for ever.
func TestOpenWriter_DoesNotWaitForeverForTheCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, opts, adm := virtualKafka(t)
		if _, err := EnsureTopics(t.Context(), adm, topics); err != nil {
			t.Fatal(err)
		}
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ConcurrentTransactions, Count: -1})
		waiting := NewWaiting()
		seen := make(chan Wait)
		go func() {
			time.Sleep(4 * time.Second)
			wait, _ := waiting.Longest()
			seen <- wait
		}()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		opened := make(chan error, 1)
		go func() {
			_, err := OpenWriter(ctx, WriterConfig{Client: opts, Topics: topics, TransactionalID: TransactionalID("out", "tenant"),
				TransactionTimeout: time.Minute, Waiting: waiting})
			opened <- err
		}()
		if wait := <-seen; !strings.Contains(wait.Doing, "fence the other writers of transactional ID teams-kafka-connector/out/tenant") ||
			!strings.Contains(wait.Answer, "CONCURRENT_TRANSACTIONS to InitProducerID") {
			t.Errorf("after 4 s it waits for %+v", wait)
		}
		err := <-opened
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), "CONCURRENT_TRANSACTIONS to InitProducerID: the coordinator is still ending another transaction") {
			t.Errorf("the error is %v", err)
		}
		if wait, ok := waiting.Longest(); ok {
			t.Errorf("it still waits for %+v", wait)
		}
	})
}

// A Kafka that takes nothing fills the client. Neither Write nor the commit may then wait for room,
// because both hold the session's lock.
func TestWriter_NeverBlocksHoweverMuchIsBuffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, opts, adm := virtualKafka(t)
		limits, err := EnsureTopics(t.Context(), adm, topics)
		if err != nil {
			t.Fatal(err)
		}
		w := openWriter(t, opts, limits)
		taken := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		began := time.Now()
		for n := range mostBuffered + 1000 {
			if err := w.Write(t.Context(), record(identity("c", fmt.Sprint(n), began.UnixMilli(), "1"))); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("writing waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := w.Room(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("there is room for more: %v", err)
		}
		if wait, ok := w.cfg.Waiting.Longest(); !ok || time.Since(wait.Since) < 5*time.Second || !strings.Contains(wait.Answer, "NOT_ENOUGH_REPLICAS") {
			t.Errorf("after 5 s it waits for %+v", wait)
		}
		taken.Remove()
		if err := w.Room(t.Context()); err != nil {
			t.Error(err)
		}
		if err := w.Commit(t.Context()); err != nil {
			t.Error(err)
		}
		if wait, ok := w.cfg.Waiting.Longest(); ok {
			t.Errorf("all is acknowledged, and it waits for %+v", wait)
		}
	})
}

func TestWaiting_KeepsTheErrorsOfTheLibrarysLog(t *testing.T) {
	long := strings.Repeat("x", 600)
	for name, c := range map[string]struct {
		message string
		keyvals []any
		want    string
	}{
		"a batch that is retried": {"produced", []any{"broker", "1", "to", "out[2{0=>3}, 7{retrying@-1,1(NOT_LEADER_FOR_PARTITION: it moved (twice))}], pos[0{5=>6}]"},
			"NOT_LEADER_FOR_PARTITION: it moved (twice) (partition 7 of out)"},
		"the second topic":      {"produced", []any{"to", "out[2{0=>3}], pos[0{retrying@-1,1(X: y)}]"}, "X: y (partition 0 of pos)"},
		"nothing that is tried": {"produced", []any{"to", "out[2{0=>3}]"}, ""},
		"another account":       {"produced", []any{"to", "out{retrying@-1,1(X)}"}, "X"},
		"no text":               {"produced", []any{"to", 7}, ""},
		"a request":             {"retrying request", []any{"request", "EndTxn", "request_error", nil, "response_error", errors.New("NOPE: no\nway")}, "NOPE: no way to EndTxn"},
		"a partition":           {"load error", []any{"topic", "out", "partition", int32(3), "err", errors.New("GONE")}, "GONE (partition 3 of out)"},
		"an end":                {"x", []any{"err", context.Canceled}, ""},
		"no error":              {"x", []any{"err", nil, "odd"}, ""},
		"a long one":            {"x", []any{"err", errors.New(long)}, long[:500] + "…"},
	} {
		if got := answerIn(c.message, c.keyvals); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	var _ kgo.Logger = NewWaiting()
}
