package worker

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// A gap is a dead letter of stage fetch in the transaction of the position that passes it, once, also if it
// is passed again by a later rung or after a restart.
func TestSession_AGapIsADeadLetterOnce(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	from, to := now.Add(-time.Minute), now.Add(-time.Minute+5*time.Millisecond)
	for range 2 { // the second time after a restart
		s := open(t, cfg)
		p := offsets.Position{Start: 1, Window: &offsets.Window{From: 1, To: now.UnixMilli(), Done: to.UnixMilli()}}
		d := source.Delivery{User: "u", From: from.UnixMilli(), To: to.UnixMilli(), Position: &p, Unanswered: errors.New("graph: 500 (request-id 7)")}
		for range 2 {
			if err := s.deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		s.save(t)
		if done := s.roster.positions["u"].Window.Done; done != to.UnixMilli() {
			t.Errorf("the position is at %d, want %d", done, to.UnixMilli())
		}
		s.transaction.writer.Close()
	}
	letters := consume(t, cfg, "out.dlq")
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	headers := make(map[string]string)
	for _, h := range letters[0].Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers[sink.LetterStage] != "fetch" || headers[sink.LetterReason] != "graph: 500 (request-id 7)" {
		t.Errorf("headers %v", headers)
	}
	var gap struct {
		User     string
		From, To time.Time
	}
	if err := json.Unmarshal(letters[0].Value, &gap); err != nil || gap.User != "u" || !gap.From.Equal(from) || !gap.To.Equal(to) {
		t.Errorf("value %s, %v", letters[0].Value, err)
	}
}

// consume returns the committed records of a topic with one partition.
func consume(t *testing.T, cfg Config, topic string) (records []*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(append(cfg.Writer.Client, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords())...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	for next := int64(0); next < end.Offset; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records
}
