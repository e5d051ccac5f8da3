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
	"time"
)

// showing says that a version was put into a response to a user's feed.
type showing struct {
	message, seq, user uint32
	client             uint16
	cut                bool  // the response was spoiled on its way; the client may not have got it
	at                 int64 // Unix ns by Config.Now
	to                 int64 // upper filter bound, Unix ms; 0 if there was none
}

const ledgerChunk = 1 << 14

// ledger is the list of all first showings, in order. Chunks are never moved, so what was entered can be read without
// a lock up to the length taken under it.
type ledger struct {
	chunks [][]showing
	length int
	// exposed holds every version that was shown to anybody, as message and seq.
	exposed map[uint64]struct{}
}

func (l *ledger) enter(s showing) {
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

// Showing is the first time a version was shown to a process in a user's feed. If another process was shown the feed's copy
// meanwhile, the first one's next time is a showing of its own.
type Showing struct {
	// User is the id of the user whose feed it was.
	User string `json:"user"`
	// Instance is the process, by the instance id in its User-Agent, and its session if it has several; empty if it does
	// not say.
	Instance string    `json:"instance,omitempty"`
	At       time.Time `json:"at"`
	// To is the upper bound of the request's filter in Unix ms, 0 if there was none.
	To int64 `json:"to"`
	// Cut means that a fault spoiled the response, so that the client may not have got it. If the version was later shown to
	// the user in a sound response, that is a showing of its own.
	Cut bool `json:"cut,omitempty"`
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
	clients := slices.Clone(m.clients)
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

	out := &ledgerWriter{w: bufio.NewWriterSize(w, 64<<10), server: s, clients: clients}
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
	clients       []string
	buffer, space []byte
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
		if instance := l.clients[s.client]; instance != "" {
			b = append(b, `","instance":`...)
			b = appendString(b, instance, false)
			b = append(b, `,"at":"`...)
		} else {
			b = append(b, `","at":"`...)
		}
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
