package graphsim

import (
	"cmp"
	"slices"
	"sort"
)

// copyOf is a mailbox's own copy of a message: the version that is visible there. Older ones are forgotten.
type copyOf struct {
	modified int64  // lastModifiedDateTime as this copy has it, Unix ms
	message  uint32 // index in the model
	seq      uint32 // version
	shown    uint32 // the newest version shown to this user; 0 if none
	cut      uint32 // the newest version shown only in a response that was cut short; 0 if none
	entry    uint32 // the last showing of either, in the ledger
}

// mailbox is one user's folder of chat messages, sorted by (modified, message).
type mailbox struct {
	copies []copyOf
	// changes counts what was done to the folder, so that an order computed from it can be known to be stale.
	changes uint32
	asked   asked
}

func compareCopies(a, b copyOf) int {
	if c := cmp.Compare(a.modified, b.modified); c != 0 {
		return c
	}
	return cmp.Compare(a.message, b.message)
}

func (b *mailbox) find(modified int64, message uint32) (int, bool) {
	return slices.BinarySearchFunc(b.copies, copyOf{modified: modified, message: message}, compareCopies)
}

// put makes a version visible, and returns the copy that it took the place of, if any. It does nothing if the mailbox has this
// version or a newer one. modifiedOf gives the time at which the mailbox would hold a version, which is where to look for it.
func (b *mailbox) put(message, seq, newest uint32, modifiedOf func(seq uint32) int64) (old copyOf) {
	next := copyOf{message: message, seq: seq, modified: modifiedOf(seq)}
	for s := newest; s >= 1; s-- {
		i, found := b.find(modifiedOf(s), message)
		if !found {
			continue
		}
		if b.copies[i].seq >= seq {
			return copyOf{}
		}
		old = b.copies[i]
		next.shown, next.cut, next.entry = old.shown, old.cut, old.entry
		b.copies = slices.Delete(b.copies, i, i+1)
		break
	}
	b.changes++
	if n := len(b.copies); n == 0 || compareCopies(b.copies[n-1], next) < 0 {
		b.copies = append(b.copies, next)
		return old
	}
	i, _ := b.find(next.modified, message)
	b.copies = slices.Insert(b.copies, i, next)
	return old
}

// between returns the range [lo, hi) of copies modified in the whole milliseconds first..last.
func (b *mailbox) between(first, last int64) (lo, hi int) {
	lo = sort.Search(len(b.copies), func(i int) bool { return b.copies[i].modified >= first })
	hi = lo + sort.Search(len(b.copies)-lo, func(i int) bool { return b.copies[lo+i].modified > last })
	return lo, hi
}
