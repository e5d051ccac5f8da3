package judge

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrLedger is wrapped by the error of Run for a ledger that cannot be read to its end or contradicts
// itself. A ledger that breaks off would hide losses, so it is never judged by half.
var ErrLedger = errors.New("ledger is unusable")

const none = int32(-1)

// fingerprint stands for a message or a version in the maps: the first half of a SHA-256, so that a
// million of them stay small.
type fingerprint [16]byte

func fingerprintOf(parts ...string) fingerprint {
	var buffer [512]byte
	text := buffer[:0]
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return fingerprint(sum[:16])
}

// showing is one time that a response held a version.
type showing struct {
	at   int64 // Unix milliseconds, cut off
	to   int64 // the upper bound of the window asked for, Unix milliseconds
	user int32
	next int32 // the next showing of the same version, or none
	cut  bool  // the response may not have arrived
	// again is when the window was first read again after the version had been replaced in it, Unix milliseconds; nothing if
	// never.
	again int64
	// missed is when a window that holds the version was first read without it, though it was shown again later, Unix milliseconds;
	// nothing if never.
	missed int64
	// overtaken is the end of an earlier window which lacked the version, though it holds it and reaches further, Unix
	// milliseconds; nothing if there was none.
	overtaken int64
}

// bodyState says what the ledger knows of a version's body.
type bodyState uint8

const (
	bodyUntold bodyState = iota // the ledger says nothing
	bodyNull                    // there is no content
	bodyHashed                  // version.body is the start of the content's SHA-256
)

// version is one line of the ledger, and what the topics hold of it.
type version struct {
	etag      string
	seq       int64 // the order among the versions of one message
	time      int64 // Unix milliseconds
	offset    int64 // of the first record or dead letter found
	written   int64 // the timestamp of the first record, Unix milliseconds
	body      [16]byte
	message   int32
	sibling   int32 // the next version of the same message, or none
	showing   int32 // the first of its showings, or none
	records   int32
	letters   int32
	partition int32
	bodyState bodyState
	timed     bool
	bad       bool
}

// message is what all versions of one message share.
type message struct {
	id      string
	chat    int32
	newest  int32 // the head of the list of its versions
	lastSeq int64 // of the last record read
	lastAt  int64 // the offset of that record
	seen    bool
}

// chat is what all messages of one chat share.
type chat struct {
	id        string
	partition int32 // of its first record, or none
}

// ledger holds everything the source ever showed.
type ledger struct {
	versions []version
	messages []message
	chats    []chat
	showings []showing
	users    []string

	byVersion map[fingerprint]int32
	byMessage map[fingerprint]int32
	byChat    map[string]int32
	byUser    map[string]int32
	byItem    map[[sha256.Size]byte]int32 // bad items, by the hash of their raw JSON

	// times holds the further times of versions whose copies differ by some milliseconds.
	times map[int32][]int64
}

// ledgerLine is the format of the ledger: JSON, one object per line.
type ledgerLine struct {
	ChatID     string          `json:"chatId"`
	ID         string          `json:"id"`
	ETag       string          `json:"etag"`
	Seq        int64           `json:"seq"`
	Time       *int64          `json:"time"`
	Times      []int64         `json:"times"`
	BodySHA256 *string         `json:"bodySha256"`
	Bad        string          `json:"bad"`
	SHA256     string          `json:"sha256"`
	Shown      []ledgerShowing `json:"shown"`
}

// ledgerShowing is one showing of a line.
type ledgerShowing struct {
	User   string     `json:"user"`
	At     time.Time  `json:"at"`
	To     int64      `json:"to"`
	Cut    bool       `json:"cut"`
	Time   *int64     `json:"time"` // this copy's, where it differs
	Again  *time.Time `json:"again"`
	Missed *time.Time `json:"missed"`
	// Overtaken is in Unix milliseconds, 0 if absent.
	Overtaken int64 `json:"overtaken"`
}

func newLedger() *ledger {
	return &ledger{
		byVersion: make(map[fingerprint]int32),
		byMessage: make(map[fingerprint]int32),
		byChat:    make(map[string]int32),
		byUser:    make(map[string]int32),
		byItem:    make(map[[sha256.Size]byte]int32),
		times:     make(map[int32][]int64),
	}
}

// readLedger reads lines to the end of the input.
func readLedger(input io.Reader, progress func(lines int)) (*ledger, error) {
	l := newLedger()
	decoder := json.NewDecoder(input)
	for number := 1; ; number++ {
		var line ledgerLine
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			l.nameBadItems()
			progress(number - 1)
			return l, nil
		}
		if err == nil {
			err = l.add(&line)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrLedger, number, err)
		}
		if number%50000 == 0 {
			progress(number)
		}
	}
}

func (l *ledger) add(line *ledgerLine) error {
	var at int32
	var err error
	if line.Bad != "" {
		at, err = l.addBadItem(line)
	} else {
		at, err = l.addVersion(line)
	}
	if err != nil {
		return err
	}
	for _, shown := range line.Shown {
		l.showings = append(l.showings, showing{
			at:        shown.At.UnixMilli(),
			to:        shown.To,
			user:      l.user(shown.User),
			next:      l.versions[at].showing,
			cut:       shown.Cut,
			again:     orNothing(shown.Again),
			missed:    orNothing(shown.Missed),
			overtaken: cmp.Or(shown.Overtaken, nothing),
		})
		l.versions[at].showing = int32(len(l.showings) - 1)
	}
	return nil
}

func orNothing(at *time.Time) int64 {
	if at == nil {
		return nothing
	}
	return at.UnixMilli()
}

func (l *ledger) addBadItem(line *ledgerLine) (int32, error) {
	sum, err := hex.DecodeString(line.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return none, errors.New("a bad item without the SHA-256 of its JSON")
	}
	hash := [sha256.Size]byte(sum)
	at, known := l.byItem[hash]
	if !known {
		at = l.append(line)
		l.versions[at].bad = true
		l.byItem[hash] = at
	}
	return at, nil
}

func (l *ledger) addVersion(line *ledgerLine) (int32, error) {
	if line.ChatID == "" || line.ID == "" {
		return none, errors.New("a version without chatId or id")
	}
	if line.ETag == "" {
		// A version without an etag goes by its time.
		if line.Time == nil {
			return none, errors.New("a version without etag and time")
		}
		line.ETag = strconv.FormatInt(*line.Time, 10)
	}
	for _, s := range line.Shown {
		if s.Time != nil {
			line.Times = append(line.Times, *s.Time)
		}
	}
	key := fingerprintOf(line.ChatID, line.ID, line.ETag)
	at, known := l.byVersion[key]
	if known {
		if have := l.versions[at].seq; have != line.Seq {
			return none, fmt.Errorf("one version is there as seq %d and as seq %d", have, line.Seq)
		}
		if line.Time != nil {
			line.Times = append(line.Times, *line.Time)
		}
		l.times[at] = append(l.times[at], line.Times...)
		return at, nil
	}

	at = l.append(line)
	l.byVersion[key] = at
	v := &l.versions[at]
	if line.BodySHA256 != nil {
		switch sum, err := hex.DecodeString(*line.BodySHA256); {
		case err != nil || len(sum) != sha256.Size && len(sum) != 0:
			return none, errors.New("bodySha256 is not a SHA-256")
		case len(sum) == 0:
			v.bodyState = bodyNull
		default:
			v.bodyState = bodyHashed
			copy(v.body[:], sum)
		}
	}
	if len(line.Times) > 0 {
		l.times[at] = line.Times
	}
	m := &l.messages[v.message]
	for sibling := m.newest; sibling != none; sibling = l.versions[sibling].sibling {
		if l.versions[sibling].seq == line.Seq {
			return none, fmt.Errorf("two versions of one message share seq %d", line.Seq)
		}
	}
	v.sibling, m.newest = m.newest, at
	return at, nil
}

// append makes the version of a line, without its place in the maps and lists.
func (l *ledger) append(line *ledgerLine) int32 {
	v := version{
		etag:      line.ETag,
		seq:       line.Seq,
		message:   l.message(line.ChatID, line.ID),
		sibling:   none,
		showing:   none,
		partition: none,
	}
	if line.Time != nil {
		v.time, v.timed = *line.Time, true
	}
	if v.etag == l.messages[v.message].id {
		v.etag = l.messages[v.message].id // an unchanged message has its id as etag: keep one copy
	}
	l.versions = append(l.versions, v)
	return int32(len(l.versions) - 1)
}

// nameBadItems lets a bad item that has its own identity be found by it, should the connector
// have been able to convert it after all. Versions come first.
func (l *ledger) nameBadItems() {
	for _, at := range l.byItem {
		v := &l.versions[at]
		m := &l.messages[v.message]
		if l.chats[m.chat].id == "" || m.id == "" || v.etag == "" {
			continue
		}
		key := fingerprintOf(l.chats[m.chat].id, m.id, v.etag)
		if _, taken := l.byVersion[key]; !taken {
			l.byVersion[key] = at
		}
	}
}

func (l *ledger) message(chatID, id string) int32 {
	key := fingerprintOf(chatID, id)
	at, known := l.byMessage[key]
	if !known {
		at = int32(len(l.messages))
		l.byMessage[key] = at
		l.messages = append(l.messages, message{id: id, chat: l.chat(chatID), newest: none})
	}
	return at
}

func (l *ledger) chat(id string) int32 {
	at, known := l.byChat[id]
	if !known {
		at = int32(len(l.chats))
		l.byChat[id] = at
		l.chats = append(l.chats, chat{id: id, partition: none})
	}
	return at
}

// user returns the number of a user; directory ids do not differ by case.
func (l *ledger) user(id string) int32 {
	id = strings.ToLower(id)
	at, known := l.byUser[id]
	if !known {
		at = int32(len(l.users))
		l.byUser[id] = at
		l.users = append(l.users, id)
	}
	return at
}

// find returns the number of a version, or none.
func (l *ledger) find(chatID, id, etag string) int32 {
	if at, known := l.byVersion[fingerprintOf(chatID, id, etag)]; known {
		return at
	}
	return none
}

// hasTime reports whether one of a version's copies carries the time; true if the ledger has none.
func (l *ledger) hasTime(at int32, millis int64) bool {
	v := &l.versions[at]
	return !v.timed || v.time == millis || slices.Contains(l.times[at], millis)
}

// surelyShown reports whether a whole response held the version.
func (l *ledger) surelyShown(at int32) bool {
	for s := l.versions[at].showing; s != none; s = l.showings[s].next {
		if !l.showings[s].cut {
			return true
		}
	}
	return false
}

// firstShown is when the version was first in any response, in Unix milliseconds; false if never.
func (l *ledger) firstShown(at int32) (int64, bool) {
	first, shown := int64(0), false
	for s := l.versions[at].showing; s != none; s = l.showings[s].next {
		if !shown || l.showings[s].at < first {
			first, shown = l.showings[s].at, true
		}
	}
	return first, shown
}

// name writes a version for an example line.
func (l *ledger) name(at int32) string {
	v := &l.versions[at]
	m := &l.messages[v.message]
	text := fmt.Sprintf("chat %s message %s etag %s (seq %d)", l.chats[m.chat].id, m.id, v.etag, v.seq)
	if v.bad {
		return "bad item: " + text
	}
	return text
}
