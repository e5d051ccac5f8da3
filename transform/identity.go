package transform

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Identity names one version of one message.
//
// ID is unique only inside its chat, so a message is (ChatID, ID) and a version is
// (ChatID, ID, Version.ETag). Source: the chatMessage page of the Graph reference.
type Identity struct {
	ChatID  string
	ID      string
	Version Version
}

// Version orders the versions of one message (invariant 3).
type Version struct {
	// Time is lastModifiedDateTime, or createdDateTime where that is null, in milliseconds since
	// 1970-01-01T00:00:00Z; finer digits are cut off.
	Time int64
	// ETag is Graph's etag. Where Graph gives none it is Time in decimal, which is what Graph
	// itself puts there, so that every version has one.
	ETag string
}

// Compare returns -1, 0 or +1 as v is older than, the same as, or newer than w.
//
// An equal etag is the same version whatever the times say: two mailboxes' copies of one version can
// differ by milliseconds. So the times cannot order versions, or a version could lie between two copies
// of another one. The etag does: Graph documents it as the version number of the message, and every
// published example has the version's time in milliseconds there. An etag of another kind takes its
// place among the numbers by the version's time. Equal places are ordered by the bytes of the etags.
//
// Among versions with numeric etags this is a total order of the etags, in which copies are equal.
// Etags that are not numbers have no order but the time's, so there a copy with another time can be on
// the other side of another version; the index knows such copies by their etags.
func (v Version) Compare(w Version) int {
	if v.ETag == w.ETag {
		return 0
	}
	if c := v.place().compare(w.place()); c != 0 {
		return c
	}
	return strings.Compare(v.ETag, w.ETag)
}

// Numbered reports whether the etag is a number, so that copies of the version have one place in the
// order whatever their times.
func (v Version) Numbered() bool { return digits(v.ETag) }

// place is a version's place in the order: a whole number, as its sign and its digits.
type place struct {
	digits   string // without leading zeros
	negative bool
}

func (v Version) place() place {
	if digits(v.ETag) {
		return place{digits: strings.TrimLeft(v.ETag, "0")}
	}
	at := strconv.FormatInt(v.Time, 10)
	if after, negative := strings.CutPrefix(at, "-"); negative {
		return place{digits: after, negative: true}
	}
	return place{digits: strings.TrimLeft(at, "0")}
}

func (p place) compare(q place) int {
	if p.negative != q.negative {
		return sign(q.negative)
	}
	c := cmp.Or(cmp.Compare(len(p.digits), len(q.digits)), strings.Compare(p.digits, q.digits))
	if p.negative {
		return -c
	}
	return c
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func sign(positive bool) int {
	if positive {
		return 1
	}
	return -1
}

// Identify reads only what tells one version from another: chatId, id, etag and the two times. It
// is the cheap look that comes before the costly decoding, which most items never reach because
// the index has seen them. It looks no further than it must; whether the rest of the item is
// well-formed, Message finds out.
//
// On an error (always one that wraps ErrUnidentified) the identity holds what could be read.
func Identify(item []byte) (Identity, error) {
	var id Identity
	var read identityReader
	outline := read.item(item)
	id.ChatID, id.ID, id.Version.ETag = read.texts()

	switch {
	case outline != "":
		return id, fmt.Errorf("%w: %s", ErrUnidentified, outline)
	case id.ChatID == "":
		return id, fmt.Errorf("%w: chatId is missing or no text", ErrUnidentified)
	case id.ID == "":
		return id, fmt.Errorf("%w: id is missing or no text", ErrUnidentified)
	case read.modified.bad:
		return id, fmt.Errorf("%w: lastModifiedDateTime is not a time", ErrUnidentified)
	case read.created.bad:
		return id, fmt.Errorf("%w: createdDateTime is not a time", ErrUnidentified)
	case read.modified.set:
		id.Version.Time = read.modified.millis
	case read.created.set:
		id.Version.Time = read.created.millis
	default:
		return id, fmt.Errorf("%w: lastModifiedDateTime and createdDateTime are both null", ErrUnidentified)
	}
	if id.Version.ETag == "" {
		id.Version.ETag = strconv.FormatInt(id.Version.Time, 10)
	}
	return id, nil
}

// identityReader reads the properties an identity is made of.
type identityReader struct {
	cursor
	chatID, id, etag  textProperty
	modified, created timeProperty
}

// texts are the three texts, in one piece of memory.
func (r *identityReader) texts() (chatID, id, etag string) {
	a, b := len(r.chatID.value), len(r.id.value)
	var text strings.Builder
	text.Grow(a + b + len(r.etag.value))
	text.Write(r.chatID.value)
	text.Write(r.id.value)
	text.Write(r.etag.value)
	all := text.String()
	return all[:a], all[a : a+b], all[a+b:]
}

// textProperty is a text of an item; the value is empty where there is none. It is the item's own, unless it has escapes.
type textProperty struct {
	value []byte
	seen  bool
}

// timeProperty is a time of an item: absent or null, a time, or something that is not a time.
type timeProperty struct {
	millis         int64
	seen, set, bad bool
}

// item reads the members of the item and returns what is wrong with its outline, if anything.
func (r *identityReader) item(item []byte) (wrong string) {
	const malformed = "malformed JSON"
	r.data = item
	if !r.take('{') {
		return "it is not a JSON object"
	}
	if r.take('}') {
		return r.end()
	}
	for {
		r.peek()
		inside, plain, ok := r.quoted()
		if !ok || !r.take(':') {
			return malformed
		}
		name := item[inside.from:inside.to]
		if !plain {
			unescaped, whole := appendUnescaped(nil, name)
			if !whole {
				unescaped = nil // no name of ours
			}
			name = unescaped
		}
		switch string(name) {
		case "chatId":
			ok = r.readText(&r.chatID)
		case "id":
			ok = r.readText(&r.id)
		case "etag":
			ok = r.readText(&r.etag)
		case "lastModifiedDateTime":
			ok = r.readTime(&r.modified)
		case "createdDateTime":
			ok = r.readTime(&r.created)
		default:
			ok = r.skip()
		}
		switch {
		case !ok:
			return malformed
		case r.complete():
			return ""
		case r.take(','):
		case r.take('}'):
			return r.end()
		default:
			return malformed
		}
	}
}

// complete reports whether nothing that matters can follow. As Graph orders the members, that is before
// the body, which is most of an item.
func (r *identityReader) complete() bool {
	return r.chatID.seen && r.id.seen && r.etag.seen && r.modified.seen && r.created.seen
}

func (r *identityReader) end() (wrong string) {
	if r.peek() != 0 || r.at < len(r.data) {
		return "malformed JSON"
	}
	return ""
}

// readText stores a JSON string; any other kind of value, or a string that is not Unicode, counts as
// none. A second property of the name is malformed.
func (r *identityReader) readText(p *textProperty) (ok bool) {
	if p.seen {
		return false
	}
	p.seen = true
	if r.peek() != '"' {
		return r.skip()
	}
	inside, plain, ok := r.quoted()
	if !ok {
		return false
	}
	value := r.data[inside.from:inside.to]
	if !plain {
		unescaped, whole := appendUnescaped(nil, value)
		if !whole {
			return true
		}
		value = unescaped
	}
	p.value = value
	return true
}

func (r *identityReader) readTime(p *timeProperty) (ok bool) {
	if p.seen {
		return false
	}
	p.seen = true
	switch r.peek() {
	case 'n':
		return r.literal("null")
	case '"':
	default:
		p.bad = true
		return r.skip()
	}
	inside, plain, ok := r.quoted()
	if !ok {
		return false
	}
	value := r.data[inside.from:inside.to]
	if !plain {
		unescaped, whole := appendUnescaped(nil, value)
		if !whole {
			unescaped = nil // no time
		}
		value = unescaped
	}
	t, isTime := parseInstant(value)
	p.millis, p.set, p.bad = t.millis(), isTime, !isTime
	return true
}
