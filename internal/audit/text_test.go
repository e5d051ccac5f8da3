package audit

import (
	"strings"
	"testing"
	"time"
)

func TestReport_TheTextSaysWhatTheNumbersMean(t *testing.T) {
	begins := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	report := &Report{From: begins, To: begins.Add(time.Hour), Users: 3, Shown: 2, Missing: 1, VersionDiffers: 1,
		Unreadable: []Unreadable{{User: "ada", Error: "gone"}},
		Uncovered:  []Uncovered{{Topic: "out", Partition: 3, Offset: 42, Begins: &begins}, {Topic: "out", Partition: 4, Offset: 7}},
		Findings: map[Kind][]Finding{
			KindMissing:        {{Name: "sha256:00"}},
			KindVersionDiffers: {{ChatID: "c", ID: "1", ETag: "2", Time: &begins, TopicETag: "1", Why: WhyBeforeStart}},
		}}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"item without identity sha256:00", "message 1 etag 2 of 2026-03-04T12:00:00.000Z, the topic holds etag 1 (before the start",
		"user ada could not be read: gone",
		"The range is not covered: out partition 3 begins at offset 42, where the first record is of 2026-03-04T12:00:00.000Z",
		"out partition 4 begins at offset 7, and is empty",
		"2 versions are not in the topic: 0 still to be read, 0 of users without a position, 0 before the users' start, 0 of users who left, 2 without an excuse",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in\n%s", want, text.String())
		}
	}
	report.Missing, report.VersionDiffers = 0, 0
	if got := report.Verdict(); !strings.Contains(got, "1 users could not be read") {
		t.Error(got)
	}
	report.Unreadable = nil
	if got := report.Verdict(); got != "nothing is missing" {
		t.Error(got)
	}
}
