package worker

import (
	"fmt"
	"testing"
	"time"
)

// copyOf is another mailbox's copy of a version: the same etag, a time that differs.
func copyOf(id string, at time.Time, by time.Duration) []byte {
	seen := at.Add(by).UTC().Format(time.RFC3339Nano)
	return fmt.Appendf(nil, `{"id":%q,"chatId":"19:a@thread.v2","etag":"%d","messageType":"message","createdDateTime":%q,"lastModifiedDateTime":%q,"body":{"contentType":"text","content":"x"}}`,
		id, at.UnixMilli(), seen, seen)
}

// Two mailboxes' copies of one version can lie some milliseconds apart, so the index must know a version for a
// little longer than its own time is asked for (invariant 2).
func TestSession_ACopyThatIsMillisecondsYoungerThanASweptVersionIsKnown(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	s.current(t, "u", now)
	edge := s.horizonOf(now)
	s.take(t, "u", edge, now, copyOf("1", edge.Add(-2*time.Millisecond), 0))
	s.reach.stray = neverStrayed // as if it had lain in its window
	s.save(t)
	s.sweep()
	s.take(t, "u", edge, now, copyOf("1", edge.Add(-2*time.Millisecond), 4*time.Millisecond))
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

// horizonOf is the first instant that the only user's next window asks for.
func (s *session) horizonOf(now time.Time) time.Time {
	oldest := now.UnixMilli()
	for _, p := range s.roster.positions {
		oldest = min(oldest, s.cfg.Ladder.Oldest(p))
	}
	return time.UnixMilli(oldest)
}

// Graph was seen to ignore the filter. What lies beyond INDEX_HORIZON is not read back from the topic, but what this
// process has written itself it does not write at each reading.
func TestSession_AnItemOlderThanTheIndexReachesAtMostIsNotWrittenAtEachReading(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	stray := message("1", now.Add(-2*cfg.IndexHorizon))
	s := open(t, cfg)
	s.current(t, "u", now)
	for range 3 {
		s.take(t, "u", now.Add(-time.Minute), now, stray)
		s.save(t)
		s.sweep()
	}
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 2 {
		t.Errorf("%d written, %d seen, want 1 and 2", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

// A history longer than INDEX_HORIZON is read by each member of a chat and twice: while it is under way, what was
// written of it stays known.
func TestSession_AHistoryLongerThanTheIndexReachesIsWrittenOnce(t *testing.T) {
	cfg := configuration(t, "u", "v")
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	for user, p := range s.roster.positions {
		p.Start = now.Add(-3 * cfg.IndexHorizon).UnixMilli()
		s.roster.positions[user] = p
	}
	from := now.Add(-3 * cfg.IndexHorizon)
	s.take(t, "u", from, now, message("1", now.Add(-2*cfg.IndexHorizon)))
	s.save(t)
	s.sweep()
	s.take(t, "v", from, now, message("1", now.Add(-2*cfg.IndexHorizon)))
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
	s.current(t, "u", now)
	s.current(t, "v", now)
	s.sweep()
	if s.admission.index.Len() != 0 {
		t.Errorf("%d messages stay in the index although no window asks for them any more", s.admission.index.Len())
	}
}
