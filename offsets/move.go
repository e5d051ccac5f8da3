package offsets

import (
	"slices"
	"time"
)

// ReadUpTo is the newest instant of the stream that has been read, in milliseconds: the shortest rung's
// mark, or how far the first window has come.
func (p Position) ReadUpTo() int64 {
	switch {
	case len(p.Marks) > 0:
		return p.Marks[0].At
	case p.Window != nil:
		return p.Window.Done
	default:
		return p.Start
	}
}

// NeededFrom is the earliest instant that a later window of this position can still ask for, by the rungs
// that it holds, in milliseconds. Without a mark that is the start, also when the first window is nearly
// read: all of it is read a second time.
func (p Position) NeededFrom() int64 {
	if len(p.Marks) == 0 {
		return p.Start
	}
	oldest := p.Marks[0].At
	for _, m := range p.Marks {
		oldest = min(oldest, m.At-m.Rung.Milliseconds())
	}
	return max(oldest, p.Start)
}

// Rewound is the position from which everything that was last modified at or after an instant is read
// again. No mark moves forward, so nothing that p would still read is left out; each rung reaches back
// from there as it always does, so that somewhat more is read again than was asked for. A position that
// is behind the instant already is returned as it is.
func (p Position) Rewound(at int64) Position {
	back := p.Clone()
	back.Start = min(p.Start, at)
	for i := range back.Marks {
		back.Marks[i].At = min(back.Marks[i].At, at)
	}
	if w := back.Window; w != nil && at < w.Done {
		if at < w.From {
			back.Window = nil // the marks have not moved for it, so the next window reaches back as far
		} else {
			w.Done = at
		}
	}
	return back
}

// Skipped is the position that continues at an instant as if everything before it had been read. What p
// would still have read before the instant may be lost.
func (p Position) Skipped(at int64) Position {
	skipped := p.Clone()
	skipped.Window = nil
	if len(skipped.Marks) == 0 {
		skipped.Start = max(p.Start, at)
		return skipped
	}
	for i := range skipped.Marks {
		skipped.Marks[i].At = max(skipped.Marks[i].At, at)
	}
	return skipped
}

// Skips reports whether q counts anything as read that p would still have read, so that putting q in p's
// place can lose messages. When in doubt it says yes.
func (p Position) Skips(q Position) bool {
	if q.Start > p.NeededFrom() {
		return true
	}
	for _, rung := range rungs(p, q) {
		before, some := p.Mark(rung)
		after, marked := q.Mark(rung)
		if marked && (!some || after > before) {
			return true
		}
	}
	w := q.Window
	if w == nil || w.Done == w.From {
		return false
	}
	return p.Window == nil || w.From < p.Window.From || w.Done > p.Window.Done
}

// Equal reports whether two positions say the same.
func (p Position) Equal(q Position) bool { return string(p.Value()) == string(q.Value()) }

// rungs are the rungs of two positions, the shortest first.
func rungs(p, q Position) []time.Duration {
	var all []time.Duration
	for _, m := range slices.Concat(p.Marks, q.Marks) {
		all = append(all, m.Rung)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
