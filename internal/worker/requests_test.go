package worker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// Each answer that a broker may give instead of the right one, to each kind of request of a stream's life: joining, fencing, reading
// positions and topic back, writing. A process starts into each of them, and afterwards every version is in the topic once
// (invariants 1 to 5). Those to Produce and EndTxn in the midst of a stream are in TestStream_SurvivesBrokerTrouble.
func TestStream_SurvivesAnErrorToEachRequest(t *testing.T) {
	const once, again = 1, 2
	type answers map[*kerr.Error]int // how often each is given
	// These the client library asks again for, or a new session does.
	coordinator := answers{kerr.CoordinatorLoadInProgress: again, kerr.CoordinatorNotAvailable: again, kerr.NotCoordinator: again}
	leader := answers{kerr.NotLeaderForPartition: again, kerr.LeaderNotAvailable: again, kerr.KafkaStorageError: again, kerr.UnknownTopicOrPartition: once,
		kerr.FencedLeaderEpoch: once, kerr.UnknownLeaderEpoch: once, kerr.ReplicaNotAvailable: again, kerr.OffsetNotAvailable: again}
	with := func(some answers, more ...*kerr.Error) answers {
		all := make(answers)
		for err, count := range some {
			all[err] = count
		}
		for _, err := range more {
			all[err] = once
		}
		return all
	}
	// Not the requests of the test's own client, which asks for last stable offsets.
	highWatermarks := func(r kmsg.Request) bool { return r.(*kmsg.ListOffsetsRequest).IsolationLevel == 0 }
	rebuilding := func(r kmsg.Request) bool { return r.(*kmsg.FetchRequest).IsolationLevel == 1 }
	for name, c := range map[string]struct {
		key     kmsg.Key
		when    func(kmsg.Request) bool
		answers answers
		old     bool // with the transactions of Kafka before 4.0 (KIP-890)
	}{
		"Metadata":        {key: kmsg.Metadata, answers: answers{kerr.LeaderNotAvailable: again, kerr.UnknownTopicOrPartition: again, kerr.TopicAuthorizationFailed: once}},
		"FindCoordinator": {key: kmsg.FindCoordinator, answers: with(coordinator, kerr.TransactionalIDAuthorizationFailed, kerr.GroupAuthorizationFailed)},
		"JoinGroup":       {key: kmsg.JoinGroup, answers: with(coordinator, kerr.UnknownMemberID, kerr.GroupAuthorizationFailed, kerr.RebalanceInProgress)},
		"SyncGroup":       {key: kmsg.SyncGroup, answers: with(coordinator, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress)},
		"Heartbeat":       {key: kmsg.Heartbeat, answers: with(coordinator, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress)},
		"InitProducerID": {key: kmsg.InitProducerID, answers: with(coordinator, kerr.ConcurrentTransactions, kerr.InvalidProducerEpoch, kerr.ProducerFenced,
			kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.RequestTimedOut, kerr.UnknownServerError)},
		"ListOffsets":     {key: kmsg.ListOffsets, when: highWatermarks, answers: with(leader, kerr.TopicAuthorizationFailed, kerr.RequestTimedOut, kerr.UnknownServerError)},
		"Fetch":           {key: kmsg.Fetch, when: rebuilding, answers: with(leader, kerr.TopicAuthorizationFailed, kerr.OffsetOutOfRange, kerr.UnknownServerError)},
		"DescribeConfigs": {key: kmsg.DescribeConfigs, answers: answers{kerr.TopicAuthorizationFailed: once, kerr.UnknownTopicOrPartition: once, kerr.RequestTimedOut: once}},
		"AddPartitionsToTxn": {key: kmsg.AddPartitionsToTxn, old: true, answers: with(coordinator, kerr.ConcurrentTransactions, kerr.UnknownTopicOrPartition,
			kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.OperationNotAttempted,
			kerr.TopicAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.TransactionAbortable)},
		"Produce": {key: kmsg.Produce, old: true, answers: with(answers{kerr.NotLeaderForPartition: again, kerr.KafkaStorageError: again, kerr.RequestTimedOut: again},
			kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed,
			kerr.TransactionalIDAuthorizationFailed, kerr.CorruptMessage, kerr.InvalidRecord, kerr.InvalidTimestamp)},
		"EndTxn": {key: kmsg.EndTxn, old: true, answers: with(coordinator, kerr.ConcurrentTransactions, kerr.InvalidProducerEpoch, kerr.ProducerFenced,
			kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.TransactionalIDAuthorizationFailed, kerr.RequestTimedOut, kerr.UnknownServerError)},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "InitProducerID" && name != "Fetch" {
				t.Skip("with -short only two kinds of request")
			}
			t.Parallel()
			ctx := within(t, 4*time.Minute)
			s := newStage(t, func(c *graphsim.Config) { c.Rate = 50 })
			if c.old {
				if _, err := s.admin.UpdateFeatures(ctx, false, kadm.FeatureUpdate{Feature: "transaction.version", MaxVersionLevel: 0, UpgradeType: 2}); err != nil {
					t.Fatal(err)
				}
			}
			s.ensureTopics(t)
			m := s.join(t)
			s.progress(t, ctx) // there is something to be read back
			for err, count := range c.answers {
				if err := m.leave(); err != nil {
					t.Fatal(err)
				}
				fault := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: err, Count: count, When: c.when})
				m = s.join(t)
				if fault.Wait(ctx, count) != nil {
					t.Fatalf("%d of %d requests met %s", fault.Hits(), count, err.Message)
				}
				s.progress(t, ctx)
				verdict := s.judge(t, ctx)
				if ctx.Err() != nil {
					t.Fatalf("there was no time to judge what came of %s\n%s", err.Message, s.logs)
				}
				if verdict.Duplicated+verdict.Reordered+verdict.Unknown > 0 {
					t.Errorf("after %s: %v\n%v\n%s", err.Message, verdict, verdict.Examples, s.logs)
				}
			}
			s.mustBeRight(t, s.settle(t, ctx, m), 40)
			t.Logf("%d answers, %d sessions ended by them", len(c.answers), s.sessionsEnded())
		})
	}
}
