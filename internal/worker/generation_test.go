package worker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// A poll leaves an item out because a copy of it is in the open transaction. If that transaction fails, the poll's position
// must not be committed, whether the poll ended before the failure or after it: nothing that was learned together
// with the copy may outlive it (invariant 1).
func TestSession_APositionThatRestsOnAnUncommittedCopyDiesWithIt(t *testing.T) {
	for name, c := range map[string]struct {
		delivery string
		fault    kfake.Fault
	}{
		"the commit fails":                    {"exactly-once", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidTxnState}},
		"the outcome is unknown":              {"exactly-once", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError}},
		"the record fails":                    {"exactly-once", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out"}},
		"the record fails, in no transaction": {"idempotent", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, kafka := configurationOn(t, "u", "before", "after")
			if c.delivery == "idempotent" {
				cfg.Writer.TransactionalID = ""
			}
			now := time.Now().Truncate(time.Millisecond)
			s := open(t, cfg)
			s.save(t) // the three users' first positions
			fault := kafka.Cluster().Fault(c.fault)

			copies := message("1", now)
			s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), copies)
			s.readWhole(t, "before", now, copies)
			if err := s.tryCommit(t); err == nil || fault.Hits() != 1 {
				t.Fatalf("the commit gave %v, %d faults", err, fault.Hits())
			}
			s.readWhole(t, "after", now, copies)
			for range 2 { // the end of run, and whoever else might try
				if err := s.tryCommit(t); err == nil {
					t.Error("a session committed after it had failed")
				}
			}
			if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 2 {
				t.Fatalf("%d written, %d seen: the copies were not left out, the test shows nothing", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
			}
			s.transaction.writer.Close()

			next := open(t, cfg)
			for _, user := range []string{"before", "after"} {
				if p := next.roster.positions[user]; len(p.Marks) != 0 {
					t.Errorf("the position of %s passed an item that is nowhere: %+v", user, p)
				}
			}
			next.take(t, "before", now.Add(-time.Minute), now.Add(time.Minute), copies)
			if cfg.count(outcomeWritten) != 2 {
				t.Error("the item is taken for written, and it is not in the topic")
			}
		})
	}
}

// finish delivers the last page of a window that ends now.
func (s *session) readWhole(t *testing.T, user string, now time.Time, items ...[]byte) {
	t.Helper()
	p := offsets.Position{Start: now.Add(-time.Hour).UnixMilli(), Marks: []offsets.Mark{{Rung: time.Minute, At: now.UnixMilli()}}}
	d := source.Delivery{User: user, Items: items, From: now.Add(-time.Minute).UnixMilli(), To: now.Add(time.Minute).UnixMilli(), Position: &p}
	if err := s.deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func (s *session) tryCommit(t *testing.T) error {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commit(t.Context())
}
