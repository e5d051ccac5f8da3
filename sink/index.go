package sink

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/teams-kafka/connector/transform"
)

// Index knows the newest version of every message that stands in the topic, as far back as its
// horizon reaches. It is not safe for concurrent use.
type Index struct {
	tenant  string
	source  string // of the tenant's records
	seeds   [2]maphash.Seed
	entries table
	odd     map[Key]oddEtags // of messages with etags that an entry cannot hold
	most    int
	evicted int
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

// NewIndex makes an empty index for one tenant that holds at most so many messages.
func NewIndex(tenant string, most int) *Index {
	return &Index{
		tenant: tenant,
		source: transform.Source(tenant),
		seeds:  [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		odd:    make(map[Key]oddEtags),
		most:   most,
	}
}

// MessageKey is the key of a message.
func (x *Index) MessageKey(id transform.Identity) Key { return x.key("message", id.ChatID, id.ID) }

// LetterKey is the key of a dead letter that has no version to be ordered by, made from the name that
// its record carries.
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
	if !known && x.entries.count >= x.most {
		x.evict()
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

// Len is the number of messages known.
func (x *Index) Len() int { return x.entries.count }

// Evicted is how many messages were forgotten for want of room. Each can cost a duplicate.
func (x *Index) Evicted() int { return x.evicted }

// Sweep forgets the versions older than an instant in milliseconds, which no window can ask for any
// more, and returns how many they were.
func (x *Index) Sweep(before int64) int {
	all := x.entries.count
	x.entries.sweep(before, func(k Key) { delete(x.odd, k) })
	return all - x.entries.count
}

// evict makes room for a sixteenth of the bound by forgetting the oldest versions.
func (x *Index) evict() {
	times := x.entries.times()
	slices.Sort(times)
	x.evicted += x.Sweep(times[len(times)/16] + 1)
}
