package main

import (
	"math/rand/v2"
	"time"
)

// trouble is one thing that happens.
type trouble struct {
	kind  string
	owner bool          // whether it hits the owner, whoever that is by then
	place int           // else this one
	lasts time.Duration // until it is over, or until the process is started again
	pause time.Duration // until the next
}

// The kinds, and how often each comes while connectors are killed.
const (
	kill         = "SIGKILL"
	freeze       = "SIGSTOP"
	terminate    = "SIGTERM"
	cutOff       = "cut off"
	cutAll       = "network cut"
	restartKafka = "Kafka restart"
)

var weights = []struct {
	kind  string
	parts int
}{{kill, 12}, {freeze, 3}, {terminate, 3}, {cutOff, 3}, {cutAll, 2}, {restartKafka, 1}}

// sequence is all the trouble of a run, decided by the seed: it ends with the last of the kills.
func sequence(seed uint64, kills int, mean time.Duration) (all []trouble) {
	const session = sessionTimeout
	rnd := rand.New(rand.NewPCG(seed, 0x6368616f73))
	total := 0
	for _, w := range weights {
		total += w.parts
	}
	for kills > 0 {
		n := rnd.IntN(total)
		t := trouble{owner: rnd.IntN(5) > 0, place: rnd.IntN(connectors), pause: mean/2 + time.Duration(rnd.Int64N(int64(mean)))}
		for _, w := range weights {
			if n < w.parts {
				t.kind = w.kind
				break
			}
			n -= w.parts
		}
		switch t.kind {
		case freeze, cutOff: // longer than a session, or shorter
			t.lasts = session/4 + time.Duration(rnd.Int64N(int64(2*session)))
		default:
			t.lasts = time.Duration(rnd.Int64N(int64(session) / 2))
		}
		if t.kind == kill {
			kills--
		}
		all = append(all, t)
	}
	return all
}
