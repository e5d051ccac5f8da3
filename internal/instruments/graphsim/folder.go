package graphsim

import (
	"cmp"
	"math"
	"slices"
)

// ticksPerMilli: DateTimeOffset counts ticks of 100 ns.
const ticksPerMilli = 10_000

// window is the stretch of time a request asks for, both bounds exclusive, in ticks since the Unix epoch.
type window struct{ from, to int64 }

var always = window{from: math.MinInt64, to: math.MaxInt64}

// upperMillis is the upper bound in Unix ms, 0 if there is none.
func (w window) upperMillis() int64 {
	if w.to == math.MaxInt64 {
		return 0
	}
	return floorMillis(w.to)
}

func floorMillis(ticks int64) int64 {
	ms := ticks / ticksPerMilli
	if ticks%ticksPerMilli < 0 {
		ms--
	}
	return ms
}

// folderOrders keeps, per user, the order of the last window that was paged through, so that reading a big window does
// not sort it anew for each page. An order is good for as long as the folder has not changed.
type folderOrders struct {
	byUser map[uint32]folderOrder
	size   int
}

// maxOrdered bounds the kept orders: copies in all of them.
const maxOrdered = 8 << 20

// orderWorthKeeping: smaller windows are sorted again for each page, which costs less than the memory.
const orderWorthKeeping = 64

type folderOrder struct {
	clauses string
	win     window
	created bool
	changes uint32
	until   int64 // Unix ms: from then on a message of the window is purged
	indexes []uint32
}

func (o *folderOrders) init() { o.byUser = map[uint32]folderOrder{} }

func (o *folderOrders) keep(user uint32, order folderOrder) {
	if old, ok := o.byUser[user]; ok {
		o.size -= len(old.indexes)
		delete(o.byUser, user)
	}
	for other, old := range o.byUser {
		if o.size+len(order.indexes) <= maxOrdered {
			break
		}
		o.size -= len(old.indexes)
		delete(o.byUser, other)
	}
	if o.size+len(order.indexes) <= maxOrdered {
		o.byUser[user] = order
		o.size += len(order.indexes)
	}
}

// query is what a page request asks of a mailbox.
type query struct {
	user    uint32
	win     window
	clauses *clauseGroup // nil: no clause
	created bool         // the window is meant for createdDateTime: a quirk
}

// matching returns the positions, in the user's mailbox, of the copies a query finds, in folder order: shuffled by the
// seed, and the same for as long as the folder does not change. A change shifts what follows it, as in a live folder.
func (m *model) matching(q query) []uint32 {
	box := &m.mailboxes[q.user]
	text := q.clauses.String()
	kept, ok := m.orders.byUser[q.user]
	if ok && kept.win == q.win && kept.changes == box.changes && m.now < kept.until && kept.clauses == text && kept.created == q.created {
		return kept.indexes
	}
	type place struct {
		key   uint64
		index uint32
	}
	var places []place
	until := int64(math.MaxInt64)
	lo, hi := 0, len(box.copies)
	if !q.created {
		lo, hi = box.between(floorMillis(q.win.from), floorMillis(q.win.to))
	}
	for i := lo; i < hi; i++ {
		c := &box.copies[i]
		msg := &m.messages[c.message]
		at := c.modified
		if q.created {
			at = msg.created
		}
		ticks := at * ticksPerMilli
		if ticks <= q.win.from || ticks+ticksPerMilli-1 >= q.win.to {
			// Near a bound the fraction of the millisecond decides.
			ticks += m.fraction(c.message, c.seq)
			if ticks <= q.win.from || ticks >= q.win.to {
				continue
			}
		}
		if deleted := msg.deletedAt(c.seq); deleted != 0 {
			purged := deleted + m.cfg.PurgeAfter.Milliseconds()
			if purged <= m.now {
				continue
			}
			until = min(until, purged)
		}
		if q.clauses != nil && !q.clauses.matches(m.senderOf(c.message), msg.kind == kindSystem) {
			continue
		}
		places = append(places, place{mix(m.cfg.Seed, purposeOrder, uint64(q.user), uint64(c.message)), uint32(i)})
	}
	slices.SortFunc(places, func(a, b place) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return cmp.Compare(a.index, b.index)
	})
	indexes := make([]uint32, len(places))
	for i, p := range places {
		indexes[i] = p.index
	}
	if len(indexes) <= orderWorthKeeping {
		return indexes
	}
	m.orders.keep(q.user, folderOrder{
		clauses: text, win: q.win, created: q.created, changes: box.changes, until: until, indexes: indexes,
	})
	return indexes
}
