package worker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/schema"
)

// What one record is made of is never touched by those that follow, whatever is done with it.
func TestSession_RecordsShareNothingButUnusedMemory(t *testing.T) {
	cfg := Config{Tenant: "tenant", Encoder: schema.NewSingleObjectEncoder()}
	cfg.Writer.Topics.Output = "out"
	a := newAdmission(cfg, nil)
	text := func(r *kgo.Record) string {
		headers := ""
		for _, h := range r.Headers {
			headers += fmt.Sprintf("%s: %s\n", h.Key, h.Value)
		}
		return fmt.Sprintf("%s %q %q\n%s", r.Topic, r.Key, r.Value, headers)
	}
	random := rand.New(rand.NewPCG(1, 1))
	var records []*kgo.Record
	var want []string
	for n := range 600 {
		length := random.IntN(3000)
		switch {
		case n%50 == 0:
			length = random.IntN(300_000)
		case n%7 == 0:
			length = largeRecord + random.IntN(2*1500) - 1500 // about where it has its own memory
		}
		raw := bytes.Replace(message(fmt.Sprint(n), time.UnixMilli(1621973534864+int64(n))), []byte(`"body":{`),
			[]byte(`"subject":"`+strings.Repeat(string(rune('a'+n%26)), length)+`","body":{`), 1)
		it := identify([][]byte{raw})[0]
		if it.err != nil {
			t.Fatal(it.err)
		}
		r, err := a.record(&it)
		if err != nil {
			t.Fatal(err)
		}
		w, err := newAdmission(cfg, nil).record(&it)
		if err != nil {
			t.Fatal(err)
		}
		w.Timestamp = r.Timestamp
		_ = append(append(r.Key, "overwritten"...), append(r.Value, "overwritten"...)...)
		_ = append(r.Headers, kgo.RecordHeader{Key: "overwritten"})
		for _, h := range r.Headers {
			_ = append(h.Value, "overwritten"...)
		}
		records, want = append(records, r), append(want, text(w))
	}
	for n, r := range records {
		if text(r) != want[n] {
			t.Errorf("record %d is not what it was", n)
		}
	}
	if cap(a.pieces.text) > pieceBytes {
		t.Errorf("a piece of %d bytes is kept for the next record", cap(a.pieces.text))
	}
}
