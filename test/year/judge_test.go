package year

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/transform"
)

// reader consumes what is committed, as it comes, and judges what can be judged at once.
type reader struct {
	client *kgo.Client
	admin  *kadm.Client
	ended  chan struct{}

	mu         sync.Mutex
	versions   map[string]copied // by ce_id
	newest     map[string]int64  // by chat and message, the number of the version
	letters    map[string]bool   // by the SHA-256 of the value
	gaps       int
	again      int // versions whose record retention had deleted before they were written again
	duplicated []string
	reordered  []string
	latency    []time.Duration
}

// copied is where and when a version was written.
type copied struct {
	at        time.Time
	partition int32
	offset    int64
}

// start is the first offset that retention has left of a partition of the output topic.
func (r *reader) start(partition int32) int64 {
	starts, err := r.admin.ListStartOffsets(context.Background(), "out")
	if err != nil {
		return 0
	}
	start, _ := starts.Lookup("out", partition)
	return start.Offset
}

func newReader(t *testing.T, k *kafka) *reader {
	t.Helper()
	client, err := kgo.NewClient(append(k.options(false), kgo.ConsumeTopics("out", "out.dlq"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(10*time.Minute))...)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{client: client, admin: kadm.NewClient(client), ended: make(chan struct{}), versions: make(map[string]copied), newest: make(map[string]int64), letters: make(map[string]bool)}
	go func() {
		defer close(r.ended)
		for {
			fetches := client.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(r.take)
		}
	}()
	return r
}

func (r *reader) close() {
	r.client.Close()
	<-r.ended
}

func (r *reader) take(record *kgo.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	headers := make(map[string]string)
	for _, h := range record.Headers {
		headers[h.Key] = string(h.Value)
	}
	if record.Topic == "out.dlq" {
		sum := sha256.Sum256(record.Value)
		r.letters[hex.EncodeToString(sum[:])] = true
		if headers[sink.LetterStage] == "fetch" {
			r.gaps++
		}
	}
	id := headers[transform.HeaderID]
	if id == "" {
		return
	}
	if before, twice := r.versions[id]; twice && before.offset < r.start(before.partition) {
		r.again++
	} else if twice {
		r.duplicated = append(r.duplicated, fmt.Sprintf("%s of %s in %s, written %v and %v", id, headers[transform.HeaderTime], record.Topic,
			before.at.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))+fmt.Sprint(" ", before.partition, "@", before.offset, " ", record.Partition, "@", record.Offset, " start ", r.start(record.Partition)))
	}
	r.versions[id] = copied{time.Now(), record.Partition, record.Offset}
	message, etag := id[:strings.LastIndexByte(id, '/')], id[strings.LastIndexByte(id, '/')+1:]
	number, err := strconv.ParseInt(etag, 10, 64)
	if err != nil {
		return
	}
	if number < r.newest[message] {
		r.reordered = append(r.reordered, id)
	}
	r.newest[message] = max(r.newest[message], number)
	if at, err := time.Parse(time.RFC3339Nano, headers[transform.HeaderTime]); err == nil {
		r.latency = append(r.latency, time.Since(at))
	}
}

func few(of []string) []string { return of[:min(len(of), 12)] }

// judge compares the topic with the ledger.
func (y *year) judge() {
	t, r := y.t, y.topic
	r.mu.Lock()
	defer r.mu.Unlock()
	last := make(map[string]graphsim.LedgerLine) // by chat and message
	unreadable, bad := 0, 0
	for _, line := range y.ledger() {
		switch key := line.ChatID + "/" + line.ID; {
		case line.Bad != "":
			bad++
			if !r.letters[line.SHA256] {
				t.Errorf("an item that no client can use (%s) is not in the dead letters", line.Bad)
			}
		case line.Seq > last[key].Seq:
			last[key] = line
		}
	}
	missing := 0
	for key, line := range last {
		if len(line.Unreadable) > 0 {
			unreadable++
			continue
		}
		if _, written := r.versions[key+"/"+line.Etag]; !written {
			missing++
			if missing < 10 {
				t.Errorf("missing: %s version %d (etag %s) of %v, shown %d times", key, line.Seq, line.Etag, time.UnixMilli(line.Time).UTC(), len(line.Shown))
			}
		}
	}
	if missing > 0 || len(r.duplicated) > 0 || len(r.reordered) > 0 {
		t.Errorf("%d missing, %d duplicated, %d reordered\n%s", missing, len(r.duplicated), len(r.reordered), strings.Join(slices.Concat(few(r.duplicated), few(r.reordered)), "\n"))
	}
	if len(last) < 300 { // the history alone is 500
		t.Errorf("only %d messages were written", len(last))
	}
	stats := y.sim.Stats()
	failed := stats.Requests - stats.Outcomes["200"]
	slices.Sort(r.latency)
	at := func(share float64) time.Duration {
		return r.latency[int(share*float64(len(r.latency)-1))].Round(time.Minute)
	}
	t.Logf("%d messages, %d versions in the topic, %d again after retention had deleted them, %d unreadable, %d gaps, %d bad items", len(last), len(r.versions), r.again, unreadable, r.gaps, bad)
	t.Logf("%d requests, %d failed (%.1f %%), goodput %.3f", stats.Requests, failed, 100*float64(failed)/float64(stats.Requests), float64(stats.Outcomes["200"])/float64(stats.Requests))
	t.Logf("modified to committed: p50 %v, p90 %v, p99 %v, at most %v", at(0.5), at(0.9), at(0.99), at(1))
	t.Logf("what happened: %v", y.happened)
	t.Logf("log:\n%s", y.log.String())
}
