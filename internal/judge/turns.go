package judge

import (
	"cmp"
	"slices"
)

// turn is a stretch of time in which versions were shown to one process alone.
type turn struct {
	by          int32
	first, last int64 // the first and the last showing, Unix milliseconds
}

// takeTurns finds out who read when, once the ledger is complete.
func (l *ledger) takeTurns() {
	order := make([]int32, len(l.showings))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(l.showings[a].at, l.showings[b].at) })
	for _, i := range order {
		s := &l.showings[i]
		if n := len(l.turns); n > 0 && l.turns[n-1].by == s.by {
			l.turns[n-1].last = s.at
			continue
		}
		l.turns = append(l.turns, turn{by: s.by, first: s.at, last: s.at})
	}
}

// anotherRead tells whether another process than the showing's read the tenant after the showing and by the given time. Only
// the owner of a tenant reads it, but for the last requests of one that does not know yet that it is not any more; so what was
// committed by then need not be what the showing's process had read.
func (l *ledger) anotherRead(s showing, by int64) bool {
	from, _ := slices.BinarySearchFunc(l.turns, s.at, func(t turn, at int64) int { return cmp.Compare(t.last, at) })
	for _, t := range l.turns[from:] {
		if t.first > by {
			return false
		}
		if t.by != s.by && t.last > s.at {
			return true
		}
	}
	return false
}

func (l *ledger) client(instance string) int32 {
	at, known := l.byClient[instance]
	if !known {
		at = int32(len(l.clients))
		l.clients = append(l.clients, instance)
		l.byClient[instance] = at
	}
	return at
}
