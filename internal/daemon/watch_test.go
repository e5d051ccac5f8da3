package daemon

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// A stall is logged when it has lasted for five seconds, when its reason changes, each half hour, and at its
// end; what interrupts it for a few seconds is not an end.
func TestWatch_LogsTheBeginningReasonAndEndOfAStallOnce(t *testing.T) {
	var log stage.Log
	w := newWatch(prometheus.NewRegistry(), slog.New(slog.NewTextHandler(&log, nil)))
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := began
	look := func(d time.Duration, stalls ...stall) {
		for end := now.Add(d); now.Before(end); now = now.Add(time.Second) {
			w.observe(now, stalls)
		}
	}
	lines := func() (begun, ended int) {
		return strings.Count(log.String(), "stalled: no progress"), strings.Count(log.String(), "no longer stalled")
	}
	expect := func(what string, begun, ended int) {
		t.Helper()
		if b, e := lines(); b != begun || e != ended {
			t.Errorf("%s: %d lines of a stall and %d of its end, want %d and %d\n%s", what, b, e, begun, ended, log.String())
		}
	}
	kafka := stall{tenant: "t", reason: stalledKafka, what: "failing", since: began}
	login := stall{tenant: "t", reason: stalledLogin, what: "no page arrives", since: began}
	look(5*time.Second, kafka)
	expect("before five seconds", 0, 0)
	look(time.Second, kafka)
	expect("after five seconds", 1, 0)
	look(8 * time.Second)
	look(29*time.Minute, kafka)
	expect("interrupted for seconds", 1, 0)
	look(time.Minute, kafka)
	expect("after half an hour", 2, 0)
	look(2*time.Minute, login)
	expect("with another reason", 3, 0)
	if is := testutil.ToFloat64(w.stalled.WithLabelValues("t", "kafka")); is != 0 {
		t.Errorf("the series of the old reason is %v", is)
	}
	if is := testutil.ToFloat64(w.stalled.WithLabelValues("t", "login")); is != 1 {
		t.Errorf("the series of the new reason is %v", is)
	}
	look(time.Minute)
	expect("at its end", 3, 1)
	if !strings.Contains(log.String(), "reason=login lasted=32m") {
		t.Errorf("the end does not say how long it lasted:\n%s", log.String())
	}
	if is := testutil.ToFloat64(w.stalled.WithLabelValues("t", "login")); is != 0 {
		t.Errorf("the series is %v at the end", is)
	}
	look(4*time.Second, stall{tenant: "t", reason: stalledKafka, since: now})
	look(30*time.Second, stall{reason: stalledGroup, since: now})
	look(time.Minute)
	expect("a failure of four seconds and a rebalance of thirty", 3, 1)
}

func TestReasons_AreDocumentedWithTheirRemedies(t *testing.T) {
	page, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(remedies) < 16 {
		t.Fatalf("%d reasons", len(remedies))
	}
	for reason, remedy := range remedies {
		row := false
		for line := range strings.Lines(string(page)) {
			row = row || strings.HasPrefix(line, "| `"+string(reason)+"` | ") && strings.HasSuffix(line, " | "+remedy+" |\n")
		}
		if !row {
			t.Errorf("docs/errors.md has no row of %s with what to do: %s", reason, remedy)
		}
	}
}

// What another system said is shown in one line, of bounded length.
func TestCleaned_IsOneBoundedLine(t *testing.T) {
	got := cleaned("a\r\nlevel=ERROR\x1b[31m b\u202e\ufeffc\xff " + strings.Repeat("é", 2000))
	if !strings.HasPrefix(got, "a level=ERROR [31m bc é") || len([]rune(got)) != maxDetail+1 {
		t.Errorf("%q", got)
	}
}
