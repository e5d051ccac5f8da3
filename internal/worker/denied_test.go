package worker

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// A permission that is taken away stops the stream, by the name of what is denied, and when it is given back nothing is missing.
func TestStream_ADenialIsNamedAndMended(t *testing.T) {
	for name, c := range map[string]struct {
		denied *kerr.Error
		key    kmsg.Key
		names  string // what the error says of which thing is denied
	}{
		"writing to a topic":        {kerr.TopicAuthorizationFailed, kmsg.Produce, "produce to "},
		"the transactional id":      {kerr.TransactionalIDAuthorizationFailed, kmsg.InitProducerID, "transactional ID teams-kafka-connector/out/"},
		"committing a transaction":  {kerr.TransactionalIDAuthorizationFailed, kmsg.EndTxn, "commit"},
		"reading the topics' state": {kerr.TopicAuthorizationFailed, kmsg.ListOffsets, "list end offsets of "},
		"reading the topics":        {kerr.TopicAuthorizationFailed, kmsg.Fetch, "read "},
		"finding the coordinator":   {kerr.TransactionalIDAuthorizationFailed, kmsg.FindCoordinator, "transactional ID teams-kafka-connector/out/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t, time.Minute)
			s := newStage(t)
			s.ensureTopics(t)
			m := s.join(t)
			eventually(t, ctx, "the first commits", func() bool { return s.committed(t, ctx) >= 12 })
			fault := kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.denied, Count: -1}
			if c.key == kmsg.FindCoordinator {
				fault.TxnID = s.cfg.Writer.TransactionalID
			}
			taken := s.kafka.Cluster().Fault(fault)
			if c.key != kmsg.Produce && c.key != kmsg.EndTxn { // asked for by a new session only
				s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError, Count: 1})
			}
			eventually(t, ctx, "the stream to stop", func() bool {
				state := m.tenant.State()
				return state.Err != nil && sink.Denied(state.Err) && strings.Contains(state.Err.Error(), c.names) &&
					strings.Contains(state.Err.Error(), c.denied.Message)
			})
			if testutil.ToFloat64(s.cfg.Metrics.sessions.WithLabelValues(causeDenied)) == 0 {
				t.Error("no session is counted as denied")
			}
			taken.Remove()
			s.mustBeRight(t, s.settle(t, ctx, m), 40)
		})
	}
}

// Who may not join the group says so, and joins when it may.
func TestGroup_ADenialIsNamedAndMended(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.ensureTopics(t)
	taken := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	m := s.join(t)
	eventually(t, ctx, "the reason", func() bool {
		_, err := m.group.Outside()
		return sink.Denied(err) && strings.Contains(err.Error(), "join the group teams")
	})
	if m.group.Joined() || m.polls() {
		t.Error("a process that may not join polls")
	}
	taken.Remove()
	eventually(t, ctx, "the process to poll", m.polls)
	if _, err := m.group.Outside(); err != nil {
		t.Errorf("a member still says %v", err)
	}
	if n := strings.Count(s.logs.String(), "is not a member of the group"); n != 1 {
		t.Errorf("%d log lines of one reason\n%s", n, s.logs)
	}
}

// A process that lost its membership is not a member while it tries to join again, whatever keeps it from that.
func TestGroup_ALostMembershipIsNoMembership(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.ensureTopics(t)
	m := s.join(t)
	eventually(t, ctx, "the process to poll", m.polls)
	loading := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1})
	// The stream's last commit does not end, so the client does not get to what it tells of the loss later.
	ending := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ConcurrentTransactions, Count: -1})
	eventually(t, ctx, "the membership to be lost", func() bool { return !m.group.Joined() })
	if m.tenant.State().Phase == Idle {
		t.Error("the stream has ended before the process said that it is not a member")
	}
	ending.Remove()
	loading.Remove()
	eventually(t, ctx, "the process to poll again", func() bool { return m.group.Joined() && m.polls() })
}
