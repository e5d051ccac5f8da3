package worker

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Each kind of trouble that a broker makes, while people write. Whatever it does to the stream, afterwards every version
// is in the topic once (invariants 1 to 3).
func TestStream_SurvivesBrokerTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*testing.T, context.Context, *stage)
		// restarts reports whether the session ends by it: what kgo retries by itself it must not.
		restarts bool
		// mayRestart is for what can end either way: the answer that is lost may be that to an earlier request.
		mayRestart bool
		// givesUpAfter is the transaction timeout, 0 for one that never passes.
		givesUpAfter time.Duration
		typical      bool // run with -short as well
	}{
		"NOT_LEADER_OR_FOLLOWER":                  {trouble: faulted(kerr.NotLeaderForPartition, 6, kmsg.Produce)},
		"a leader that moves":                     {trouble: leadersMove, typical: true},
		"REQUEST_TIMED_OUT after the append":      {trouble: faulted(kerr.RequestTimedOut, 5, kmsg.Produce)},
		"NOT_ENOUGH_REPLICAS":                     {trouble: faulted(kerr.NotEnoughReplicas, 5, kmsg.Produce)},
		"NOT_ENOUGH_REPLICAS_AFTER_APPEND":        {trouble: faulted(kerr.NotEnoughReplicasAfterAppend, 5, kmsg.Produce)},
		"COORDINATOR_LOAD_IN_PROGRESS at EndTxn":  {trouble: faulted(kerr.CoordinatorLoadInProgress, 4, kmsg.EndTxn)},
		"NOT_COORDINATOR at EndTxn":               {trouble: faulted(kerr.NotCoordinator, 3, kmsg.EndTxn)},
		"CONCURRENT_TRANSACTIONS at EndTxn":       {trouble: faulted(kerr.ConcurrentTransactions, 3, kmsg.EndTxn)},
		"a coordinator that moves":                {trouble: coordinatorsMove},
		"INVALID_PRODUCER_EPOCH at Produce":       {trouble: faulted(kerr.InvalidProducerEpoch, 1, kmsg.Produce), restarts: true, typical: true},
		"INVALID_PRODUCER_EPOCH at EndTxn":        {trouble: faulted(kerr.InvalidProducerEpoch, 1, kmsg.EndTxn), restarts: true},
		"PRODUCER_FENCED at EndTxn":               {trouble: faulted(kerr.ProducerFenced, 1, kmsg.EndTxn), restarts: true},
		"INVALID_TXN_STATE at Produce":            {trouble: faulted(kerr.InvalidTxnState, 1, kmsg.Produce), restarts: true},
		"INVALID_TXN_STATE at EndTxn":             {trouble: faulted(kerr.InvalidTxnState, 1, kmsg.EndTxn), restarts: true, typical: true},
		"INVALID_PRODUCER_ID_MAPPING at EndTxn":   {trouble: faulted(kerr.InvalidProducerIDMapping, 1, kmsg.EndTxn), restarts: true},
		"UNKNOWN_PRODUCER_ID at Produce":          {trouble: faulted(kerr.UnknownProducerID, 1, kmsg.Produce), restarts: true},
		"OUT_OF_ORDER_SEQUENCE_NUMBER at Produce": {trouble: faulted(kerr.OutOfOrderSequenceNumber, 1, kmsg.Produce), restarts: true},
		"TRANSACTION_ABORTABLE at Produce":        {trouble: faulted(kerr.TransactionAbortable, 1, kmsg.Produce), restarts: true},
		"UNKNOWN_SERVER_ERROR at EndTxn":          {trouble: faulted(kerr.UnknownServerError, 1, kmsg.EndTxn), restarts: true},
		"a transaction the broker gives up":       {trouble: transactionGivenUp, restarts: true, givesUpAfter: 2 * time.Second},
		"a commit that is lost on its way":        {trouble: commitLost, typical: true},
		"a commit whose answer is lost":           {trouble: answersLost(kmsg.EndTxn, 2, false), mayRestart: true, typical: true},
		"a commit whose answer never comes":       {trouble: answersLost(kmsg.EndTxn, 1, true), restarts: true, givesUpAfter: 2 * time.Second, typical: true},
		"records whose answer is lost":            {trouble: answersLost(kmsg.Produce, 4, false)},
		"records whose answer never comes":        {trouble: answersLost(kmsg.Produce, 1, true), restarts: true, givesUpAfter: 2 * time.Second},
		"KAFKA_STORAGE_ERROR for a while":         {trouble: faulted(kerr.KafkaStorageError, 5, kmsg.Produce)},
		"a disk that stays full":                  {trouble: diskFull, restarts: true, givesUpAfter: 2 * time.Second, typical: true},
		"MESSAGE_TOO_LARGE although it fits":      {trouble: refused("out", kerr.MessageTooLarge), restarts: true},
		"RECORD_LIST_TOO_LARGE":                   {trouble: refused("out", kerr.RecordListTooLarge), restarts: true},
		"MESSAGE_TOO_LARGE to positions":          {trouble: refused("teams.offsets", kerr.MessageTooLarge), restarts: true},
	} {
		if testing.Short() && !c.typical {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t, 2*time.Minute)
			s := newStage(t)
			if c.givesUpAfter > 0 {
				s.cfg.Writer.TransactionTimeout = c.givesUpAfter
			}
			s.ensureTopics(t)
			m := s.join(t)
			eventually(t, ctx, "the first commits", func() bool { return s.committed(t, ctx) >= 12 })
			before := s.sessionsEnded()
			c.trouble(t, ctx, s)
			s.progress(t, ctx)
			if ended := s.sessionsEnded() - before; c.restarts != (ended > 0) && !c.mayRestart {
				t.Errorf("%d sessions ended, want some: %v\n%s", ended, c.restarts, s.logs)
			}
			s.mustBeRight(t, s.settle(t, ctx, m), 40)
		})
	}
}

// faulted answers so many requests with an error.
func faulted(err *kerr.Error, count int, keys ...kmsg.Key) func(*testing.T, context.Context, *stage) {
	return func(t *testing.T, ctx context.Context, s *stage) {
		f := s.kafka.Cluster().Fault(kfake.Fault{Keys: keys, Err: err, Count: count})
		if err := f.Wait(ctx, count); err != nil {
			t.Fatalf("%d of %d requests met the fault", f.Hits(), count)
		}
	}
}

// refused refuses what is written to a topic, once.
func refused(topic string, err *kerr.Error) func(*testing.T, context.Context, *stage) {
	return func(t *testing.T, ctx context.Context, s *stage) {
		f := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: err})
		if err := f.Wait(ctx, 1); err != nil {
			t.Fatalf("nothing was written to %s", topic)
		}
	}
}

// sessionsEnded counts the sessions that ended by a failure.
func (s *stage) sessionsEnded() (n int) {
	for _, cause := range []string{"fenced", "topic", "denied", "too-large", "other"} {
		n += int(testutil.ToFloat64(s.cfg.Metrics.sessions.WithLabelValues(cause)))
	}
	return n
}

// leadersMove moves every partition to another broker, several times, while it is written to.
func leadersMove(t *testing.T, ctx context.Context, s *stage) {
	for node := range int32(3) {
		for _, topic := range []string{"out", s.cfg.Writer.Topics.Offsets} {
			for partition := range int32(3) {
				if err := s.kafka.Cluster().MoveTopicPartition(topic, partition, (node+partition)%3); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.progress(t, ctx)
	}
}

// coordinatorsMove gives groups and transactional ids to other brokers.
func coordinatorsMove(t *testing.T, ctx context.Context, s *stage) {
	for range 3 {
		s.kafka.Cluster().RehashCoordinators()
		s.progress(t, ctx)
	}
}

// transactionGivenUp holds a commit back until the broker has aborted the transaction by its timeout.
func transactionGivenUp(t *testing.T, ctx context.Context, s *stage) {
	held := make(chan struct{})
	var first sync.Once
	aborted := func() bool {
		described, err := s.admin.DescribeTransactions(ctx, s.cfg.Writer.TransactionalID)
		return err == nil && described[s.cfg.Writer.TransactionalID].State != "Ongoing"
	}
	s.kafka.Cluster().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		s.kafka.Cluster().DropControl()
		first.Do(func() {
			s.kafka.Cluster().SleepControl(func() {
				defer close(held)
				for !aborted() && ctx.Err() == nil {
					runtime.Gosched()
				}
			})
		})
		return nil, nil, false
	})
	select {
	case <-held:
	case <-ctx.Done():
		t.Fatal("no commit came")
	}
}

// commitLost cuts the connection over which a commit is asked for, before the broker acts on it.
func commitLost(t *testing.T, ctx context.Context, s *stage) {
	cut := make(chan struct{})
	s.kafka.Cluster().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(cut)
		return nil, errors.New("cut"), true
	})
	select {
	case <-cut:
	case <-ctx.Done():
		t.Fatal("no commit came")
	}
}

// answersLost loses answers of brokers that have done what they were asked for.
func answersLost(key kmsg.Key, count int, never bool) func(*testing.T, context.Context, *stage) {
	return func(t *testing.T, ctx context.Context, s *stage) {
		before := s.sessionsEnded()
		lost := s.answers.lose(key, count, never)
		for range count {
			select {
			case <-lost:
			case <-ctx.Done():
				t.Fatalf("no answer to %s came", key.Name())
			}
		}
		if never {
			// A connection that ends on a busy machine lets the client ask again, and the brokers would
			// tell it what came of its first request: that answer does not come either.
			eventually(t, ctx, "the session to give up", func() bool {
				s.answers.lose(key, 1, true)
				return s.sessionsEnded() > before
			})
			s.answers.lose(key, 0, true)
		}
	}
}

// diskFull lets no broker take anything for longer than a commit may last.
func diskFull(t *testing.T, ctx context.Context, s *stage) {
	before := s.sessionsEnded()
	full := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1})
	defer full.Remove()
	eventually(t, ctx, "the session to give up", func() bool { return s.sessionsEnded() > before })
	if full.Hits() == 0 {
		t.Error("nothing met the full disk")
	}
}
