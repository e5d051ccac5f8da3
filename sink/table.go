package sink

import (
	"encoding/binary"
	"math/bits"
)

// table is a hash table from keys to the newest versions, as flat as it can be: a slot is a key and an entry, 32 bytes, and
// nothing else. Slots are probed one after the other. At 85 % full it grows to 46 %, where a message takes 70 bytes, because
// each step costs time and fresh memory; once it has been fitted it is 70 % full, and a message takes 46 bytes.
// It grows in shards, so that only a small part of it is in memory twice meanwhile.
type table struct {
	shards [tableShards]shard
	count  int
}

const (
	tableShards = 64 // a power of two
	leastSlots  = 8
	// A shard is full at fullShare of its slots. It grows to growthShare, and is fitted to fittedShare.
	fullShare, growthShare, fittedShare = 0.85, 0.46, 0.70
)

// shard is a part of the table. A slot with the zero key is free.
type shard struct {
	slots []slot
	count int
}

type slot struct {
	key Key
	entry
}

// hash is a number that is as random as the key.
func (k Key) hash() uint64 { return binary.LittleEndian.Uint64(k[:8]) }

// of is the shard for a key. It goes by the low bits of the hash; where the key is in it goes by the high ones.
func (t *table) of(k Key) *shard { return &t.shards[k.hash()%tableShards] }

// get finds a key's entry.
func (t *table) get(k Key) (entry, bool) {
	s := t.of(k)
	if s.count == 0 {
		return entry{}, false
	}
	found := &s.slots[s.find(k)]
	return found.entry, found.key == k
}

// put sets a key's entry.
func (t *table) put(k Key, e entry) {
	s := t.of(k)
	if float64(s.count+1) > fullShare*float64(len(s.slots)) {
		if s.count > 0 && s.slots[s.find(k)].key == k {
			s.slots[s.find(k)].entry = e
			return
		}
		s.rebuild(s.count+1, growthShare, func(entry) bool { return true })
	}
	at := &s.slots[s.find(k)]
	if at.key != k {
		at.key = k
		s.count++
		t.count++
	}
	at.entry = e
}

// find is where a key is, or the free slot where it would.
func (s *shard) find(k Key) int {
	high, _ := bits.Mul64(k.hash(), uint64(len(s.slots)))
	for i := int(high); ; {
		if key := &s.slots[i].key; *key == k || *key == (Key{}) {
			return i
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// rebuild copies the entries to be kept into new slots, of which so many are to take a share.
func (s *shard) rebuild(room int, share float64, keep func(entry) bool) {
	old := s.slots
	s.slots, s.count = make([]slot, max(leastSlots, int(float64(room)/share))), 0
	for i := range old {
		if old[i].key != (Key{}) && keep(old[i].entry) {
			s.slots[s.find(old[i].key)] = old[i]
			s.count++
		}
	}
}

// fit gives back what the shards have grown too large.
func (t *table) fit() {
	for i := range t.shards {
		if s := &t.shards[i]; s.loose() {
			s.rebuild(s.count, fittedShare, func(entry) bool { return true })
		}
	}
}

// loose reports whether a shard has more slots than it has when it is fitted.
func (s *shard) loose() bool {
	return len(s.slots) > max(leastSlots, int(float64(s.count)/fittedShare))
}

// sweep deletes the entries of one shard whose times are not to be kept, and tells of each. What is left is
// fitted.
func (t *table) sweep(number int, keep func(time int64) bool, gone func(Key)) {
	s := &t.shards[number]
	left := s.count
	for i := range s.slots {
		if at := &s.slots[i]; at.key != (Key{}) && !keep(at.time) {
			gone(at.key)
			left--
		}
	}
	if left == s.count && !s.loose() {
		return
	}
	t.count -= s.count - left
	s.rebuild(left, fittedShare, func(e entry) bool { return keep(e.time) })
}

// sampleTimes is how many times are enough for a sample.
const sampleTimes = 10_000

// sample lists the times of a stretch in a part of the table, and says how large the part is.
func (t *table) sample(from, to int64) (times []int64, part float64) {
	for i := range t.shards {
		for j := range t.shards[i].slots {
			if at := &t.shards[i].slots[j]; at.key != (Key{}) && from <= at.time && at.time < to {
				times = append(times, at.time)
			}
		}
		if part = float64(i+1) / tableShards; len(times) >= sampleTimes {
			break // keys are random, and so is what they have in a shard
		}
	}
	return times, part
}
