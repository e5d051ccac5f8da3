package judge_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// With records that carry the time of writing: no mark may be stored before all that its window showed is in the topic
// (invariant 1).
func TestRun_AMarkAheadOfItsRecords(t *testing.T) {
	stack := newStack(t)
	for _, c := range []struct {
		name    string
		written int64 // after noon, like all that follows; the mark is stored at 2000
		mark    int64 // 0 for 1000
		shown   showing
		newer   []showing
		ahead   int
		ingest  bool
	}{
		{name: "written with its mark", written: 2000, shown: to(alice, noon+1000), ingest: true},
		{name: "written before its mark", written: 1500, shown: to(alice, noon+1000), ingest: true},
		{name: "written after its mark", written: 2001, shown: to(alice, noon+1000), ahead: 1, ingest: true},
		{name: "event times tell nothing", written: 2001, shown: to(alice, noon+1000)},
		{name: "its response may not have come", written: 2001, shown: cutOff(to(alice, noon+1000)), ingest: true},
		{name: "the window was read again without it", written: 2001, shown: replaced(to(alice, noon+1000), noon+1500), ingest: true},
		{name: "a reading lacked it, and a later one showed it", written: 2001, shown: missed(to(alice, noon+1000), noon+1500), ingest: true},
		{name: "a reading lacked it only after its mark", written: 2500, shown: missed(to(alice, noon+1000), noon+2200), ahead: 1, ingest: true},
		{name: "a newer one took its place", written: 2001, shown: to(alice, noon+1000), newer: []showing{to(bob, noon+1500)}, ingest: true},
		{name: "its mark is that of a reading before, which lacked it", written: 2001, shown: overtaken(to(alice, noon+1000), noon+1200), mark: 1200, ingest: true},
		{name: "of one of several readings before", written: 2001, shown: overtaken(to(alice, noon+1000), noon+1200), mark: 1100, ingest: true},
		{name: "overtaken, and yet its own mark", written: 2001, shown: overtaken(to(alice, noon+1000), noon+1200), ahead: 1, ingest: true},
		{name: "overtaken, and a mark behind both", written: 2001, shown: overtaken(to(alice, noon+1000), noon+1200), mark: 1201, ahead: 1, ingest: true},
		{name: "of a window that was read later", written: 2001, shown: to(alice, noon+2001), ingest: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, stack, 1)
			s.config.WrittenAt = c.ingest
			old := made("c", "m", 1)
			s.shown(old, c.shown)
			r := s.record(old, 0)
			r.Timestamp = time.UnixMilli(noon + c.written)
			s.commit(s.mark(alice, noon+2000, noon+cmp.Or(c.mark, 1000)), r)
			if c.newer != nil {
				newer := made("c", "m", 2)
				s.shown(newer, c.newer...)
				n := s.record(newer, 0)
				n.Timestamp = time.UnixMilli(noon + 3000)
				s.commit(n)
			}
			v := s.judge()
			if v.Ahead != c.ahead {
				t.Errorf("%d marks ahead, want %d: %v", v.Ahead, c.ahead, v.Examples)
			}
			if c.ahead > 0 {
				expectExample(t, v, judge.Ahead, old.key(), "alice")
			}
		})
	}
}
