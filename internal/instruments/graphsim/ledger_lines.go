package graphsim

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

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
	// Unreadable are all copies of a version that was shown to nobody because every mailbox that has it is poisoned there.
	Unreadable []Hidden `json:"unreadable,omitempty"`
	// Bad says what is wrong with an item no client can use, and SHA256 is the hash of its raw JSON.
	Bad    string `json:"bad,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// Hidden is a copy that no client can read.
type Hidden struct {
	// User is the id of the user in whose mailbox it is.
	User string `json:"user"`
	// Time is the lastModifiedDateTime of this copy, in Unix ms.
	Time int64 `json:"time"`
}

// Showing is the first time a version was shown in a user's feed.
type Showing struct {
	// User is the id of the user whose feed it was.
	User string    `json:"user"`
	At   time.Time `json:"at"`
	// To is the upper bound of the request's filter in Unix ms, 0 if there was none.
	To int64 `json:"to"`
	// Cut means that a fault spoiled the response, so that the client may not have got it. If the version was later shown to
	// the user in a sound response, that is a separate showing.
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
	now := s.settings.Load()
	for i := range m.mailboxes {
		if s.unreadable(now, uint32(i)) != nil {
			continue
		}
		for _, c := range m.mailboxes[i].copies {
			if deleted := m.messages[c.message].deletedAt(c.seq); deleted != 0 && deleted+m.cfg.PurgeAfter.Milliseconds() <= m.now {
				continue
			}
			newest[c.message] = max(newest[c.message], c.seq)
		}
	}
	hidden := s.hidden(now, newest)
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

	out := &ledgerWriter{w: bufio.NewWriterSize(w, 64<<10), server: s, readings: readings, hidden: hidden}
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
	readings      [][]reading         // of each user, in order
	hidden        map[uint32][]Hidden // by message: the copies of the newest version, if no client can read any of them
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
	if copies := l.hidden[index]; len(shown) == 0 && len(copies) > 0 {
		b = appendHidden(b, copies)
	}
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
