package worker

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/txn"
	"github.com/teams-kafka/connector/offsets"
)

// An index that is too small for what the polled users can ask for keeps all of it, says so once, and no
// version is written again for it (invariant 2).
func TestSession_AnIndexThatIsTooSmallForeverWarnsOnceAndForgetsNothing(t *testing.T) {
	cfg := configuration(t, "u", "v")
	cfg.IndexMaxEntries = 10
	var log bytes.Buffer
	s, err := newSession(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.transaction.writer.Close)
	now := time.Now().Truncate(time.Millisecond)
	s.current(t, "u", now)
	s.current(t, "v", now)
	edge := s.horizonOf(now)
	var items [][]byte
	for i := range 100 {
		items = append(items, message(fmt.Sprint(i), edge.Add(time.Duration(i)*time.Millisecond)))
	}
	for round := range 20 {
		for _, user := range []string{"u", "v"} {
			s.take(t, user, edge, now, items[:5*(round+1)]...)
			s.relieve()
		}
		s.sweep()
	}
	if written, seen := cfg.count(outcomeWritten), cfg.count(outcomeSeen); written != 100 || seen != 2*5*(20*21/2)-100 {
		t.Errorf("%d written and %d seen again, want 100 and %d", written, seen, 2*5*(20*21/2)-100)
	}
	if n := strings.Count(log.String(), "index exceeds INDEX_MAX_ENTRIES"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, &log)
	}
}

// A user who was suspended for half a month before the start does not make the session read half a month
// of the topic. When it comes back, the topic is read for it.
func TestSession_AUserSuspendedForLongIsNotReadBackForAtTheStart(t *testing.T) {
	cfg := configuration(t, "u", "v")
	now := time.Now().Truncate(time.Millisecond)
	before := now.Add(-15 * 24 * time.Hour)
	mark := func(at time.Time) offsets.Position {
		return offsets.Position{Start: before.Add(-time.Hour).UnixMilli(), Marks: []offsets.Mark{
			{Rung: time.Minute, At: at.UnixMilli()}, {Rung: 2 * time.Minute, At: at.UnixMilli()},
		}}
	}
	first := open(t, cfg)
	first.take(t, "v", before.Add(-time.Hour), before, message("old", before.Add(-time.Minute)))
	first.take(t, "u", now.Add(-time.Minute), now, message("new", now.Add(-time.Second)))
	first.deliverPosition(t, "v", mark(before))
	first.deliverPosition(t, "u", mark(now))
	first.save(t)
	first.transaction.writer.Close()

	second := open(t, cfg)
	if back := time.Since(time.UnixMilli(second.reach.floor)); back > cfg.regularReach()+time.Hour {
		t.Errorf("the index reaches %v back, and a regular user needs %v", back, cfg.regularReach())
	}
	second.take(t, "v", before.Add(-time.Hour), before, message("old", before.Add(-time.Minute)))
	if written, seen := cfg.count(outcomeWritten), cfg.count(outcomeSeen); written != 2 || seen != 1 {
		t.Errorf("%d written and %d seen again, want 2 and 1", written, seen)
	}
}

// While the topic is read back for one user, the others' pages are taken and committed. An open transaction
// of somebody else holds the scan up for as long as the test wants.
func TestSession_TakesPagesWhileTheTopicIsReadBack(t *testing.T) {
	cfg := configuration(t, "u", "v")
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	past := now.Add(-20 * 24 * time.Hour)
	old := message("old", past.Add(time.Minute))
	s.take(t, "u", past, past.Add(time.Hour), old)
	s.save(t)
	s.reach.floor, s.reach.band, s.reach.lease = now.UnixMilli(), span{}, span{}
	s.forget()
	s.reach.ask(past.Add(time.Minute).UnixMilli())

	other, err := kgo.NewClient(append([]kgo.Opt{kgo.TransactionalID("somebody else")}, cfg.Writer.Client...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Value: []byte("foreign")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.readBack(t.Context()) }()
	<-s.transaction.full // the scan is under way, and asks for a commit now and then
	s.take(t, "v", now.Add(time.Minute), now.Add(time.Hour), message("new", now.Add(30*time.Minute)))
	s.save(t)
	if written := cfg.count(outcomeWritten); written != 2 {
		t.Errorf("%d written while the topic is read back, want 2", written)
	}
	select {
	case err := <-ended:
		t.Fatalf("the topic was read although a transaction is open: %v", err)
	default:
	}
	if err := txn.Commit(t.Context(), other, "out"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	s.take(t, "v", past, past.Add(time.Hour), old)
	if written, seen := cfg.count(outcomeWritten), cfg.count(outcomeSeen); written != 2 || seen != 1 {
		t.Errorf("%d written and %d seen again, want 2 and 1", written, seen)
	}
}
