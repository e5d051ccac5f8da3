package worker

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// copySkew is how far the copies of one version in two mailboxes can lie apart (milliseconds were seen).
// The index knows a version for so much longer than its own time can be asked for.
const copySkew = int64(time.Minute / time.Millisecond)

// never is later than every instant.
const never = math.MaxInt64

// leaseFor is how long the index keeps what it was made to reach back for, so that all the users of one
// outage find it: a suspended user is tried again after 6 hours at the latest.
const leaseFor = 7 * time.Hour

// reach is the part of the past that the index knows: every version that the topic holds with a time in
// one of its spans (invariant 2). What lies elsewhere can be compared only after the topic was read back.
// It is pure arithmetic on milliseconds.
type reach struct {
	floor int64 // everything from here on is known,
	band  span  // and this stretch before it, where memory does not allow all of the past

	strays      []stray // stretches around items that were shown outside of their windows
	strayPasses int     // since there were none

	lease span    // [from, to): the floor does not rise above from before the instant to
	asked int64   // the oldest instant that somebody waits for; never for none
	lost  []stray // around the items outside of their windows that somebody waits for
	pass  *pass   // the topic is being read back
}

// span is a stretch of time: from, up to and not including to.
type span struct{ from, to int64 }

func (s span) empty() bool                { return s.from >= s.to }
func (s span) has(at int64) bool          { return s.from <= at && at < s.to }
func (s span) covers(from, to int64) bool { return s.from <= from && to <= s.to }

// stray is a stretch that became known for items outside of their windows.
type stray struct {
	span
	core span  // the part that was asked for; the rest is there because more of its kind may follow
	used int64 // when it was asked for last
}

// pass is one reading back of the topic.
type pass struct {
	past     span    // becomes known for users
	asked    int64   // of it, what somebody waits for; the rest is for those who may come back
	strays   []stray // become known for items outside of their windows
	narrowed bool    // memory did not allow all of it
}

// newReach knows everything from an instant on.
func newReach(floor int64) reach {
	return reach{floor: floor, asked: never}
}

// knows reports whether the index must keep a version of this time, for what it knows or is about to.
func (r *reach) knows(at int64) bool {
	if at >= r.floor || r.band.has(at) {
		return true
	}
	has := func(s stray) bool { return s.has(at) }
	return slices.ContainsFunc(r.strays, has) ||
		r.pass != nil && (r.pass.past.has(at) || slices.ContainsFunc(r.pass.strays, has))
}

// oldest is the first instant that the index knows of.
func (r *reach) oldest() int64 {
	oldest := r.floor
	if !r.band.empty() {
		oldest = min(oldest, r.band.from)
	}
	for _, s := range r.strays {
		oldest = min(oldest, s.from)
	}
	if r.pass != nil {
		oldest = min(oldest, r.pass.since())
	}
	return oldest
}

// end is the first instant from one on whose items cannot be compared; never if all can.
func (r *reach) end(from int64) int64 {
	switch {
	case from-copySkew >= r.floor:
		return never
	case r.band.has(from - copySkew):
		return max(from, r.band.to-copySkew)
	default:
		return from
	}
}

// compares reports whether an item of this time can be compared with what was written. inside tells
// that it lies in the window it was asked for.
func (r *reach) compares(at, now int64, inside bool) bool {
	from, to := at-copySkew, at+copySkew+1
	if from >= r.floor || r.band.covers(from, to) {
		return true
	}
	for i := range r.strays {
		if !inside && r.strays[i].covers(from, min(to, r.floor)) {
			r.strays[i].used = now
			return true
		}
	}
	return false
}

// ask notes that somebody waits for items of this time.
func (r *reach) ask(at int64) { r.asked = min(r.asked, at) }

// askStray notes that somebody waits for an item outside of its window.
func (r *reach) askStray(at int64) {
	asked := stray{core: span{at - 2*copySkew, at + 2*copySkew}}
	asked.span = asked.core
	r.lost = join(append(r.lost, asked), 0)
	if len(r.lost) > maxLost {
		nearest := int64(never)
		for i := range r.lost[1:] {
			nearest = min(nearest, r.lost[i+1].core.from-r.lost[i].core.to)
		}
		r.lost = join(r.lost, nearest)
	}
}

const (
	// maxLost bounds how many stretches around strays one pass reads.
	maxLost = 64
	// maxStrays bounds how many are known.
	maxStrays = 1024
)

// join makes one of strays whose cores touch, or are no further apart than within.
func join(strays []stray, within int64) []stray {
	slices.SortFunc(strays, func(a, b stray) int { return cmp.Compare(a.core.from, b.core.from) })
	joined := strays[:0]
	for _, s := range strays {
		if len(joined) == 0 || s.core.from-joined[len(joined)-1].core.to > within {
			joined = append(joined, s)
			continue
		}
		last := &joined[len(joined)-1]
		last.core.to = max(last.core.to, s.core.to)
		last.span = span{min(last.from, s.from), max(last.to, s.to)}
		last.used = max(last.used, s.used)
	}
	return joined
}

// needs are the users that are polled: the oldest instant that each can ask for, and whether it is read
// at present or suspended.
type needs = iter.Seq2[int64, bool]

// regular is the first instant that a user polled at regular intervals can ask for. Suspended users hold
// the floor up to there, so that a short outage never makes anybody read the topic again.
func regular(now int64, back time.Duration) int64 { return now - back.Milliseconds() - copySkew }

// start is the floor of a new session: what the users within the regular reach need. Those further behind
// may be suspended for good; when they are not, the topic is read back for all of them together.
func start(now int64, back time.Duration, users needs) int64 {
	floor := now - copySkew
	for need := range users {
		if need -= copySkew; need >= regular(now, back) {
			floor = min(floor, need)
		}
	}
	return floor
}

// advance gives up what nobody will ask for any more.
func (r *reach) advance(now int64, back time.Duration, users needs) {
	if r.pass != nil {
		return // it adds to what is known now
	}
	floor, front := now-copySkew, int64(never)
	for need, reading := range users {
		need -= copySkew
		switch {
		case need >= r.floor && (reading || need >= regular(now, back)):
			floor = min(floor, need)
		case reading && r.band.has(need):
			front = min(front, need)
		}
	}
	if now < r.lease.to {
		floor = min(floor, r.lease.from)
	}
	r.floor = max(r.floor, floor)
	r.band.from = max(r.band.from, front)
	if r.band.from >= r.band.to {
		r.band = span{}
	}
	r.strays = slices.DeleteFunc(r.strays, func(s stray) bool {
		return s.from >= r.floor || now-s.used > max(leaseFor, back).Milliseconds()
	})
	if len(r.strays) == 0 {
		r.strayPasses = 0
	}
}

// strayWidths are how far around a stray the topic's versions become known, with each pass further: one
// item is as cheap as can be, and of a mailbox whose filter is ignored all is known after a few passes.
var strayWidths = [...]time.Duration{time.Hour, 48 * time.Hour, 30 * 24 * time.Hour}

// plan begins a pass for those who wait, nil if nobody does. It goes back for all who are behind, up to
// twice as far as it must, because they come back one by one after the same outage.
func (r *reach) plan(now int64, users needs) *pass {
	p := &pass{}
	if r.asked != never && r.compares(r.asked, now, true) {
		r.asked = never
	}
	if r.asked != never && !r.behind(users) {
		from := r.asked - copySkew
		p.asked = from
		least := 2*from - now
		for need := range users {
			if need -= copySkew; least <= need && need < from {
				from = need
			}
		}
		p.past = span{from, r.floor}
		r.band, r.asked = span{}, never
	}
	if len(r.lost) > 0 {
		width := strayWidths[min(r.strayPasses, len(strayWidths)-1)].Milliseconds()
		for i := range r.lost {
			s := &r.lost[i]
			s.from, s.to = s.core.from-width, s.core.to+width
		}
		p.strays, r.lost = r.lost, nil
		r.strayPasses++
	}
	if p.past.empty() && len(p.strays) == 0 {
		return nil
	}
	r.pass = p
	return p
}

// behind reports whether somebody is still read in the band, before the oldest instant that others wait
// for: memory holds one stretch of history, and all users pass through it before the next.
func (r *reach) behind(users needs) bool {
	if r.band.empty() || r.asked < r.band.from {
		return false
	}
	for need, reading := range users {
		if reading && r.band.has(need-copySkew) && r.end(need) > need {
			return true
		}
	}
	return false
}

// since is the oldest instant that a pass reads.
func (p *pass) since() int64 {
	since := int64(never)
	if !p.past.empty() {
		since = p.past.from
	}
	for _, s := range p.strays {
		since = min(since, s.from)
	}
	return since
}

// finish makes known what the present pass has read.
func (r *reach) finish(now int64) {
	p := r.pass
	r.pass = nil
	switch {
	case p.past.empty():
	case p.past.to >= r.floor:
		r.floor = p.past.from
		r.lease = span{p.past.from, now + leaseFor.Milliseconds()}
	default:
		r.band = p.past
	}
	for _, s := range p.strays {
		s.used = now
		r.strays = append(r.strays, s)
	}
	r.strays = join(r.strays, 0)
	if excess := len(r.strays) - maxStrays; excess > 0 {
		slices.SortFunc(r.strays, func(a, b stray) int { return cmp.Compare(a.used, b.used) })
		r.strays = r.strays[excess:]
	}
}

// shrinkStrays gives up what is known around strays only because more of their kind may follow.
func (r *reach) shrinkStrays() (shrunk bool) {
	shrink := func(strays []stray) {
		for i := range strays {
			s := &strays[i]
			shrunk = shrunk || s.span != s.core
			s.span = s.core
		}
	}
	shrink(r.strays)
	if r.pass != nil {
		shrink(r.pass.strays)
		r.pass.narrowed = r.pass.narrowed || shrunk
	}
	if shrunk {
		r.strayPasses = 0
	}
	return shrunk
}

// leastBand is the shortest band in which users can move.
const leastBand = 4 * copySkew

// narrow gives up the newer part of the known past because memory is short; it is read back once the older
// part is behind all who read it. Of what a pass reads back it first gives up what nobody waits for. middle returns the middle of a stretch and how many versions it has. false
// means that it would bring less than so many versions.
func (r *reach) narrow(now int64, back time.Duration, users needs, middle func(from, to int64) (int64, int), least int) bool {
	if r.shrinkStrays() {
		return true
	}
	if p := r.pass; p != nil && !p.past.empty() && p.past.from < p.asked {
		p.past.from, p.narrowed = p.asked, true // first what nobody waits for yet
		return true
	}
	past := &r.band
	single := span{r.floor, start(now, back, users)}
	switch {
	case r.pass != nil && !r.pass.past.empty():
		past = &r.pass.past
	case r.band.empty():
		past = &single
	}
	to, versions := middle(past.from, past.to)
	if to = max(to, past.from+leastBand); past.empty() || versions < least || to >= past.to {
		return false
	}
	past.to = to
	switch past {
	case &single:
		r.floor = start(now, back, users)
		r.band, r.lease = single, span{}
	case &r.band:
	default:
		r.pass.narrowed = true
	}
	return true
}
