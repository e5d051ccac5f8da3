package graphsim

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

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

// wants tells whether the reading should have shown an item: its window and its clauses hold it, and it does not begin behind the
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
// none. The present reading is none of them, whatever it has asked for so far.
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

// ask takes a request down. If it is no next page of the one before it, a reading begins.
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

// LedgerLine is one line of the ledger: a version that was shown, or one that is visible and newest and was shown to
// nobody (then Shown is empty).
type LedgerLine struct {
	ChatID string `json:"chatId"`
	ID     string `json:"id"`
	Etag   string `json:"etag"`
	// Seq numbers the versions of a message from 1.
	Seq uint32 `json:"seq"`
	// Time is lastModifiedDateTime in Unix ms, or createdDateTime where that is null.
	Time int64 `json:"time"`
	// BodySHA256 is the hash of body.content in UTF-8, in hexadecimal; empty if there is no content.
	BodySHA256 string    `json:"bodySha256"`
	Shown      []Showing `json:"shown"`
	// Bad says what is wrong with an item no client can use, and SHA256 is the hash of its raw JSON.
	Bad    string `json:"bad,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// Showing is the first time a version was shown in a user's feed.
type Showing struct {
	// User is the id of the user whose feed it was.
	User string    `json:"user"`
	At   time.Time `json:"at"`
	// To is the upper bound of the request's filter in Unix ms, 0 if there was none.
	To int64 `json:"to"`
	// Cut means that a fault spoiled the response, so that the client may not have got it. If the version was later shown to
	// the user in a sound response, that is a showing of its own.
	Cut bool `json:"cut,omitempty"`
	// Again is when the user's feed was first asked for something that this copy belonged to after it was shown for the last time:
	// a newer version had taken its place, or a change between two pages hid it. A page that is asked for twice asks again for what
	// stood on it and behind it. A client whose earlier response was lost, or that
	// could not commit what it read, has had no second chance to see the version since then. Absent if it never was.
	Again *time.Time `json:"again,omitempty"`
	// Missed is when the first such reading began that lacked the copy, although it was shown before and, unlike with
	// Again, after. Who could not commit the earlier showing did not see the version until it was shown again.
	Missed *time.Time `json:"missed,omitempty"`
	// Overtaken says that before this showing, the first to the user, a window which holds the copy's time and ends later was read to
	// its end and did not show it: the upper bound of that window in Unix ms, of the last if there were several. What was
	// committed up to there may be that reading's. 0 if there was none.
	Overtaken int64 `json:"overtaken,omitempty"`
	// Time is the lastModifiedDateTime this user's copy has, in Unix ms, where it differs from the version's.
	Time int64 `json:"time,omitempty"`
}

// WriteLedger writes the ledger as JSON lines: first every version that was shown, then the newest version of each message
// that is visible in a mailbox which can be read, if it was never shown. It does not stop the simulator; showings that happen meanwhile
// are left out.
func (s *Server) WriteLedger(w io.Writer) error {
	m := s.model
	m.mu.Lock()
	m.advance(s.graphMillis())
	book := ledger{chunks: slices.Clone(m.ledger.chunks), length: m.ledger.length, overtaken: maps.Clone(m.ledger.overtaken)}
	newest := make([]uint32, len(m.messages)) // the newest version that a client can see anywhere
	cfg := s.settings.Load()
	for i := range m.mailboxes {
		if s.unreadable(cfg, uint32(i)) != nil {
			continue
		}
		for _, c := range m.mailboxes[i].copies {
			if deleted := m.messages[c.message].deletedAt(c.seq); deleted != 0 && deleted+m.cfg.PurgeAfter.Milliseconds() <= m.now {
				continue
			}
			newest[c.message] = max(newest[c.message], c.seq)
		}
	}
	readings := make([][]reading, len(m.mailboxes))
	for i := range m.mailboxes {
		readings[i] = m.mailboxes[i].asked.noted
	}
	m.mu.Unlock()

	order := make([]uint32, book.length)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(a, b uint32) int {
		x, y := book.entry(a), book.entry(b)
		if x.message != y.message {
			return cmp.Compare(x.message, y.message)
		}
		return cmp.Compare(x.seq, y.seq)
	})

	out := &ledgerWriter{w: bufio.NewWriterSize(w, 64<<10), server: s, readings: readings}
	for i := 0; i < len(order); {
		first := book.entry(order[i])
		end := i + 1
		for end < len(order) && book.entry(order[end]).message == first.message && book.entry(order[end]).seq == first.seq {
			end++
		}
		if newest[first.message] == first.seq {
			newest[first.message] = 0 // shown: not to be listed below
		}
		if err := out.line(first.message, first.seq, order[i:end], &book); err != nil {
			return fmt.Errorf("graphsim: write the ledger: %w", err)
		}
		i = end
	}
	for index, seq := range newest {
		if seq == 0 {
			continue
		}
		if err := out.line(uint32(index), seq, nil, &book); err != nil {
			return fmt.Errorf("graphsim: write the ledger: %w", err)
		}
	}
	if err := out.w.Flush(); err != nil {
		return fmt.Errorf("graphsim: write the ledger: %w", err)
	}
	return nil
}

type ledgerWriter struct {
	w             *bufio.Writer
	server        *Server
	readings      [][]reading // of each user, in order
	buffer, space []byte
}

// again is the first reading since a user was last shown an item that should have shown it once more. The showings are all those
// of one version; a spoiled one and a sound one share the copy.
func (l *ledgerWriter) again(user uint32, shown []uint32, book *ledger, it *item) (*reading, bool) {
	var last uint64
	for _, n := range shown {
		if s := book.entry(n); s.user == user {
			last = max(last, atomic.LoadUint64(&s.last))
		}
	}
	all := l.readings[user]
	from, _ := slices.BinarySearchFunc(all, uint32(last>>32)+1, func(r reading, number uint32) int { return cmp.Compare(r.number, number) })
	for i := range all[from:] {
		if r := &all[from+i]; r.wants(l.server.renderer, it, last) {
			return r, true
		}
	}
	return nil, false
}

func (l *ledgerWriter) line(index, seq uint32, shown []uint32, book *ledger) error {
	m := l.server.model
	m.mu.Lock()
	it := m.item(index, seq)
	modified := make([]int64, len(shown))
	for i, n := range shown {
		modified[i] = m.modifiedIn(book.entry(n).user, index, seq)
	}
	m.mu.Unlock()

	v := it.msg.version(seq)
	b := append(l.buffer[:0], `{"chatId":"`...)
	if it.msg.kind != kindNoChat {
		b = l.server.renderer.appendChatID(b, it.msg.chat, it.chat)
	}
	b = append(b, `","id":"`...)
	if it.msg.kind != kindNoID {
		b = strconv.AppendInt(b, it.msg.id, 10)
	}
	b = append(b, `","etag":"`...)
	b = strconv.AppendInt(b, v.etag, 10)
	b = append(b, `","seq":`...)
	b = strconv.AppendUint(b, uint64(seq), 10)
	b = append(b, `,"time":`...)
	b = strconv.AppendInt(b, v.at, 10)
	b = append(b, `,"bodySha256":"`...)
	_, l.space = l.server.renderer.body(l.space[:0], &it)
	if len(l.space) > 0 {
		b = appendSHA256(b, l.space)
	}
	b = append(b, `","shown":[`...)
	for i, n := range shown {
		if i > 0 {
			b = append(b, ',')
		}
		s := book.entry(n)
		b = append(b, `{"user":"`...)
		b = m.userIDs[s.user].appendTo(b)
		b = append(b, `","at":"`...)
		b = time.Unix(0, s.at).UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, `","to":`...)
		b = strconv.AppendInt(b, s.to, 10)
		if s.cut {
			b = append(b, `,"cut":true`...)
		}
		if modified[i] != v.at {
			b = append(b, `,"time":`...)
			b = strconv.AppendInt(b, modified[i], 10)
		}
		it.modified = modified[i]
		if r, ok := l.again(s.user, shown, book, &it); ok {
			b = append(b, `,"again":"`...)
			b = time.Unix(0, r.at).UTC().AppendFormat(b, time.RFC3339Nano)
			b = append(b, '"')
		}
		if missed := atomic.LoadInt64(&s.missed); missed != 0 {
			b = append(b, `,"missed":"`...)
			b = time.Unix(0, missed).UTC().AppendFormat(b, time.RFC3339Nano)
			b = append(b, '"')
		}
		if to := book.overtaken[n]; to != 0 {
			b = append(b, `,"overtaken":`...)
			b = strconv.AppendInt(b, to, 10)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if bad := it.msg.kind.bad(); bad != "" {
		b = append(b, `,"bad":"`...)
		b = append(b, bad...)
		b = append(b, `","sha256":"`...)
		l.space = l.server.renderer.appendItem(l.space[:0], &it, true)
		b = appendSHA256(b, l.space)
		b = append(b, '"')
	}
	b = append(b, '}', '\n')
	l.buffer = b
	_, err := l.w.Write(b)
	return err
}

func appendSHA256(b, data []byte) []byte {
	sum := sha256.Sum256(data)
	return hex.AppendEncode(b, sum[:])
}
