package worker

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// DELIVERY=idempotent under the same judge, with one process: what a broker does not confirm is looked up in the topic, and
// never written a second time on the chance that it is not there (invariants 1 to 3).
func TestStream_IdempotentSurvivesBrokerTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		trouble  func(*testing.T, context.Context, *stage)
		restarts bool
		// givesUpAfter is how long a commit may last, 0 for longer than the test.
		givesUpAfter time.Duration
	}{
		"a leader that moves":                {trouble: leadersMove},
		"REQUEST_TIMED_OUT after the append": {trouble: faulted(kerr.RequestTimedOut, 5, kmsg.Produce)},
		"records whose answer is lost":       {trouble: answersLost(kmsg.Produce, 4, false)},
		"a disk that stays full":             {trouble: diskFull, restarts: true, givesUpAfter: 2 * time.Second},
		"positions that cannot be written":   {trouble: positionsRefused, restarts: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t, 2*time.Minute)
			s := newStage(t)
			s.cfg.Writer.TransactionalID = ""
			if c.givesUpAfter > 0 {
				s.cfg.Writer.TransactionTimeout = c.givesUpAfter
			}
			s.ensureTopics(t)
			m := s.join(t)
			eventually(t, ctx, "the first commits", func() bool { return s.committed(t, ctx) >= 12 })
			before := s.sessionsEnded()
			c.trouble(t, ctx, s)
			s.progress(t, ctx)
			if ended := s.sessionsEnded() - before; c.restarts != (ended > 0) {
				t.Errorf("%d sessions ended, want some: %v\n%s", ended, c.restarts, s.logs)
			}
			s.mustBeRight(t, s.settle(t, ctx, m), 40)
		})
	}
}

// positionsRefused lets a broker refuse positions after it has taken the records that they stand for.
func positionsRefused(t *testing.T, ctx context.Context, s *stage) {
	before := s.sessionsEnded()
	refused := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: s.cfg.Writer.Topics.Offsets, Err: kerr.UnknownServerError})
	if err := refused.Wait(ctx, 1); err != nil {
		t.Fatal("no position was refused")
	}
	eventually(t, ctx, "the session to end", func() bool { return s.sessionsEnded() > before })
}

// The answer to records that are in the topic is lost, and when they are sent again the broker has forgotten their producer, so that it
// cannot tell that they are there. The client's own way out would be a new producer id, and the records a second time.
func TestSession_IdempotentRecordsOfAForgottenProducerAreLookedUp(t *testing.T) {
	cfg, kafka := configurationOn(t, "u")
	answers := &answers{}
	cfg.Writer.TransactionalID = ""
	cfg.Writer.Client = append(cfg.Writer.Client, kgo.Dialer(answers.dial))
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	s.save(t) // the first position
	lost := answers.lose(kmsg.Produce, 1, false)
	var first kmsg.Request // goes into the topic
	forgotten := kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.OutOfOrderSequenceNumber,
		When: func(r kmsg.Request) bool {
			if first == nil {
				first = r
			}
			return r != first
		}})
	s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), message("1", now))
	<-lost
	err := s.tryCommit(t)
	if forgotten.Hits() != 1 {
		t.Fatal("the records were not sent again, the test shows nothing")
	}
	if err == nil {
		t.Error("the commit succeeded, although nobody knows how often the record is there")
	}
	s.transaction.writer.Close()

	next := open(t, cfg)
	next.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), message("1", now))
	next.save(t)
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
	rebuilt, err := sink.Rebuild(t.Context(), cfg.Writer.Client, cfg.Writer.Topics, sink.NewIndex(cfg.Tenant), now.Add(-time.Hour), cfg.RebuildTimeout)
	if err != nil || rebuilt.Records != 1 {
		t.Errorf("%d records in the topic, want 1 (%v)", rebuilt.Records, err)
	}
}
