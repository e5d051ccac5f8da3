package graphsim

import "math"

// showing says that a version was put into a response to a user's feed.
type showing struct {
	message, seq, user uint32
	cut                bool  // the response was spoiled on its way; the client may not have got it
	at                 int64 // Unix ns by Config.Now
	to                 int64 // upper filter bound, Unix ms; 0 if there was none
	// last is where the copy was shown last, and missed when the first reading before that began which lacked it, Unix ns by
	// Config.Now, 0 if none did. They are written by atomic access.
	last   uint64
	missed int64
}

// lastShown says where a copy was last shown: the number of the reading in the upper half, the offset of the page in the lower.
func lastShown(number uint32, offset int) uint64 {
	return uint64(number)<<32 | uint64(uint32(min(offset, math.MaxInt32)))
}

const ledgerChunk = 1 << 14

// ledger is the list of all first showings, in order. Chunks are never moved, so what was entered can be read without
// a lock up to the length taken under it.
type ledger struct {
	chunks  [][]showing
	length  int
	exposed int    // versions that were shown to anybody
	asked   uint32 // readings there were
	// first64 has a bit for each of the first 64 versions of each message, set if it was shown; further has the others.
	first64 []uint64
	further map[[2]uint32]bool
	// overtaken has the upper bound of an earlier reading that lacked the version and reached further, in Unix ms, for the few
	// showings that there is one for, by their places.
	overtaken map[uint32]int64
}

// expose counts a version when it is shown for the first time to anybody.
func (l *ledger) expose(message, seq uint32) {
	if seq > 64 {
		if l.further == nil {
			l.further = map[[2]uint32]bool{}
		}
		if key := [2]uint32{message, seq}; !l.further[key] {
			l.further[key] = true
			l.exposed++
		}
		return
	}
	if missing := int(message) + 1 - len(l.first64); missing > 0 {
		l.first64 = append(l.first64, make([]uint64, missing)...)
	}
	if bit := uint64(1) << (seq - 1); l.first64[message]&bit == 0 {
		l.first64[message] |= bit
		l.exposed++
	}
}

// reading is a user's window being asked for from its beginning, or once more from a page on.
type reading struct {
	win     window
	clauses *clauseGroup // nil: no clause
	at      int64        // Unix ns by Config.Now
	number  uint32
	offset  uint32 // of the page with which it began
	ended   bool   // its last page was asked for
}

// wants reports whether the reading should have shown an item: its window and its clauses hold it, and it does not begin behind the
// page that showed the item last.
func (r *reading) wants(render renderer, it *item, last uint64) bool {
	ticks := it.modified*ticksPerMilli + render.fraction(it.index, it.seq)
	return r.offset <= uint32(last) && r.win.from < ticks && ticks < r.win.to &&
		(r.clauses == nil || r.clauses.matches(render.sender(it.index, it.msg.kind, it.chat), it.msg.kind == kindSystem))
}

// asked is what a user's folder was last asked for.
type asked struct {
	win      window
	clauses  *clauseGroup
	offset   int
	pass     int
	number   uint32    // of that reading
	begun    uint32    // of the reading from the beginning of the window that it continues
	replaced span      // times of shown copies that were replaced, until a reading of all of them was noted
	noted    []reading // those in which something shown before may be missing, in order
	recent   []reading // the last of those from the beginning of a window, in order
}

// maxRecent bounds the readings that are kept of each user to know what was overtaken: requests on their way at one time.
const maxRecent = 4

// span is a stretch of time in Unix ms, both ends included.
type span struct {
	first, last int64
	some        bool // false: nothing
}

func (s *span) add(at int64) {
	if !s.some {
		*s = span{at, at, true}
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

// missed is when the first reading after the one that showed an item last began that should have shown it too, 0 if there was
// none. The present reading is not one of them, whatever it has asked for so far.
func (a *asked) missed(render renderer, it *item, last uint64) (at int64) {
	for i := len(a.noted) - 1; i >= 0 && a.noted[i].number > uint32(last>>32); i-- {
		if r := &a.noted[i]; r.number < a.begun && r.wants(render, it, last) {
			at = r.at
		}
	}
	return at
}

// overtaken is how far those of the recent readings reached, in Unix ms, which end later than the present one, were read to their ends,
// and lacked an item that has not been shown before; 0 if there were none.
func (a *asked) overtaken(render renderer, it *item) (to int64) {
	for i := range a.recent {
		if r := &a.recent[i]; r.ended && r.win.to > a.win.to && r.wants(render, it, 0) {
			to = max(to, r.win.upperMillis())
		}
	}
	return to
}

// ask takes a request down. If it is not a next page of the one before it, a reading begins.
func (l *ledger) ask(last *asked, req pageRequest, more bool, at int64) {
	same := req.win == last.win && req.clauses.String() == last.clauses.String()
	next := same && (req.offset > last.offset || req.offset == last.offset && req.pass > last.pass)
	last.win, last.clauses, last.offset, last.pass = req.win, req.clauses, req.offset, req.pass
	if !next {
		l.begin(last, req, more, at)
	}
	for i := range last.recent {
		if r := &last.recent[i]; r.number == last.begun && r.win == req.win && !more {
			r.ended = true
		}
	}
}

// begin takes down that a reading begins. It is noted if it may lack what was shown before: it may hold the time of a copy that has been
// replaced, it has several pages, between which a change can hide an item, or it goes by other times.
func (l *ledger) begin(last *asked, req pageRequest, more bool, at int64) {
	l.asked++
	last.number = l.asked
	now := reading{win: req.win, clauses: req.clauses, at: at, number: last.number, offset: uint32(min(req.offset, math.MaxInt32))}
	whole := req.offset == 0 && req.pass == 0
	if whole {
		last.begun = l.asked
		if req.win.to != always.to { // one without an upper bound says nothing of where it reached
			last.recent = append(last.recent[max(0, len(last.recent)+1-maxRecent):], now)
		}
	}
	first, end := last.replaced.first*ticksPerMilli, (last.replaced.last+1)*ticksPerMilli
	if !more && !req.created && !(last.replaced.some && req.win.from < end && first < req.win.to) {
		return
	}
	if whole && req.clauses == nil && !req.created && req.win.from < first && end <= req.win.to {
		last.replaced = span{}
	}
	last.noted = append(last.noted, now)
}

// enter appends a showing and returns its place.
func (l *ledger) enter(s showing) uint32 {
	if l.length%ledgerChunk == 0 {
		l.chunks = append(l.chunks, make([]showing, 0, ledgerChunk))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, s)
	l.length++
	l.expose(s.message, s.seq)
	return uint32(l.length - 1)
}

func (l *ledger) entry(i uint32) *showing { return &l.chunks[i/ledgerChunk][i%ledgerChunk] }
