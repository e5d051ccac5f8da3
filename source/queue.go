package source

import (
	"cmp"
	"container/heap"
	"hash/maphash"
	"time"
)

// queue holds the users that wait: those whose poll is live, by due time, and those that are due and
// still read history, the furthest behind first. When both are due they take turns, so that history
// has at most half of the budget and neither starves. Users of the slow lane wait apart, by due time.
type queue struct {
	live, history, slow byTime
	past                bool // whose turn it is when both are due
	held                map[*user]struct{}
}

func newQueue() *queue {
	// Users without a position are all due at once; the hash spreads the members of a department,
	// who stand side by side in every list, over the pass.
	seed := maphash.MakeSeed()
	// On the monotonic clock, so that a step of this machine's clock changes nothing in the order.
	began := time.Now()
	due := func(u *user) int64 { return u.due.Sub(began).Milliseconds() }
	return &queue{
		live:    byTime{seed: seed, key: due},
		slow:    byTime{seed: seed, key: due},
		history: byTime{seed: seed, key: (*user).reached},
		held:    make(map[*user]struct{}),
	}
}

func (q *queue) put(u *user) {
	if u.slow {
		heap.Push(&q.slow, u)
		return
	}
	if u.history && !u.due.After(time.Now()) {
		heap.Push(&q.history, u)
		return
	}
	heap.Push(&q.live, u)
}

// remove takes a user out and reports whether it was there.
func (q *queue) remove(u *user) bool {
	if u.in == nil {
		return false
	}
	heap.Remove(u.in, u.at)
	return true
}

// take removes the user to poll now, nil if none is due. room reports whether the slow lane has room.
func (q *queue) take(now time.Time, room bool) *user {
	q.prune()
	if room && q.slow.due(now) {
		return heap.Pop(&q.slow).(*user)
	}
	live := q.live.due(now)
	past := len(q.history.users) > 0
	if live && past {
		q.past = !q.past
		past = q.past
	}
	switch {
	case past:
		return heap.Pop(&q.history).(*user)
	case live:
		return heap.Pop(&q.live).(*user)
	default:
		return nil
	}
}

// next is when the next user falls due that take would return; an hour ahead if none waits.
func (q *queue) next(room bool) time.Time {
	q.prune()
	if len(q.history.users) > 0 {
		return time.Time{}
	}
	next := time.Now().Add(time.Hour)
	if len(q.live.users) > 0 {
		next = q.live.users[0].due
	}
	if room && len(q.slow.users) > 0 && q.slow.users[0].due.Before(next) {
		next = q.slow.users[0].due
	}
	return next
}

// prune drops those who are removed from the front of the heaps.
func (q *queue) prune() {
	for _, h := range []*byTime{&q.live, &q.history, &q.slow} {
		for len(h.users) > 0 && h.users[0].gone {
			heap.Pop(h)
		}
	}
}

// hold keeps a user until it is released, whatever is due.
func (q *queue) hold(u *user) { q.held[u] = struct{}{} }

// release returns the users that were held.
func (q *queue) release() []*user {
	released := make([]*user, 0, len(q.held))
	for u := range q.held {
		if !u.gone {
			released = append(released, u)
		}
	}
	clear(q.held)
	return released
}

// each calls f for every user that waits.
func (q *queue) each(f func(*user)) {
	for _, users := range [][]*user{q.live.users, q.history.users, q.slow.users} {
		for _, u := range users {
			if !u.gone {
				f(u)
			}
		}
	}
	for u := range q.held {
		if !u.gone {
			f(u)
		}
	}
}

// byTime is a heap of users, ties broken by a hash.
type byTime struct {
	users []*user
	key   func(*user) int64
	seed  maphash.Seed
}

// due reports whether the first user is due, for a heap by due time.
func (h *byTime) due(now time.Time) bool { return len(h.users) > 0 && !h.users[0].due.After(now) }

func (h *byTime) Len() int { return len(h.users) }

func (h *byTime) Less(i, j int) bool {
	a, b := h.users[i], h.users[j]
	if c := cmp.Compare(h.key(a), h.key(b)); c != 0 {
		return c < 0
	}
	return maphash.String(h.seed, a.name) < maphash.String(h.seed, b.name)
}

func (h *byTime) Swap(i, j int) {
	h.users[i], h.users[j] = h.users[j], h.users[i]
	h.users[i].at, h.users[j].at = i, j
}

func (h *byTime) Push(u any) {
	added := u.(*user)
	added.in, added.at = h, len(h.users)
	h.users = append(h.users, added)
}

func (h *byTime) Pop() any {
	last := len(h.users) - 1
	u := h.users[last]
	h.users[last], u.in = nil, nil
	h.users = h.users[:last]
	return u
}
