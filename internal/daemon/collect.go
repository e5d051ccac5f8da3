package daemon

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroom is how many bytes of garbage may accumulate before a collection, however much is in use.
// Go's own rule allows as much garbage as there is live memory. It collects several times a second in
// a small tenant, and doubles the memory of a large one.
const headroom = 64 << 20

// KeepHeadroom makes the garbage collector of the process go by a fixed amount of garbage from now
// on. GOMEMLIMIT still applies.
func KeepHeadroom() { afterCollection() }

// afterCollection sets, after each collection, by how many percent the memory may grow until the
// next one.
func afterCollection() {
	type mark struct{ _ *int } // the collector finds it gone
	runtime.AddCleanup(new(mark), func(struct{}) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(int(100 * headroom / max(live[0].Value.Uint64(), headroom/10)))
		afterCollection()
	}, struct{}{})
}
