package judge_test

import (
	"fmt"
	"testing"

	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// Invariant 2: an absent version is superseded only if a newer one of the same message was shown before
// the window that showed it was committed. Everything here turns on when that was.
func TestRun_SupersededByTiming(t *testing.T) {
	stack := newStack(t)
	old, newer := made("c1", "m1", 1), made("c1", "m1", 2)
	const shownAt = 1000 // after noon, to alice, in a window that ends there
	at := func(millis int64) int64 { return noon + millis }

	accepted := counts{exposed: 2, inTopic: 1, superseded: 1}
	refused := counts{exposed: 2, inTopic: 1, missing: 1}
	for _, c := range []struct {
		name string
		// newerAt is when the newer version was first shown, to bob; 0 means never.
		newerAt int64
		toAlice []showing
		again   int64 // when alice's window was read again without the version, 0 for never
		// overtaken is how far an earlier reading of alice's reached that lacked the version, 0 for none.
		overtaken int64
		position  func(*scene)
		want      counts
	}{
		{
			name:    "the newer one came before the commit",
			newerAt: 1500,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)))
			},
			want: accepted,
		},
		{
			name:    "the newer one came after the commit",
			newerAt: 2001,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)))
			},
			want: refused,
		},
		{
			name:    "within the millisecond of the commit: its order cannot be known",
			newerAt: 2000,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)))
			},
			want: accepted,
		},
		{
			name:    "the first position since then does not reach the window's end",
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt-1)), s.mark(alice, at(3000), at(shownAt)))
			},
			want: accepted,
		},
		{
			name:    "a slice of the window in progress was committed",
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.position(alice, at(2000), map[string]any{
					"mark.10m0s": at(0), "window.from": at(0), "window.to": at(9000), "window.done": at(shownAt),
				}), s.mark(alice, at(3000), at(9000)))
			},
			want: refused,
		},
		{
			name:    "only an earlier slice of the window in progress was committed",
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.position(alice, at(2000), map[string]any{
					"mark.10m0s": at(0), "window.from": at(0), "window.to": at(9000), "window.done": at(shownAt - 1),
				}), s.mark(alice, at(3000), at(9000)))
			},
			want: accepted,
		},
		{
			name:    "a long rung reads behind the short one's mark, which says nothing of it",
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(
					s.position(alice, at(500), map[string]any{"mark.10m0s": at(5000), "mark.2h0m0s": at(-9000)}),
					// The long rung's window: its first slice ends before the one that showed the version.
					s.position(alice, at(2000), map[string]any{
						"mark.10m0s": at(5000), "mark.2h0m0s": at(-9000),
						"window.from": at(-9000), "window.to": at(6000), "window.done": at(0),
					}),
					s.position(alice, at(3000), map[string]any{"mark.10m0s": at(6000), "mark.2h0m0s": at(6000)}),
				)
			},
			want: accepted,
		},
		{
			name:    "the same, and the newer one came after the long rung's window too",
			newerAt: 3500,
			position: func(s *scene) {
				s.commit(
					s.position(alice, at(500), map[string]any{"mark.10m0s": at(5000), "mark.2h0m0s": at(-9000)}),
					s.position(alice, at(3000), map[string]any{"mark.10m0s": at(6000), "mark.2h0m0s": at(6000)}),
				)
			},
			want: refused,
		},
		{
			name:    "a position from before the showing does not count",
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(shownAt-1), at(shownAt)), s.mark(alice, at(3000), at(3000)))
			},
			want: accepted,
		},
		{
			name:    "a position of the showing's own millisecond may be later than it and counts",
			newerAt: shownAt + 1,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(shownAt), at(shownAt)), s.mark(alice, at(3000), at(3000)))
			},
			want: refused,
		},
		{
			name:    "nobody's position of another user counts",
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.mark(bob, at(2000), at(9000)), s.mark(alice, at(3000), at(shownAt)))
			},
			want: accepted,
		},
		{
			name:    "of two windows that showed it the first commit counts",
			newerAt: 2500,
			toAlice: []showing{to(bob, at(shownAt))},
			position: func(s *scene) {
				s.commit(s.mark(bob, at(2000), at(shownAt)), s.mark(alice, at(3000), at(shownAt)))
			},
			want: refused,
		},
		{
			name:    "a window that was cut off does not count",
			newerAt: 2500,
			toAlice: []showing{cutOff(to(bob, at(shownAt)))},
			position: func(s *scene) {
				s.commit(s.mark(bob, at(2000), at(shownAt)), s.mark(alice, at(3000), at(shownAt)))
			},
			want: accepted,
		},
		{
			name:    "never committed",
			newerAt: 9000,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(0)))
			},
			want: counts{exposed: 2, inTopic: 1, superseded: 1, uncommitted: 1},
		},
		{
			name:    "the window was read again without the version before anything was committed",
			again:   1500,
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)))
			},
			want: counts{exposed: 2, inTopic: 1, superseded: 1, uncommitted: 1},
		},
		{
			name:    "the same, and somebody else was shown it in a window that was committed",
			again:   1500,
			newerAt: 2500,
			toAlice: []showing{to(bob, at(1400))},
			position: func(s *scene) {
				s.commit(s.mark(bob, at(1900), at(1400)), s.mark(alice, at(2000), at(shownAt)))
			},
			want: refused,
		},
		{
			name:    "the window was read again after the commit",
			again:   2001,
			newerAt: 2500,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)), s.mark(alice, at(3000), at(3000)))
			},
			want: refused,
		},
		{
			name:    "a short rung's window does not reach back to the version",
			newerAt: 2500,
			position: func(s *scene) {
				later := at(0) + 20*minute
				s.commit(
					s.position(alice, at(500), map[string]any{"mark.10m0s": later, "mark.2h0m0s": at(0)}),
					s.position(alice, at(2000), map[string]any{"mark.10m0s": later + 1, "mark.2h0m0s": at(0)}),
					s.position(alice, at(3000), map[string]any{"mark.10m0s": later + 2, "mark.2h0m0s": later + 2}),
				)
			},
			want: accepted,
		},
		{
			name:      "the first position is that of a reading before, which lacked the version",
			newerAt:   2500,
			overtaken: 1200,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(1200)), s.mark(alice, at(3000), at(1300)))
			},
			want: accepted,
		},
		{
			name:      "overtaken, and committed behind the reading that lacked it",
			newerAt:   2500,
			overtaken: 1200,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(1201)))
			},
			want: refused,
		},
		{
			name:      "overtaken by a reading that had been committed before",
			newerAt:   2500,
			overtaken: 1200,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(900), at(1200)), s.mark(alice, at(950), at(0)), s.mark(alice, at(2000), at(1100)), s.mark(alice, at(3000), at(1300)))
			},
			want: refused,
		},
		{
			name:      "overtaken, and committed all the same",
			newerAt:   2500,
			overtaken: 1200,
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)))
			},
			want: refused,
		},
		{
			name: "the newer one was never shown",
			position: func(s *scene) {
				s.commit(s.mark(alice, at(2000), at(shownAt)))
			},
			want: counts{exposed: 1, missing: 1, unseen: 1},
		},
		{
			name:    "the position was given up and began anew",
			newerAt: 2500,
			position: func(s *scene) {
				tombstone := s.mark(alice, at(2000), 0)
				tombstone.Value = nil
				s.commit(s.mark(alice, at(500), at(0)), tombstone, s.mark(alice, at(3000), at(shownAt)))
			},
			want: accepted,
		},
		{
			name:    "the position was given up and began anew at the same mark",
			newerAt: 2500,
			position: func(s *scene) {
				tombstone := s.mark(alice, at(600), 0)
				tombstone.Value = nil
				s.commit(s.mark(alice, at(500), at(5000)), tombstone, s.mark(alice, at(2000), at(5000)), s.mark(alice, at(3000), at(6000)))
			},
			want: refused,
		},
		{
			name:    "positions of other tenants, other connectors and other formats of key",
			newerAt: 2500,
			position: func(s *scene) {
				s.config.ConnectorName = "teams"
				namesake := s.mark(alice, at(2000), at(shownAt))
				namesake.Key = fmt.Appendf(nil, `["others",{"tenant":%q,"user":"alice"}]`, tenant)
				s.commit(namesake)
				stranger := s.mark(alice, at(2000), at(shownAt))
				stranger.Key = []byte(`["teams",{"tenant":"other","user":"alice"}]`)
				odd := s.mark(alice, at(2000), at(shownAt))
				odd.Key = []byte(`["jdbc",{"table":"t"}]`)
				s.commit(stranger, odd, s.mark(alice, at(3000), at(shownAt)))
			},
			want: accepted,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, stack, 1)
			first := to(alice, at(shownAt))
			if c.again > 0 {
				first = replaced(first, at(c.again))
			}
			if c.overtaken > 0 {
				first = overtaken(first, at(c.overtaken))
			}
			s.shown(old, append([]showing{first}, c.toAlice...)...)
			if c.newerAt == 0 {
				s.shown(newer)
			} else {
				s.shown(newer, to(bob, at(c.newerAt)))
				s.commit(s.record(newer, 0))
			}
			c.position(s)
			v := s.expect(c.want)
			if c.want.missing > 0 {
				expectExample(t, v, judge.Missing, old.key(), "user")
			}
		})
	}
}

// A newer version counts from its first showing on, also where the response was cut off or the version
// itself went to the dead letters.
func TestRun_SupersededByAnyShowing(t *testing.T) {
	stack := newStack(t)
	old, newer := made("c1", "m1", 1), made("c1", "m1", 2)
	s := newScene(t, stack, 1)
	s.shown(old, to(alice, noon+1000))
	s.shown(newer, cutOff(to(bob, noon+1500)), to(alice, noon+9000), to(carol, noon+9500))
	s.commit(s.letter(newer.raw()), s.mark(alice, noon+2000, noon+1000))
	s.expect(counts{exposed: 2, superseded: 1, deadLetters: 1})
}

// An older version supersedes nothing, and neither does another message of the chat.
func TestRun_SupersededOnlyByANewerVersionOfTheMessage(t *testing.T) {
	s := newScene(t, newStack(t), 1)
	s.shown(made("c1", "m1", 2), to(alice, noon+1000))
	s.shown(made("c1", "m1", 1), to(alice, noon+1000))
	s.shown(made("c1", "m2", 3), to(alice, noon+1000))
	s.commit(s.record(made("c1", "m2", 3), 0), s.mark(alice, noon+2000, noon+1000))
	s.expect(counts{exposed: 3, inTopic: 1, superseded: 1, missing: 1})
}
