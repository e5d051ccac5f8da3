package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

const tenantID = "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11"

// configuration is a tenant on an embedded Kafka whose pages come from the test.
func configuration(t *testing.T, users ...string) Config {
	t.Helper()
	cfg, _ := configurationOn(t, users...)
	return cfg
}

// configurationOn returns the Kafka as well, to make trouble in.
func configurationOn(t *testing.T, users ...string) (Config, *embedded.Kafka) {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	ladder, err := source.NewLadder([]time.Duration{time.Minute, 2 * time.Minute}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	encoder := schema.NewSingleObjectEncoder()
	client := []kgo.Opt{kgo.SeedBrokers(kafka.Brokers()...)}
	sourceMetrics := source.NewMetrics(nil)
	return Config{
		Name: "teams", Tenant: tenantID, Ladder: ladder, Encoder: encoder,
		Client: source.NewClient(&url.URL{Scheme: "https", Host: "graph.test"}, &http.Client{}, source.NewTokens(source.Credentials{}),
			source.NewGate(1), "test (instance 1)", sourceMetrics),
		Directory:    &source.Directory{Listed: users},
		UsersRefresh: time.Hour, UsersRetention: 30 * 24 * time.Hour,
		Start: config.Start{Back: time.Minute}, PageSize: 50, InFlight: 1,
		Writer: sink.WriterConfig{
			Client: client, Topics: sink.Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "teams.offsets", Partitions: 1, Replication: -1},
			TransactionalID: sink.TransactionalID("out", tenantID), TransactionTimeout: 30 * time.Second,
		},
		CommitInterval: time.Hour, CommitRecords: 10_000, IndexMaxEntries: 100_000,
		RebuildTimeout: 20 * time.Second, FinishTimeout: 10 * time.Second, Metrics: NewMetrics(nil), SourceMetrics: sourceMetrics,
	}, kafka
}

func open(t *testing.T, cfg Config) *session {
	t.Helper()
	s, err := newSession(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.transaction.writer.Close)
	return s
}

func message(id string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":%q,"chatId":"19:a@thread.v2","etag":"%d","messageType":"message","createdDateTime":%q,"lastModifiedDateTime":%q,"body":{"contentType":"text","content":"x"}}`,
		id, at.UnixMilli(), at.UTC().Format(time.RFC3339Nano), at.UTC().Format(time.RFC3339Nano))
}

// take delivers a page as a poller does, which waits while the index reaches further back.
func (s *session) take(t *testing.T, user string, from, to time.Time, items ...[]byte) {
	t.Helper()
	var later *source.Later
	for {
		err := s.deliver(t.Context(), source.Delivery{User: user, Items: items, From: from.UnixMilli(), To: to.UnixMilli()})
		if errors.As(err, &later) {
			s.extend(t)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
}

// extend does what the session's loops do for those who wait.
func (s *session) extend(t *testing.T) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.readBack(t.Context()) }()
	for {
		select {
		case <-s.transaction.full:
			s.save(t)
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

func (s *session) save(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (c Config) count(outcome string) int {
	return int(testutil.ToFloat64(c.Metrics.items[outcome]))
}

// end is the high watermark of the output topic's first partition.
func (c Config) end(t *testing.T) int64 {
	t.Helper()
	cl, err := kgo.NewClient(c.Writer.Client...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), c.Writer.Topics.Output)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(c.Writer.Topics.Output, 0)
	return end.Offset
}

// current says that a user has been read up to now.
func (s *session) current(t *testing.T, user string, now time.Time) {
	t.Helper()
	p := offsets.Position{Start: now.Add(-time.Hour).UnixMilli(), Marks: []offsets.Mark{{Rung: time.Minute, At: now.UnixMilli()}, {Rung: 2 * time.Minute, At: now.UnixMilli()}}}
	if err := s.deliver(t.Context(), source.Delivery{User: user, From: now.UnixMilli(), To: now.UnixMilli(), Position: &p}); err != nil {
		t.Fatal(err)
	}
}

func TestSession_AUserReadFromFurtherBackThanTheIndexReachesIsComparedWithTheTopic(t *testing.T) {
	cfg := configuration(t, "u", "late")
	now := time.Now().Truncate(time.Millisecond)
	old := message("1", now.Add(-3*time.Hour))
	first := open(t, cfg)
	first.take(t, "u", now.Add(-4*time.Hour), now, old)
	first.current(t, "u", now)
	first.current(t, "late", now)
	first.save(t)
	if cfg.count(outcomeWritten) != 1 {
		t.Fatalf("%d written", cfg.count(outcomeWritten))
	}

	// The next process needs the last minutes only, and then a mailbox is read from hours back (beyond the hour that a rebuild adds for clocks).
	second := open(t, cfg)
	if reach := now.Sub(time.UnixMilli(second.reach.floor)); reach > 10*time.Minute {
		t.Fatalf("the index reaches back %v, the test shows nothing", reach)
	}
	end := cfg.end(t)
	second.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), message("2", now))
	// It is open in the topic, where it hides what comes after it also from ourselves.
	eventually(t, within(t, time.Minute), "the record to be in the topic", func() bool { return cfg.end(t) > end })
	second.take(t, "late", now.Add(-4*time.Hour), now, old)
	if written, seen := cfg.count(outcomeWritten), cfg.count(outcomeSeen); written != 2 || seen != 1 {
		t.Errorf("%d written and %d seen, want 2 and 1", written, seen)
	}
	// What was open when the index was extended is known, too.
	second.take(t, "late", now.Add(-time.Minute), now.Add(time.Minute), message("2", now))
	if cfg.count(outcomeWritten) != 2 {
		t.Error("a version of the transaction under way was written twice")
	}
}

func TestSession_WhatWasSweptIsFoundAgain(t *testing.T) {
	cfg := configuration(t, "u", "suspended")
	now := time.Now().Truncate(time.Millisecond)
	old := message("1", now.Add(-30*time.Minute))
	s := open(t, cfg)
	s.take(t, "u", now.Add(-40*time.Minute), now, old)
	s.current(t, "u", now)
	s.current(t, "suspended", now)
	s.save(t)
	s.reach.lease = span{} // which is for others who may come back
	s.sweep()
	if s.admission.index.Len() != 0 {
		t.Fatal("nothing was swept, the test shows nothing")
	}
	s.take(t, "suspended", now.Add(-time.Hour), now, old)
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

func TestSession_AnItemOutsideItsWindowIsNotWrittenAtEachReading(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	stray := message("1", now.Add(-30*time.Minute))
	s := open(t, cfg)
	s.current(t, "u", now)
	for range 3 {
		s.take(t, "u", now.Add(-time.Minute), now, stray)
		s.save(t)
		s.sweep()
	}
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 2 {
		t.Errorf("%d written, %d seen, want 1 and 2", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

// An item of two months ago that Graph shows in today's window is compared with the topic, also by a process
// that has just started.
func TestSession_AnItemOutsideItsWindowIsWrittenOnceWhateverRestarts(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	stray := message("1", now.Add(-60*24*time.Hour))
	for range 3 {
		s := open(t, cfg)
		s.current(t, "u", now)
		for range 2 {
			s.take(t, "u", now.Add(-time.Minute), now, stray)
			s.save(t)
			s.sweep()
		}
	}
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 5 {
		t.Errorf("%d written, %d seen, want 1 and 5", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

func TestSession_AnOrderlyEndCommitsWhatWasDelivered(t *testing.T) {
	cfg := configuration(t)
	s := open(t, cfg)
	now := time.Now() // after the index began to know everything
	s.roster.positions["u"] = offsets.Position{Start: now.UnixMilli()}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	running := make(chan struct{})
	go func() {
		close(running)
		ended <- s.run(ctx)
	}()
	<-running
	for { // run has set up its life once the poller reports; deliver as the poller would
		s.mu.Lock()
		ready := s.transaction.life != t.Context()
		s.mu.Unlock()
		if ready {
			break
		}
	}
	s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), message("1", now))
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("the last commit failed: %v", err)
	}
	next := open(t, cfg)
	next.roster.positions["u"] = offsets.Position{Start: now.UnixMilli()}
	next.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), message("1", now))
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen: what was delivered before the end is not in the topic", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

// What a start costs is told: how long the index took, and how many records.
func TestSession_TellsWhatTheRebuildRead(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	s.take(t, "u", now.Add(-time.Minute), now.Add(time.Minute), message("1", now), message("2", now), message("3", now))
	s.save(t)
	s.transaction.writer.Close()
	var log strings.Builder
	next, err := newSession(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	next.transaction.writer.Close()
	if !strings.Contains(log.String(), `msg="index rebuilt from the topic" records=3 foreign=0 messages=3 since=`) || !strings.Contains(log.String(), " seconds=") {
		t.Errorf("the log says\n%s", &log)
	}
	if records, seconds := testutil.ToFloat64(cfg.Metrics.rebuildCount), testutil.ToFloat64(cfg.Metrics.rebuildTime); records != 3 || seconds <= 0 {
		t.Errorf("the metrics say %v records and %v seconds", records, seconds)
	}
}
