package sink

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
)

// randomKey is a key as the index makes them, spread over all bits.
func randomKey(r *rand.Rand) (k Key) {
	binary.LittleEndian.PutUint64(k[:8], r.Uint64())
	binary.LittleEndian.PutUint64(k[8:], r.Uint64())
	return k
}

func TestTable_HoldsWhatAMapHolds(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var table table
		want := map[Key]entry{}
		var known []Key
		for range 20_000 {
			switch n := r.IntN(1001); {
			case n == 1000:
				table.fit()
			case n == 0: // now and then all that is old goes
				before := r.Int64N(1000)
				gone := 0
				forget := func(k Key) {
					gone++
					if e, ok := want[k]; !ok || e.time >= before {
						t.Fatalf("seed %d: swept an entry of %d, before %d", seed, e.time, before)
					}
					delete(want, k)
				}
				for shard := range tableShards {
					table.sweep(shard, func(at int64) bool { return at >= before }, forget)
				}
				for _, e := range want {
					if e.time < before {
						t.Fatalf("seed %d: an entry of %d outlived a sweep before %d of %d", seed, e.time, before, gone)
					}
				}
			case n < 400 && len(known) > 0:
				k := known[r.IntN(len(known))]
				got, ok := table.get(k)
				if e, there := want[k]; ok != there || ok && got != e {
					t.Fatalf("seed %d: %v %v, want %v %v", seed, got, ok, e, there)
				}
			default:
				k := randomKey(r)
				switch {
				case n < 600 && len(known) > 0:
					k = known[r.IntN(len(known))]
				case n < 700: // the end of a shard, where probing begins anew at its start
					copy(k[1:8], "\xff\xff\xff\xff\xff\xff\xff")
				}
				e := entry{time: r.Int64N(1000), etag: r.Uint64()}
				table.put(k, e)
				want[k] = e
				known = append(known, k)
			}
			if table.count != len(want) {
				t.Fatalf("seed %d: %d entries, want %d", seed, table.count, len(want))
			}
		}
		for k, e := range want {
			if got, ok := table.get(k); !ok || got != e {
				t.Fatalf("seed %d: %v %v, want %v", seed, got, ok, e)
			}
		}
		if times, part := table.sample(0, 1000); len(times) != len(want) && part == 1 {
			t.Fatalf("seed %d: %d times, want %d", seed, len(times), len(want))
		}
	}
}

// The bounds are the design's: 48 bytes a message at a million of them, 72 while the index grows.
func TestTable_FortyEightBytesAMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("a million messages")
	}
	const messages = 1_000_000
	live := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := live()
	var table table
	r := rand.New(rand.NewPCG(1, 1))
	most := 0.0
	for n := 1; n <= messages; n++ {
		table.put(randomKey(r), entry{time: int64(n)})
		if n >= 100_000 && n%5_000 == 0 {
			most = max(most, (live()-before)/float64(n))
		}
	}
	table.fit()
	each := (live() - before) / messages
	t.Logf("%.1f bytes a message at %d, at most %.1f while it grew", each, messages, most)
	if each > 48 || most > 72 {
		t.Errorf("%.1f bytes a message, at most %.1f while it grew", each, most)
	}
	runtime.KeepAlive(&table)
}
