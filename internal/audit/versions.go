package audit

import (
	"math"
	"strconv"

	"github.com/teams-kafka/connector/transform"
)

// VersionBytes is what one version takes in memory at most, in bytes, besides the ids of the chats. A test measures it.
const VersionBytes = 250

// flags is what is known of a version.
type flags uint16

const (
	shown   flags = 1 << iota // by Graph
	stored                    // in the topic or in the dead letters
	letter                    // in the dead letters
	deleted                   // the record says that the message was deleted

	// Why a version that Graph showed can be absent, one flag for each mailbox's reason.
	read        // the user's windows have passed it for good
	stillToRead // a later window asks for it again
	beforeStart // the user's stream begins later
	notPolled   // the user has no position
	left        // the user was removed or excluded, and is no longer read
)

// word is an id or an etag. Nearly all are plain decimals and need no room of their own; of any other, n
// is the number in a list.
type word struct {
	n   uint64
	odd bool
}

// message names a message, version one version of it.
type message struct {
	id   word
	chat uint32
}

type version struct {
	message message
	etag    word
}

// seen is what is known of a version.
type seen struct {
	time  int64 // milliseconds since 1970
	flags flags
}

// newest is the newest version of a message in the topic; time is none if there is none.
type newest struct {
	time int64
	etag word
}

const none = math.MinInt64

// versions holds all that was seen, in Graph and in the topic.
type versions struct {
	chats    map[string]uint32
	chatIDs  []string
	byGraph  map[uint32]bool // the chats that Graph showed something of
	odd      map[string]uint64
	oddWords []string

	seen   map[version]seen
	newest map[message]newest // of each message in seen
}

func newVersions() *versions {
	return &versions{
		chats: make(map[string]uint32), byGraph: make(map[uint32]bool), odd: make(map[string]uint64),
		seen: make(map[version]seen), newest: make(map[message]newest),
	}
}

// show notes that Graph shows a version.
func (s *versions) show(id transform.Identity, why flags) {
	v := s.key(id)
	s.byGraph[v.message.chat] = true
	known, ok := s.seen[v]
	if !ok {
		known.time = id.Version.Time
	}
	known.flags |= shown | why
	s.seen[v] = known
	if _, ok := s.newest[v.message]; !ok {
		s.newest[v.message] = newest{time: none}
	}
}

// store notes that the topic holds a version. Nothing is kept of a version that nobody asked for, but that
// it is the newest of a message that is known.
func (s *versions) store(id transform.Identity, how flags, keep bool) {
	v, known := s.find(id)
	switch {
	case !known && !keep:
		return
	case !known:
		v = s.key(id)
	}
	have, ok := s.seen[v]
	if ok || keep {
		if !ok {
			have.time = id.Version.Time
		}
		have.flags |= stored | how
		s.seen[v] = have
	}
	s.replace(v.message, id.Version)
}

// shows reports whether Graph showed anything of a chat.
func (s *versions) shows(chatID string) bool {
	chat, ok := s.chats[chatID]
	return ok && s.byGraph[chat]
}

// replace makes a version the newest of its message if it is.
func (s *versions) replace(m message, v transform.Version) {
	if n, ok := s.newest[m]; ok && n.time != none && v.Compare(s.version(n.time, n.etag)) <= 0 {
		return
	}
	s.newest[m] = newest{time: v.Time, etag: s.word(v.ETag)}
}

// key names a version, and remembers its words.
func (s *versions) key(id transform.Identity) version {
	chat, ok := s.chats[id.ChatID]
	if !ok {
		chat = uint32(len(s.chatIDs))
		s.chatIDs = append(s.chatIDs, id.ChatID)
		s.chats[id.ChatID] = chat
	}
	return version{message: message{id: s.word(id.ID), chat: chat}, etag: s.word(id.Version.ETag)}
}

// find names a version of a message that is known; ok is false if nothing of the message was seen.
func (s *versions) find(id transform.Identity) (v version, ok bool) {
	chat, ok := s.chats[id.ChatID]
	if !ok {
		return version{}, false
	}
	v = version{message: message{id: s.word(id.ID), chat: chat}}
	if _, ok := s.newest[v.message]; !ok {
		return version{}, false
	}
	v.etag = s.word(id.Version.ETag)
	return v, true
}

func (s *versions) word(text string) word {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(n, 10) == text {
		return word{n: n}
	}
	n, ok := s.odd[text]
	if !ok {
		n = uint64(len(s.oddWords))
		s.oddWords = append(s.oddWords, text)
		s.odd[text] = n
	}
	return word{n: n, odd: true}
}

func (s *versions) text(w word) string {
	if w.odd {
		return s.oddWords[w.n]
	}
	return strconv.FormatUint(w.n, 10)
}

// version is what the order of versions is defined on (invariant 3).
func (s *versions) version(time int64, etag word) transform.Version {
	return transform.Version{Time: time, ETag: s.text(etag)}
}
