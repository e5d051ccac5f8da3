package judge

import (
	"fmt"
	"io"
	"runtime"
	"testing"
)

// A ledger of a million versions is what a large run leaves; this says what one costs.
func BenchmarkLedger(b *testing.B) {
	const versions = 1_000_000
	var before, after runtime.MemStats
	var kept *ledger
	for b.Loop() {
		kept = nil //nolint:ineffassign // Frees the one before, so that only one is measured.
		runtime.GC()
		runtime.ReadMemStats(&before)
		var err error
		if kept, err = readLedger(&writtenLedger{left: versions}, func(int) {}); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	if len(kept.versions) != versions {
		b.Fatalf("read %d versions of %d", len(kept.versions), versions)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/versions, "ns/version")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/versions, "B/version")
}

// writtenLedger writes versions, two of each message, two showings of each version.
type writtenLedger struct {
	left, made int
	pending    []byte
}

func (e *writtenLedger) Read(into []byte) (int, error) {
	for len(e.pending) < len(into) && e.left > 0 {
		id := 1700000000000 + e.made/2
		e.pending = fmt.Appendf(e.pending, `{"chatId":"19:%032x@thread.v2","id":"%d","etag":"%d","seq":%d,"time":%d,"bodySha256":"%064x","shown":[`+
			`{"user":"00000000-0000-4000-8000-%012d","at":"2026-03-04T12:00:00.123456789Z","to":1700000000000},`+
			`{"user":"00000000-0000-4000-8000-%012d","at":"2026-03-04T12:00:01.123456789Z","to":1700000001000}]}`+"\n",
			e.made/100, id, id+e.made%2, e.made%2+1, id+e.made%2, e.made, e.made%997, e.made%991)
		e.made++
		e.left--
	}
	if len(e.pending) == 0 {
		return 0, io.EOF
	}
	n := copy(into, e.pending)
	e.pending = append(e.pending[:0], e.pending[n:]...)
	return n, nil
}
