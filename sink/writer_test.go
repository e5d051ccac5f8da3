package sink

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What is left to try after a refusal is found in a few steps, and never less than what may fit.
func TestWriter_HalvesWhatItTriesAfterARefusal(t *testing.T) {
	const limit = 1 << 20
	for _, c := range []struct {
		name                    string
		records, largest, bytes int
		below                   int32
	}{
		{"one record alone", 1, 700_000, 700_000, 699_999},
		{"small ones in one batch", 10, 20_000, 200_000, 100_000},
		{"small ones in several batches", 1000, 20_000, 20_000_000, limit / 2},
		{"a large one among them", 3, 700_000, 900_000, 700_000},
		{"one that is as large as the limit, and others", 3, limit, 3_000_000, limit - 1},
	} {
		w := &Writer{cfg: WriterConfig{Topics: topics, Limits: Limits{OutputBytes: limit}}, refused: map[partition]*refusal{
			{"out", 1}: {records: c.records, largest: c.largest, bytes: c.bytes, err: kerr.MessageTooLarge},
		}}
		var found *TooLargeError
		if err := w.tooLarge(); !errors.As(err, &found) || found.Below != c.below || found.Topic != "out" {
			t.Errorf("%s: %v, below %d; want %d", c.name, err, found.Below, c.below)
		}
	}
}

// Each topic has its own limit: that the messages may be larger says nothing of the positions.
func TestWriter_PositionsKeepToTheLimitOfTheirOwnTopic(t *testing.T) {
	opts, adm := startKafka(t)
	large, small := "8388608", "20000"
	for topic, limit := range map[string]*string{"out": &large, "pos": &small} {
		policy := "delete"
		if topic == "pos" {
			policy = "compact"
		}
		if _, err := adm.CreateTopic(t.Context(), 1, -1, map[string]*string{"max.message.bytes": limit, "cleanup.policy": &policy}, topic); err != nil {
			t.Fatal(err)
		}
	}
	limits, err := EnsureTopics(t.Context(), adm, topics)
	if err != nil {
		t.Fatal(err)
	}
	w := openWriter(t, opts, limits)
	noise := rand.NewChaCha8([32]byte{})
	for range 1000 {
		value := make([]byte, 300)
		_, _ = noise.Read(value) // never fails
		w.WritePosition(&kgo.Record{Topic: "pos", Key: value[:16], Value: value})
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Error(err)
	}
}
