package sink

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/transform"
)

// rebuilt reads the index back and checks how many records that took.
func rebuilt(t *testing.T, opts []kgo.Opt, since time.Time, records int) *Index {
	t.Helper()
	x := NewIndex("tenant")
	done, err := Rebuild(t.Context(), opts, topics, x, since, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if done.Records != records || done.Foreign != 0 {
		t.Errorf("%+v, want %d records and none of others", done, records)
	}
	return x
}

// commit writes records in one transaction.
func commit(t *testing.T, w *Writer, records ...*kgo.Record) {
	t.Helper()
	for _, r := range records {
		if err := w.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The records as version 0.1 of the connector wrote them, byte for byte: they stand in people's topics, so they are read for
// ever. Never change one; add what a later version writes.
func TestRebuild_Version01IsReadForEver(t *testing.T) {
	opts, limits := startTopics(t)
	const at = 1772442063456 // 2026-03-02T09:01:03.456Z
	headers := func(pairs ...string) (all []kgo.RecordHeader) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, kgo.RecordHeader{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return all
	}
	message := func(chat, id, etag, kind, written string) *kgo.Record {
		return &kgo.Record{Topic: "out", Key: []byte(chat), Timestamp: time.UnixMilli(at), Headers: headers(
			"ce_specversion", "1.0",
			"ce_id", chat+"/"+id+"/"+etag,
			"ce_type", "com.microsoft.graph.chatMessage."+kind,
			"ce_source", "https://graph.microsoft.com/tenants/tenant",
			"ce_subject", id,
			"ce_time", written,
			"content-type", "application/avro",
		)}
	}
	w := openWriter(t, opts, limits)
	commit(t, w,
		message("19:a@thread.v2", "1772442060000", "1772442063456", "created", "2026-03-02T09:01:03.456Z"),
		message("19:a/b@thread.v2", "x/y", `W/"1"`, "updated", "2026-03-02T09:01:03.000Z"),
		message("19:a@thread.v2", "1772442060001", "5", "deleted", "1969-12-31T23:59:59.999Z"),
		// A letter whose item has an identity and an order, one with an identity alone, and one with neither.
		&kgo.Record{Topic: "out.dlq", Key: []byte("19:c@thread.v2"), Value: []byte("{}"), Timestamp: time.UnixMilli(at), Headers: headers(
			"dlq_name", "19:c@thread.v2/7/8", "dlq_stage", "produce", "dlq_reason", "too large", "dlq_time", "2026-03-02T09:02:00.5Z",
			"ce_source", "https://graph.microsoft.com/tenants/tenant", "content-type", "application/json",
			"ce_id", "19:c@thread.v2/7/8", "ce_subject", "7", "ce_time", "2026-03-02T09:01:03.456Z")},
		&kgo.Record{Topic: "out.dlq", Key: []byte("19:c@thread.v2/9/10"), Value: []byte("{}"), Timestamp: time.UnixMilli(at), Headers: headers(
			"dlq_name", "19:c@thread.v2/9/10", "dlq_stage", "transform", "dlq_reason", "no time", "dlq_time", "2026-03-02T09:02:00.5Z",
			"ce_source", "https://graph.microsoft.com/tenants/tenant", "content-type", "application/json")},
		&kgo.Record{Topic: "out.dlq", Key: []byte("sha256:00ff"), Value: []byte("{"), Timestamp: time.UnixMilli(at), Headers: headers(
			"dlq_name", "sha256:00ff", "dlq_stage", "identify", "dlq_reason", "malformed JSON", "dlq_time", "2026-03-02T09:02:00.5Z",
			"ce_source", "https://graph.microsoft.com/tenants/tenant", "content-type", "application/json")},
	)
	x := rebuilt(t, opts, time.UnixMilli(at), 6)
	for _, id := range []transform.Identity{
		identity("19:a@thread.v2", "1772442060000", at, "1772442063456"),
		identity("19:a/b@thread.v2", "x/y", at-456, `W/"1"`),
		identity("19:a@thread.v2", "1772442060001", -1, "5"),
		identity("19:c@thread.v2", "7", at, "8"),
	} {
		if x.Check(x.MessageKey(id), id.Version) != Seen {
			t.Errorf("%+v is not known", id)
		}
	}
	for _, name := range []string{"19:c@thread.v2/9/10", "sha256:00ff"} {
		if !x.CheckLetter(x.LetterKey(name)) {
			t.Errorf("letter %s is not known", name)
		}
	}
	if x.Len() != 6 {
		t.Errorf("%d entries, want 6", x.Len())
	}
}

// Retention, or an operator, has taken the beginning of a partition away, or all of it.
func TestRebuild_ATruncatedTopicIsReadFromWhatIsLeft(t *testing.T) {
	opts, adm := startKafka(t)
	limits, err := EnsureTopics(t.Context(), adm, topics)
	if err != nil {
		t.Fatal(err)
	}
	w, now := openWriter(t, opts, limits), time.Now().UnixMilli()
	gone, kept := identity("c", "1", now, "1"), identity("c", "2", now, "1")
	commit(t, w, record(gone))
	partition := int32(PartitionOf([]byte("c"), int(topics.Partitions)))
	truncate := func() {
		t.Helper()
		ends, err := adm.ListEndOffsets(t.Context(), "out")
		if err != nil {
			t.Fatal(err)
		}
		end, _ := ends.Lookup("out", partition)
		var to kadm.Offsets
		to.Add(kadm.Offset{Topic: "out", Partition: partition, At: end.Offset})
		deleted, err := adm.DeleteRecords(t.Context(), to)
		if err == nil {
			err = deleted.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	truncate()
	commit(t, w, record(kept))
	x := rebuilt(t, opts, time.UnixMilli(now), 1)
	if x.Check(x.MessageKey(gone), gone.Version) != New || x.Check(x.MessageKey(kept), kept.Version) != Seen {
		t.Error("the index is not what is left in the topic")
	}
	truncate()
	if x := rebuilt(t, opts, time.UnixMilli(now), 0); x.Len() != 0 {
		t.Errorf("%d entries of an empty topic", x.Len())
	}
}

// With RECORD_TIMESTAMP=ingest a record's timestamp is the clock of the process that wrote it, which may go behind Graph's:
// up to an hour it is found all the same. With event time nothing is left to clocks.
func TestRebuild_IngestTimestampsOfAClockThatIsBehind(t *testing.T) {
	opts, limits := startTopics(t)
	w, now := openWriter(t, opts, limits), time.Now()
	for i, age := range []time.Duration{0, 3 * time.Hour, -59 * time.Minute} {
		id := identity("c", string(rune('1'+i)), now.Add(-age).UnixMilli(), "1")
		r := record(id)
		r.Timestamp = now
		commit(t, w, r)
		x := NewIndex("tenant")
		if _, err := Rebuild(t.Context(), opts, topics, x, time.UnixMilli(id.Version.Time), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if x.Check(x.MessageKey(id), id.Version) != Seen {
			t.Errorf("a record written %v after its version is not found", age)
		}
	}
}

// The predecessor died in the middle of a transaction: the successor's fencing ends it, and the rebuild waits for nothing.
func TestRebuild_ADeadPredecessorsTransactionIsAborted(t *testing.T) {
	opts, limits := startTopics(t)
	now := time.Now().UnixMilli()
	committed, open := identity("c", "1", now, "1"), identity("c", "2", now, "1")
	dead := openWriter(t, opts, limits)
	commit(t, dead, record(committed))
	if err := dead.Write(t.Context(), record(open)); err != nil {
		t.Fatal(err)
	}
	if err := dead.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	openWriter(t, opts, limits)
	x := rebuilt(t, opts, time.UnixMilli(now), 1)
	if x.Check(x.MessageKey(committed), committed.Version) != Seen || x.Check(x.MessageKey(open), open.Version) != New {
		t.Error("the index is not what was committed")
	}
}

// What DELIVERY=idempotent gives up: nothing keeps two writers apart. The one that does not know of the other writes a version again, as
// a record with the same ce_id, and nothing is lost; in a transaction it would have been fenced.
func TestWriter_TwoIdempotentOnesAreNotKeptApart(t *testing.T) {
	opts, limits := startTopics(t)
	open := func() *Writer {
		w, err := OpenWriter(t.Context(), WriterConfig{Client: opts, Topics: topics, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		return w
	}
	now := time.Now().UnixMilli()
	both, last := identity("c", "1", now, "1"), identity("c", "2", now, "1")
	paused := open()
	successor := open()
	if x := rebuilt(t, opts, time.UnixMilli(now), 0); x.Check(x.MessageKey(both), both.Version) != New {
		t.Fatal("an empty topic holds a version")
	}
	commit(t, successor, record(both))
	commit(t, paused, record(both))
	commit(t, successor, record(last))
	x := rebuilt(t, opts, time.UnixMilli(now), 3) // one of them twice
	for _, id := range []transform.Identity{both, last} {
		if x.Check(x.MessageKey(id), id.Version) != Seen {
			t.Errorf("%+v was lost", id)
		}
	}
}

// What is known of a record must not hold its batch, of which it is a part, for days.
func TestIndex_RestoreKeepsNothingOfTheRecord(t *testing.T) {
	x := NewIndex("tenant")
	id := transform.Identity{ChatID: "c", ID: "1", Version: transform.Version{Time: 1000, ETag: "no number"}}
	r := record(id)
	known, ok := x.known(r, false)
	if !ok {
		t.Fatal("the record is foreign")
	}
	x.Restore(&known)
	for _, h := range r.Headers {
		if h.Key == transform.HeaderID {
			for i := range h.Value {
				h.Value[i] = '#'
			}
		}
	}
	if x.Check(x.MessageKey(id), id.Version) != Seen {
		t.Error("the etag went with the record")
	}
}

// loose counts the shards that have more slots than they need.
func (x *Index) loose() (shards int) {
	for i := range x.entries.shards {
		if x.entries.shards[i].loose() {
			shards++
		}
	}
	return shards
}

// The index grows in large steps, and gives back what it does not need at the end of a rebuild and with each sweep.
func TestIndex_IsFittedOnceItHasGrown(t *testing.T) {
	opts, limits := startTopics(t)
	w := openWriter(t, opts, limits)
	const messages = 5000
	grown := NewIndex("tenant")
	for n := range messages {
		id := identity("c", strconv.Itoa(n), time.Now().UnixMilli(), strconv.Itoa(n))
		grown.Put(grown.MessageKey(id), id.Version)
		if err := w.Write(t.Context(), record(id)); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, w)
	if grown.loose() == 0 {
		t.Fatal("no shard has grown beyond what it needs: the test shows nothing")
	}
	if grown.sweep(func(int64) bool { return true }); grown.Len() != messages || grown.loose() > 0 {
		t.Errorf("after a sweep of nothing %d of %d messages are left, and %d shards are too large", grown.Len(), messages, grown.loose())
	}
	x := NewIndex("tenant")
	if _, err := Rebuild(t.Context(), opts, topics, x, time.Now().Add(-time.Hour), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if x.Len() != messages || x.loose() > 0 {
		t.Errorf("after the rebuild there are %d of %d messages, and %d shards are too large", x.Len(), messages, x.loose())
	}
}
