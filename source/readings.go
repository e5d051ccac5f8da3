package source

import "hash/maphash"

// maxReadings bounds how often a stretch of time is read at once. What still changes then is edited more
// often than it is read, and each edit moves the item to a later stretch.
const maxReadings = 5

// readings compares the readings of a stretch of time that no later window reads again. One reading is
// never enough: pages are offsets into a live folder, where an item that changes can shift its neighbors
// past the reader.
type readings struct {
	from, to int64
	whole    int // readings that came to their end
	shown    map[uint64]struct{}
	fresh    bool // the present reading has shown an item that no earlier one had
}

var readingsSeed = maphash.MakeSeed()

func newReadings(from, to int64) *readings {
	return &readings{from: from, to: to, shown: make(map[uint64]struct{})}
}

// holds reports whether the stretch includes a slice that begins with it: one that was cut shorter since.
func (r *readings) holds(from, to int64) bool { return r != nil && r.from == from && to <= r.to }

// enough reports whether the stretch has been read enough once the present reading ends with these items:
// at least twice, the last time without anything new.
func (r *readings) enough(last [][]byte) bool {
	if r.whole+1 >= maxReadings {
		return true
	}
	return r.whole+1 >= 2 && !r.fresh && !r.news(last)
}

func (r *readings) news(items [][]byte) bool {
	for _, item := range items {
		if _, known := r.shown[maphash.Bytes(readingsSeed, item)]; !known {
			return true
		}
	}
	return false
}

// delivered takes the items of a page.
func (r *readings) delivered(items [][]byte) {
	for _, item := range items {
		hash := maphash.Bytes(readingsSeed, item)
		if _, known := r.shown[hash]; !known {
			r.shown[hash] = struct{}{}
			r.fresh = true
		}
	}
}

// ended takes the end of a reading.
func (r *readings) ended() { r.whole, r.fresh = r.whole+1, false }

// again begins the present reading anew.
func (r *readings) again() { r.fresh = false }
