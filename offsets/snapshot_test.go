package offsets

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A change must hold whatever is in the topic already: other spellings of the key, other partitions, a record dated
// by a clock that is ahead, and a record that cannot be read.
func TestSnapshot_AChangeHoldsAgainstAllThatStandsThere(t *testing.T) {
	opts, cl := startTopic(t, "pos")
	now := time.UnixMilli(1_700_000_000_000)
	write := func(records ...*kgo.Record) {
		t.Helper()
		if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *Snapshot {
		t.Helper()
		s, err := Load(t.Context(), opts, "pos", "teams", "t", 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	at := func(partition int32, when time.Time, key, value string) *kgo.Record {
		return &kgo.Record{Topic: "pos", Partition: partition, Timestamp: when, Key: []byte(key), Value: []byte(value)}
	}
	spaced := `["teams", {"user":"u","tenant":"t"}]`
	write(
		at(0, now.Add(-time.Hour), `["teams",{"tenant":"t","user":"u"}]`, `{"version":1,"start":1}`),
		at(1, now.Add(time.Hour), spaced, `{"version":1,"start":2}`), // by a clock that is an hour ahead
		at(2, now, `["teams",{"tenant":"t","user":"new"}]`, `{"version":2,"start":1}`),
	)

	s := load()
	entries := s.Entries()
	if len(entries) != 2 || entries[0].User != "new" || entries[1].User != "u" || entries[1].Position.Start != 2 ||
		!entries[1].Written.Equal(now.Add(time.Hour)) {
		t.Fatalf("entries %+v", entries)
	}
	if err := entries[0].Err; !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "user new (partition 2, offset 0)") ||
		!strings.Contains(err.Error(), "version 2 was written by a newer connector") {
		t.Errorf("a newer version: %v", err)
	}

	write(s.Put("u", Position{Start: 7}, now)...)
	if e, ok := load().Entry("u"); !ok || e.Position.Start != 7 || e.Err != nil {
		t.Errorf("after the change: %+v %v", e, ok)
	}
	write(load().Delete("u")...)
	if e, ok := load().Entry("u"); ok {
		t.Errorf("after the deletion: %+v", e)
	}
	write(load().Delete("new")...)
	if left := load().Entries(); len(left) != 0 {
		t.Errorf("a position that cannot be read can be deleted; left are %+v", left)
	}
	if _, ok := load().Entry("nobody"); ok {
		t.Error("a position of nobody")
	}
}
