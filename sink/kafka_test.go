package sink

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/transform"
)

var topics = Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "pos", Partitions: 3, Replication: -1}

func startKafka(t *testing.T) ([]kgo.Opt, *kadm.Client) {
	t.Helper()
	k, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	opts := []kgo.Opt{kgo.SeedBrokers(k.Brokers()...)}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return opts, kadm.NewClient(cl)
}

// startTopics starts a Kafka with the topics as EnsureTopics makes them.
func startTopics(t *testing.T) ([]kgo.Opt, Limits) {
	t.Helper()
	opts, adm := startKafka(t)
	limits, err := EnsureTopics(t.Context(), adm, topics)
	if err != nil {
		t.Fatal(err)
	}
	return opts, limits
}

func openWriter(t *testing.T, opts []kgo.Opt, limits Limits) *Writer {
	t.Helper()
	w, err := OpenWriter(t.Context(), WriterConfig{Client: opts, Topics: topics, Limits: limits,
		TransactionalID: TransactionalID("out", "tenant"), TransactionTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func record(id transform.Identity) *kgo.Record {
	r := &kgo.Record{Topic: "out", Key: []byte(id.ChatID), Value: []byte("v"), Timestamp: time.UnixMilli(id.Version.Time)}
	headers := transform.NewHeaders("tenant", "application/avro")
	r.Headers, _ = headers.Append(nil, nil, id, transform.TypeCreated)
	return r
}

func TestEnsureTopics_RefusesWhatWouldBreakAPromise(t *testing.T) {
	for name, c := range map[string]struct {
		topic, key, value string
		says              string
	}{
		"a compacted output topic":             {"out", "cleanup.policy", "compact", "cleanup.policy=delete"},
		"an output topic that is also":         {"out", "cleanup.policy", "compact,delete", "cleanup.policy=delete"},
		"a retention too short":                {"out", "retention.ms", "3600000", "retention.ms=86400000"},
		"positions that are deleted":           {"pos", "cleanup.policy", "delete", "cleanup.policy=compact"},
		"positions that are compacted+deleted": {"pos", "cleanup.policy", "compact,delete", "cleanup.policy=compact"},
		"positions that the broker stamps":     {"pos", "message.timestamp.type", "LogAppendTime", "message.timestamp.type=CreateTime"},
		"compacted dead letters":               {"out.dlq", "cleanup.policy", "compact", "cleanup.policy=delete"},
	} {
		t.Run(name, func(t *testing.T) {
			_, adm := startKafka(t)
			compact := "compact"
			configs := map[string]*string{c.key: &c.value}
			if c.topic == "pos" && c.key != "cleanup.policy" {
				configs["cleanup.policy"] = &compact
			}
			if _, err := adm.CreateTopic(t.Context(), 1, -1, configs, c.topic); err != nil {
				t.Fatal(err)
			}
			need := topics
			need.NeededRetention = 24 * time.Hour
			_, err := EnsureTopics(t.Context(), adm, need)
			if !errors.Is(err, ErrTopic) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "kafka-configs.sh") {
				t.Errorf("got %v, want ErrTopic with %s", err, c.says)
			}
		})
	}
}

func TestEnsureTopics_MakesWhatItAccepts(t *testing.T) {
	_, adm := startKafka(t)
	need := topics
	need.Retention, need.NeededRetention = 240*time.Hour, 96*time.Hour
	for range 2 {
		limits, err := EnsureTopics(t.Context(), adm, need)
		if err != nil {
			t.Fatal(err)
		}
		if limits.LetterBytes != 16<<20 || limits.OutputBytes < 1_000_000 {
			t.Errorf("limits %+v", limits)
		}
	}
}

// Operators write the largest number for "without limit", and more than three centuries do not fit a
// time.Duration.
func TestDescribeTopics_NumbersOfAnySizeKeepTheirMeaning(t *testing.T) {
	_, adm := startKafka(t)
	const day = 24 * time.Hour
	for retention, want := range map[string]time.Duration{
		"-1": -1, "9223372036854775807": -1, "9223372036854775806": -1, "18446744073710": -1, "9300000000000": -1,
		"604800000": 7 * day, "3153600000000": 36500 * day,
	} {
		name := "out" + retention
		size := "1073741824"
		if _, err := adm.CreateTopic(t.Context(), 1, -1, map[string]*string{"retention.ms": &retention, "retention.bytes": &size}, name); err != nil {
			t.Fatal(err)
		}
		need := topics
		need.Output, need.NeededRetention = name, 10*day
		described, err := DescribeTopics(t.Context(), adm, need)
		if err != nil {
			t.Fatal(err)
		}
		out := described[0]
		if out.Retention != want || out.RetentionBytes != 1<<30 {
			t.Errorf("retention.ms=%s: %v, retention.bytes %d", retention, out.Retention, out.RetentionBytes)
		}
		if tooShort := want >= 0 && want < 10*day; (out.Err != nil) != tooShort {
			t.Errorf("retention.ms=%s: %v", retention, out.Err)
		}
	}
}

func TestWriter_ASecondOneFencesTheFirst(t *testing.T) {
	opts, limits := startTopics(t)
	first := openWriter(t, opts, limits)
	lost := identity("c", "1", time.Now().UnixMilli(), "1")
	if err := first.Write(t.Context(), record(lost)); err != nil {
		t.Fatal(err)
	}
	if err := first.flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	second := openWriter(t, opts, limits)
	kept := identity("c", "2", time.Now().UnixMilli(), "1")
	if err := second.Write(t.Context(), record(kept)); err != nil {
		t.Fatal(err)
	}
	if err := second.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(t.Context()); !errors.Is(err, ErrFenced) {
		t.Errorf("the first writer's commit: %v, want ErrFenced", err)
	}

	x := NewIndex("tenant")
	if _, err := Rebuild(t.Context(), opts, topics, x, time.Now().Add(-time.Hour), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if x.Check(x.MessageKey(lost), lost.Version) != New || x.Check(x.MessageKey(kept), kept.Version) != Seen {
		t.Error("the index holds what the fenced writer wrote, or lacks what the other one committed")
	}
}

func TestRebuild_FindsVersionsAndLettersAndNothingOfOthers(t *testing.T) {
	opts, limits := startTopics(t)
	w := openWriter(t, opts, limits)
	now := time.Now().UnixMilli()
	old, recent := identity("c", "1", now-10*24*3600_000, "1"), identity("c", "2", now, "2/with/slashes")
	bad := Letter{Raw: []byte("{"), Value: []byte("{"), Stage: "identify", Reason: "malformed JSON", When: time.Now()}
	ordered := Letter{Raw: []byte("{}"), Value: []byte("{}"), Stage: "transform", Reason: "x", When: time.Now(),
		Identity: identity("c", "3", now, "3"), Ordered: true}
	foreign := record(identity("c", "4", now, "4"))
	foreign.Headers[3].Value = []byte(transform.Source("another tenant"))
	for _, r := range []*kgo.Record{record(old), record(recent), bad.Record("out.dlq", "tenant"), ordered.Record("out.dlq", "tenant"),
		foreign, {Topic: "out", Key: []byte("c"), Value: []byte("no headers")}} {
		if err := w.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	x := NewIndex("tenant")
	done, err := Rebuild(t.Context(), opts, topics, x, time.Now().Add(-30*24*time.Hour), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if done.Records != 6 || done.Foreign != 2 || x.Len() != 4 {
		t.Errorf("%+v, %d entries", done, x.Len())
	}
	for _, id := range []transform.Identity{old, recent, ordered.Identity} {
		if x.Check(x.MessageKey(id), id.Version) != Seen {
			t.Errorf("%v is not in the index", id)
		}
	}
	if !x.CheckLetter(x.LetterKey(bad.Name())) {
		t.Error("the dead letter is not in the index")
	}
}

func TestRebuild_NamesThePartitionThatAnOpenTransactionHidesAndWaitsForIt(t *testing.T) {
	opts, adm := startKafka(t)
	if _, err := EnsureTopics(t.Context(), adm, topics); err != nil {
		t.Fatal(err)
	}
	other, err := kgo.NewClient(append([]kgo.Opt{kgo.TransactionalID("another tenant's")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	id := identity("c", "1", time.Now().UnixMilli(), "1")
	if err := other.ProduceSync(t.Context(), record(id)).FirstErr(); err != nil {
		t.Fatal(err)
	}

	_, err = Rebuild(t.Context(), opts, topics, NewIndex("tenant"), time.Now().Add(-time.Hour), 500*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "reading out partition") || !strings.Contains(err.Error(), "open") {
		t.Errorf("got %v, want an error that names the partition", err)
	}

	ended := make(chan error, 1)
	x := NewIndex("tenant")
	go func() {
		_, err := Rebuild(context.WithoutCancel(t.Context()), opts, topics, x, time.Now().Add(-time.Hour), 20*time.Second)
		ended <- err
	}()
	if err := other.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || x.Check(x.MessageKey(id), id.Version) != Seen {
		t.Errorf("after the commit: %v", err)
	}
}

// A broker that cannot read its disk is not another producer's open transaction: the error does not blame one.
func TestRebuild_BlamesNoTransactionWhereNoneIsOpen(t *testing.T) {
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	opts := []kgo.Opt{kgo.SeedBrokers(kafka.Brokers()...)}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	limits, err := EnsureTopics(t.Context(), kadm.NewClient(cl), topics)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, openWriter(t, opts, limits), record(identity("c", "1", time.Now().UnixMilli(), "1")))
	kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.KafkaStorageError, Count: -1})
	_, err = Rebuild(t.Context(), opts, topics, NewIndex("tenant"), time.Now().Add(-time.Hour), 500*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "reading out partition") || !strings.Contains(err.Error(), "no transaction is open there") {
		t.Errorf("got %v, want an error that names the partition and blames no transaction", err)
	}
}

func TestPartitionOf_EqualsTheJavaClient(t *testing.T) {
	// murmur2 values of Kafka's own UtilsTest, made positive.
	for key, murmur2 := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971} {
		for _, n := range []int{1, 6, 1000} {
			if want := int(murmur2&0x7fffffff) % n; PartitionOf([]byte(key), n) != want {
				t.Errorf("%s of %d: %d, want %d", key, n, PartitionOf([]byte(key), n), want)
			}
		}
	}
}

// When a commit has failed its outcome is unknown, and what was learned together with it is void. So nothing may be committed later
// by the same writer, not even if the brokers would have it (invariant 1).
func TestWriter_CommitsNothingAfterAFailure(t *testing.T) {
	opts, adm := startKafka(t)
	limits, err := EnsureTopics(t.Context(), adm, topics)
	if err != nil {
		t.Fatal(err)
	}
	for name, transactional := range map[string]string{"exactly-once": TransactionalID("out", "tenant"), "idempotent": ""} {
		w, err := OpenWriter(t.Context(), WriterConfig{Client: opts, Topics: topics, Limits: limits,
			TransactionalID: transactional, TransactionTimeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		if err := w.Write(t.Context(), record(identity("c", "1", time.Now().UnixMilli(), "1"))); err != nil {
			t.Fatal(err)
		}
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Commit(cut); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a commit that is cut off gives %v", name, err)
		}
		w.WritePosition(&kgo.Record{Topic: "pos", Key: []byte("k"), Value: []byte("v")})
		if err := w.Commit(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a commit after it gives %v, want why the first failed", name, err)
		}
	}
	ends, err := adm.ListEndOffsets(t.Context(), "pos")
	if err != nil {
		t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset != 0 {
			t.Errorf("partition %d of the positions has %d records, want none", o.Partition, o.Offset)
		}
	})
}
