package source

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

// Ladder is the plan by which every stretch of time is read more than once. It is pure arithmetic on
// milliseconds since 1970-01-01T00:00:00Z: no clock, no state.
//
// A rung of length L re-reads, at least every L (or every poll, if polls are further apart), everything
// back to L before its last mark, and so catches every version that becomes visible at most L after its
// modification. Graph's export interfaces are documented to lag by up to 24 h, give results in no order,
// and page by offsets into a live folder, where an item that changes can shift its neighbors past the
// reader: one reading of a window is never enough. Therefore the longest rung is twice the longest
// lateness. What it does not reach, as history or after an outage, is read twice at once (see Slice).
type Ladder struct {
	rungs    []time.Duration // ascending
	interval time.Duration   // from one poll of a user to the next
}

// DefaultRungs catch up to twice Graph's longest documented lateness, because a version that becomes
// visible at the last moment is read only once by the rung that catches it.
var DefaultRungs = []time.Duration{10 * time.Minute, 2 * time.Hour, 24 * time.Hour, 48 * time.Hour}

// MinRung is the shortest rung allowed.
const MinRung = time.Second

// ErrLadder is wrapped by NewLadder's errors.
var ErrLadder = errors.New("invalid ladder")

// NewLadder makes a ladder of one or more different rungs of at least MinRung, in whole
// milliseconds, in any order. interval is from one poll of a user to the next.
func NewLadder(rungs []time.Duration, interval time.Duration) (Ladder, error) {
	sorted := slices.Clone(rungs)
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return Ladder{}, fmt.Errorf("%w: it has no rung", ErrLadder)
	}
	for i, r := range sorted {
		switch {
		case r < MinRung:
			return Ladder{}, fmt.Errorf("%w: rung %v is shorter than %v", ErrLadder, r, MinRung)
		case r%time.Millisecond != 0:
			return Ladder{}, fmt.Errorf("%w: rung %v is not a whole number of milliseconds", ErrLadder, r)
		case i > 0 && r == sorted[i-1]:
			return Ladder{}, fmt.Errorf("%w: rung %v is given twice", ErrLadder, r)
		}
	}
	return Ladder{rungs: sorted, interval: interval}, nil
}

// Shortest is the length of the shortest rung.
func (l Ladder) Shortest() time.Duration { return l.rungs[0] }

// Interval is from one poll of a user to the next.
func (l Ladder) Interval() time.Duration { return l.interval }

// Catching is the shortest rung that catches what becomes visible so late; ok is false if none does.
func (l Ladder) Catching(late time.Duration) (rung time.Duration, ok bool) {
	for _, rung := range l.rungs {
		if late <= rung {
			return rung, true
		}
	}
	return 0, false
}

// Longest is the length of the longest rung.
func (l Ladder) Longest() time.Duration { return l.rungs[len(l.rungs)-1] }

// Next is the window to read if the newest instant that may be asked for is just before end: the one
// in progress if there is one, else from the earliest instant that a due rung needs up to end. ok is
// false if there is nothing to read, because the window would be empty or inverted.
func (l Ladder) Next(p offsets.Position, end int64) (w offsets.Window, ok bool) {
	if p.Window != nil {
		return *p.Window, true
	}
	from := p.Start
	if newest, some := p.Mark(l.rungs[0]); some {
		if end <= newest {
			return offsets.Window{}, false
		}
		from = l.reach(p, l.rungs[0])
		for _, rung := range l.rungs[1:] {
			if mark, _ := p.Mark(rung); l.due(rung, end-mark) {
				from = min(from, l.reach(p, rung))
			}
		}
	}
	if end <= from {
		return offsets.Window{}, false
	}
	return offsets.Window{From: from, To: end, Done: from}, true
}

// due reports whether a rung whose mark is so many milliseconds old is to be served now, because it would be
// older than the rung is long at the next poll. A hundredth of the interval is forgiven: polls are never
// quite on time, and a rung that is a multiple of the interval should not be served one poll early.
func (l Ladder) due(rung time.Duration, age int64) bool {
	return age+(l.interval-l.interval/100).Milliseconds() > rung.Milliseconds()
}

// reach is the first instant that a rung needs to read again.
func (l Ladder) reach(p offsets.Position, rung time.Duration) int64 {
	mark, ok := p.Mark(rung)
	if !ok {
		return p.Start
	}
	return max(p.Start, mark-rung.Milliseconds())
}

// Oldest returns the earliest instant that a later slice of this position can ask for: how far back the
// index must reach for this user. A window in progress asks for nothing before what it has read.
func (l Ladder) Oldest(p offsets.Position) int64 {
	oldest := int64(math.MaxInt64)
	if w := p.Window; w != nil {
		oldest = w.Done
		p = l.Advance(p, *w, w.To)
	}
	for _, rung := range l.rungs {
		oldest = min(oldest, l.reach(p, rung))
	}
	return oldest
}

// Drain is for how long after a user was removed its stream is still read: Graph shows a message up to
// 24 h late, and what was shown at the last moment is read twice. Graph serves removed users for 30 days.
const Drain = 48 * time.Hour

// Drained reports whether the stream of a user who was removed has been read to its end.
func (l Ladder) Drained(p offsets.Position) bool {
	mark, read := p.Mark(l.Shortest())
	return p.Removed != 0 && read && p.Window == nil && mark >= p.Removed+Drain.Milliseconds()
}

// Slice returns the end of the next piece of a window: at most length long, from w.Done up to, not
// including, to. twice reports whether no later window will read it again, so that it must be read twice
// at once; a piece is either that as a whole or not at all.
func (l Ladder) Slice(p offsets.Position, w offsets.Window, length time.Duration) (to int64, twice bool) {
	to = min(w.To, w.Done+max(1, length.Milliseconds()))
	from, until := l.newest(p), w.To-(l.Longest()+l.interval).Milliseconds()
	switch {
	case w.Done >= until || from >= until:
		return to, false
	case w.Done < from:
		return min(to, from), false
	default:
		return min(to, until), true
	}
}

// newest is the first instant of which a window of this position may be the first to show something: what
// the next-longest rung has not read twice.
func (l Ladder) newest(p offsets.Position) int64 {
	if len(l.rungs) == 1 {
		mark, ok := p.Mark(l.rungs[0])
		if !ok {
			return p.Start
		}
		return mark
	}
	return l.reach(p, l.rungs[len(l.rungs)-2])
}

// Advance is the position once everything before the instant to has been read in window w, twice where
// Slice says so. At the window's end the mark of every rung that the window served becomes the window's
// end, and never goes backwards (invariant 1): a rung is served if the window reached back as far as the
// rung needs.
func (l Ladder) Advance(p offsets.Position, w offsets.Window, to int64) offsets.Position {
	next := p.Clone()
	if to < w.To {
		w.Done = to
		next.Window = &w
		return next
	}
	next.Window = nil
	next.Marks = make([]offsets.Mark, len(l.rungs))
	for i, rung := range l.rungs {
		mark, ok := p.Mark(rung)
		if served := w.To; !ok || l.reach(p, rung) >= w.From {
			if i > 0 && i == len(l.rungs)-1 {
				served = l.second(p, w)
			}
			if !ok || served > mark {
				mark = served
			}
		}
		next.Marks[i] = offsets.Mark{Rung: rung, At: mark}
	}
	return next
}

// second is the longest rung's mark after a window: by up to an interval before its end, so that the
// rung's next window reads again what this one was the first to read. As long as polls are regular it is
// the window's end. After a longer pause, what lies further back was read twice at once.
func (l Ladder) second(p offsets.Position, w offsets.Window) int64 {
	again := l.newest(p) + l.Longest().Milliseconds()
	return min(w.To, max(again, w.To-l.interval.Milliseconds()))
}

// Due is when a user is to be polled again: an interval after its shortest rung's mark, and at once
// (the zero instant) while a window is in progress or none was ever finished. settle is what windows
// stay behind the clock; without it a user would be polled that much too early.
func (l Ladder) Due(p offsets.Position, settle time.Duration) int64 {
	mark, ok := p.Mark(l.rungs[0])
	if !ok || p.Window != nil {
		return 0
	}
	return mark + (l.interval + settle).Milliseconds()
}

// Rewound sets marks that lie ahead of Graph's clock back to one longest rung before it. Such a mark
// says that a time was read which Graph had not reached: what happened in it may never have been seen.
// changed reports whether there was any.
func (l Ladder) Rewound(p offsets.Position, graphNow int64) (back offsets.Position, changed bool) {
	back = p.Clone()
	for i, m := range back.Marks {
		if at := max(p.Start, graphNow-l.Longest().Milliseconds()); m.At > graphNow && at < m.At {
			back.Marks[i].At = at
			changed = true
		}
	}
	if w := back.Window; w != nil && w.To > graphNow {
		back.Window, changed = nil, true
	}
	return back, changed
}
