package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroom is how many bytes of garbage may lie about before they are collected, whatever is in use. Go's own rule, as many as are in
// use, collects several times a second in a small tenant, and doubles what a large one takes. GOGC brings Go's rule back, and GOMEMLIMIT
// is kept either way.
const headroom = 64 << 20

// keepHeadroom makes garbage be collected by headroom from now on.
func keepHeadroom() {
	if os.Getenv("GOGC") == "" {
		afterCollection()
	}
}

// afterCollection sets, after each collection, by how many percent of what it left the memory may grow until the next.
func afterCollection() {
	type mark struct{ _ *int } // the collector finds it gone
	runtime.AddCleanup(new(mark), func(struct{}) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(int(100 * headroom / max(live[0].Value.Uint64(), headroom/10)))
		afterCollection()
	}, struct{}{})
}
