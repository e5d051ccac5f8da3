package sink

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/teams-kafka/connector/transform"
)

// Index knows the newest version of every message that the topic holds, for the parts of the past that
// its user asked for. It is not safe for concurrent use, except for making keys.
type Index struct {
	tenant  string
	source  string // of the tenant's records
	seeds   [2]maphash.Seed
	entries table
	odd     map[Key]oddEtags // of messages with etags that an entry cannot hold
	letters map[Key]int64    // dead letters without a version, and when each was written
	swept   int              // shards that the present round of Sweep has seen
}

// Key is a 128-bit hash of what names a message: tenant id, chatId and id.
type Key [16]byte

// entry is a version in 16 bytes.
type entry struct {
	time int64
	etag uint64
}

// Verdict is what the index says of a version.
type Verdict int

const (
	// New is a message not seen before, or a newer version of one that was.
	New Verdict = iota
	// Seen is the version that was written last.
	Seen
	// Superseded is older than the version that was written last.
	Superseded
)

// NewIndex makes an empty index for one tenant.
func NewIndex(tenant string) *Index {
	return &Index{
		tenant:  tenant,
		source:  transform.Source(tenant),
		seeds:   [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		odd:     make(map[Key]oddEtags),
		letters: make(map[Key]int64),
	}
}

// MessageKey is the key of a message.
func (x *Index) MessageKey(id transform.Identity) Key { return x.key("message", id.ChatID, id.ID) }

// LetterKey is the key of a dead letter without a version, made from the name that its record carries.
func (x *Index) LetterKey(name string) Key { return x.key("letter", name, "") }

func (x *Index) key(kind, a, b string) (k Key) {
	text := make([]byte, 0, 320) // on the stack, as long as the ids are not much longer than Graph's
	for _, part := range [...]string{kind, x.tenant, a, b} {
		text = binary.LittleEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}
	for i, seed := range x.seeds {
		binary.LittleEndian.PutUint64(k[i*8:], maphash.Bytes(seed, text))
	}
	if k == (Key{}) { // which marks a free slot
		k[0] = 1
	}
	return k
}

// Check compares a version with the newest one written.
func (x *Index) Check(k Key, v transform.Version) Verdict {
	e, ok := x.entries.get(k)
	if !ok {
		return New
	}
	return x.compare(k, e, v)
}

// oddEtags are the etags of a message that are not plain decimals. Graph is documented to give numbers, so
// there are hardly any.
type oddEtags struct {
	newest string   // the newest version's etag; empty if an entry holds it
	seen   []string // the latest ones, the newest last
}

// maxOddEtags bounds how many etags of a message are remembered. An older one can only come back as a copy
// in another mailbox.
const maxOddEtags = 16

// compare compares a version with the newest one, which is at its key.
func (x *Index) compare(k Key, e entry, v transform.Version) Verdict {
	odd, some := x.odd[k]
	if number, ok := plain(v); ok && odd.newest == "" && number == e.etag {
		return Seen // as nearly always, and without a text made of the number
	}
	// Such etags are ordered by time, and a copy's time may differ: it is known by its etag (invariant 2).
	if some && !v.Numbered() && slices.Contains(odd.seen, v.ETag) {
		return Seen
	}
	etag := odd.newest
	if etag == "" {
		etag = strconv.FormatUint(e.etag, 10)
	}
	switch v.Compare(transform.Version{Time: e.time, ETag: etag}) {
	case 0:
		return Seen
	case -1:
		return Superseded
	default:
		return New
	}
}

// Put records that a version was written. Only a strictly newer one may be put (invariant 3); any
// other is left out, which is what reading a topic back needs.
func (x *Index) Put(k Key, v transform.Version) {
	e, known := x.entries.get(k)
	if known && x.compare(k, e, v) != New {
		return
	}
	number, ok := plain(v)
	x.entries.put(k, entry{time: v.Time, etag: number})
	odd, some := x.odd[k]
	switch {
	case !ok:
		etag := strings.Clone(v.ETag) // what it is a part of may go
		odd.newest = etag
		odd.seen = append(odd.seen[max(0, len(odd.seen)+1-maxOddEtags):], etag)
		x.odd[k] = odd
	case some:
		odd.newest = ""
		x.odd[k] = odd
	}
}

// plain is the number of an etag, and whether it prints as just this etag.
func plain(v transform.Version) (number uint64, ok bool) {
	number, err := strconv.ParseUint(v.ETag, 10, 64)
	if err != nil {
		return 0, false
	}
	return number, v.ETag[0] != '0' || v.ETag == "0"
}

// PutLetter records that a dead letter without a version was written, and when, in milliseconds.
func (x *Index) PutLetter(k Key, when int64) { x.letters[k] = max(x.letters[k], when) }

// CheckLetter reports whether a dead letter without a version was written before.
func (x *Index) CheckLetter(k Key) bool {
	_, written := x.letters[k]
	return written
}

// Len is the number of messages and letters known.
func (x *Index) Len() int { return x.entries.count + len(x.letters) }

// Sweep forgets the versions whose time, in milliseconds, is not to be kept: those of one small part of
// the index with each call, so that whoever else needs the index waits only for that. more is false when
// a round through all parts has come to its end.
func (x *Index) Sweep(keep func(time int64) bool) (more bool) {
	x.entries.sweep(x.swept, keep, func(k Key) { delete(x.odd, k) })
	if x.swept++; x.swept < tableShards {
		return true
	}
	x.swept = 0
	return false
}

// SweepLetters forgets the dead letters without a version that were written before an instant, in
// milliseconds.
func (x *Index) SweepLetters(before int64) {
	maps.DeleteFunc(x.letters, func(_ Key, when int64) bool { return when < before })
}

// Middle returns the time, in milliseconds, before which half of the versions of a stretch of time lie,
// and about how many those of the stretch are.
func (x *Index) Middle(from, to int64) (middle int64, versions int) {
	times, part := x.entries.sample(from, to)
	if len(times) == 0 {
		return from, 0
	}
	slices.Sort(times)
	return times[len(times)/2], int(float64(len(times)) / part)
}
