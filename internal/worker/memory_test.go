package worker

import (
	"bytes"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The source uses the memory of a page again once it is delivered, while its records may still wait for their batch.
func TestSession_KeepsNothingOfAPageThatWasDelivered(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	ordered := bytes.Replace(message("2", now), []byte(`"body":{`), []byte(`"deletedDateTime":"never","body":{`), 1) // has an identity, and cannot be a record
	unnamed := []byte(`{"chatId":"19:a@thread.v2","body":{"content":"nobody knows which"}}`)
	given := [][]byte{message("1", now), ordered, unnamed}
	delivered := make([][]byte, len(given))
	for i := range given {
		delivered[i] = bytes.Clone(given[i])
	}
	s := open(t, cfg)
	s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), delivered...)
	for _, item := range delivered {
		for i := range item {
			item[i] = '#'
		}
	}
	s.save(t)
	if written, dead := cfg.count(outcomeWritten), cfg.count(outcomeDeadLetter); written != 1 || dead != 2 {
		t.Fatalf("%d written and %d dead letters, want 1 and 2", written, dead)
	}
	cl, err := kgo.NewClient(append(cfg.Writer.Client, kgo.ConsumeTopics("out", "out.dlq"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	letters := 0
	for n := 0; n < 3; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			if bytes.Contains(r.Key, []byte("##")) || bytes.Contains(r.Value, []byte("##")) {
				t.Errorf("%s: key %q, value %q", r.Topic, r.Key, r.Value)
			}
			for _, h := range r.Headers {
				if bytes.Contains(h.Value, []byte("##")) {
					t.Errorf("%s: header %s is %q", r.Topic, h.Key, h.Value)
				}
			}
			if r.Topic == "out.dlq" && (bytes.Equal(r.Value, ordered) || bytes.Equal(r.Value, unnamed)) {
				letters++
			}
		})
	}
	if letters != 2 {
		t.Errorf("%d dead letters are whole, want 2", letters)
	}
	// The index has kept its own names.
	s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), given...)
	if cfg.count(outcomeSeen) != 3 {
		t.Errorf("%d of 3 were known again", cfg.count(outcomeSeen))
	}
}
