package graphsim

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
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
	// last is the number of the last reading in which the copy was shown, and missed when the first one before that began which
	// lacked it, Unix ns by Config.Now, 0 if none did. They are written by atomic access.
	last   uint32
	missed int64
}

const ledgerChunk = 1 << 14

// ledger is the list of all first showings, in order. Chunks are never moved, so what was entered can be read without
// a lock up to the length taken under it.
type ledger struct {
	chunks [][]showing
	length int
	// exposed holds every version that was shown to anybody, as message and seq.
	exposed map[uint64]struct{}
	asked   uint32 // readings there were
}

// reading is a user's window being asked for from its beginning, or once more from a page on.
type reading struct {
	win    window
	at     int64 // Unix ns by Config.Now
	number uint32
}

// holds tells whether a copy's time, in Unix ms, lies in the window.
func (r reading) holds(modified int64) bool {
	ticks := modified * ticksPerMilli
	return r.win.from < ticks && ticks < r.win.to
}

// asked is what a user's folder was last asked for.
type asked struct {
	win    window
	offset int
	number uint32    // of that reading
	news   bool      // a copy that was shown has been replaced since a reading was noted
	widest int64     // the earliest lower bound among the readings noted since then
	noted  []reading // those in which something shown before may be missing, in order
}

// missed is when the first reading after the one with a number began that should have shown a copy of this time, before the
// present one; 0 if there was none.
func (a *asked) missed(since uint32, modified int64) (at int64) {
	for i := len(a.noted) - 1; i >= 0 && a.noted[i].number > since; i-- {
		if r := a.noted[i]; r.number < a.number && r.holds(modified) {
			at = r.at
		}
	}
	return at
}

// ask takes a request down. If it is no next page of the one before it, a reading begins, and is noted if it may lack what was
// shown before: the first since a copy was replaced, those that reach back further than that one, and each that has several pages,
// because a change between them can hide an item.
func (l *ledger) ask(last *asked, req pageRequest, more bool, at int64) {
	next := req.win == last.win && req.offset > last.offset
	last.win, last.offset = req.win, req.offset
	if next {
		return
	}
	l.asked++
	last.number = l.asked
	if !more && !last.news && req.win.from >= last.widest {
		return
	}
	last.news, last.widest = false, req.win.from
	last.noted = append(last.noted, reading{win: req.win, at: at, number: last.number})
}

// enter appends a showing and returns its place.
func (l *ledger) enter(s showing) uint32 {
	if l.length%ledgerChunk == 0 {
		l.chunks = append(l.chunks, make([]showing, 0, ledgerChunk))
	}
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, s)
	l.length++
	if l.exposed == nil {
		l.exposed = make(map[uint64]struct{})
	}
	l.exposed[uint64(s.message)<<32|uint64(s.seq)] = struct{}{}
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
	// Again is when the user's feed was first asked for a window that holds this copy's time after it was shown for the last time:
	// a newer version had taken its place, or a change between two pages hid it. A client whose earlier response was lost, or that
	// could not commit what it read, has had no second chance to see the version since then. Absent if it never was.
	Again *time.Time `json:"again,omitempty"`
	// Missed is when the first reading of such a window began that lacked the copy, although it was shown before and, unlike with
	// Again, after. Who could not commit the earlier showing did not see the version until it was shown again.
	Missed *time.Time `json:"missed,omitempty"`
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
	book := ledger{chunks: slices.Clone(m.ledger.chunks), length: m.ledger.length}
	newest := make([]uint32, len(m.messages)) // the newest version that a client can see anywhere
	cfg := s.settings.Load()
	for i := range m.mailboxes {
		if s.unreadable(cfg, uint32(i)) != nil {
			continue
		}
		for _, c := range m.mailboxes[i].copies {
			if deleted := m.messages[c.message].deletedAt(c.seq); deleted != 0 && deleted+purgeAfter <= m.now {
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

// again is the first reading since a user was last shown the version in which the copy's time lies. The showings are all those of
// one version; a spoiled one and a sound one share the copy.
func (l *ledgerWriter) again(user uint32, shown []uint32, book *ledger, modified int64) (reading, bool) {
	var last uint32
	for _, n := range shown {
		if s := book.entry(n); s.user == user {
			last = max(last, atomic.LoadUint32(&s.last))
		}
	}
	all := l.readings[user]
	from, _ := slices.BinarySearchFunc(all, last+1, func(r reading, number uint32) int { return cmp.Compare(r.number, number) })
	for _, r := range all[from:] {
		if r.holds(modified) {
			return r, true
		}
	}
	return reading{}, false
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
		if r, ok := l.again(s.user, shown, book, modified[i]); ok {
			b = append(b, `,"again":"`...)
			b = time.Unix(0, r.at).UTC().AppendFormat(b, time.RFC3339Nano)
			b = append(b, '"')
		}
		if missed := atomic.LoadInt64(&s.missed); missed != 0 {
			b = append(b, `,"missed":"`...)
			b = time.Unix(0, missed).UTC().AppendFormat(b, time.RFC3339Nano)
			b = append(b, '"')
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
