package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/audit"
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

func verifyJSON(t *testing.T, args ...string) (audit.Report, ran) {
	t.Helper()
	r := runLine(t, strings.NewReader(""), append([]string{"verify", "--json"}, args...)...)
	var report audit.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, r.out, r.err)
	}
	return report, r
}

// The whole way of an operator: the connector has run, the audit finds all of it, finds what came later to be missing, a
// rewind reads everything again, and nothing stands in the topic twice.
func TestVerify_FindsAllThenWhatIsMissingAndARewindBringsNothingTwice(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	kafka, registry := startStack(t)
	d := demo{simulation: simulation{users: 8, chats: 12, rate: 40, seed: 3}, duration: time.Second, out: io.Discard, err: io.Discard}
	simConfig := d.simulator(dir)
	simConfig.History.Messages = 400
	simConfig.Content.BadItems = 0.02
	sim, err := graphsim.Start(simConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	settings := d.settings(sim, dir, kafka.Brokers(), registry.URL())
	setEnvironment(t, settings)
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}
	stream := func() *daemon.Daemon {
		t.Helper()
		c, err := daemon.New(cfg, version(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.stream(ctx, c, sim); err != nil {
			t.Fatal(err)
		}
		return c
	}
	stream()

	var mu sync.Mutex
	asked := make(map[string]int)
	kafka.Cluster().Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		asked[kmsg.NameForKey(r.Key())]++
		return nil, nil, false
	})
	report, r := verifyJSON(t, "--from", "5h", "--to", "now")
	mu.Lock()
	kinds := asked
	asked = make(map[string]int)
	mu.Unlock()
	if r.code != exitOK || report.Missing != 0 || report.VersionDiffers != 0 || report.Present < 300 || report.DeadLetters == 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	t.Logf("present %d (dead letters %d), superseded %d, replaced %d, extra %d; Kafka was asked for %v",
		report.Present, report.DeadLetters, report.Superseded, report.Replaced, report.Extra, kinds)
	// The last two are the client library's own measurements, which a broker may ask clients for (KIP-714).
	reads := []string{"ApiVersions", "Metadata", "ListOffsets", "Fetch", "OffsetForLeaderEpoch", "GetTelemetrySubscriptions", "PushTelemetry"}
	for kind := range kinds {
		if !slices.Contains(reads, kind) {
			t.Errorf("the audit asked Kafka for %s, which is no reading", kind)
		}
	}
	if kinds["Fetch"] == 0 {
		t.Error("the audit read nothing")
	}

	late := int64(0)
	text := "canary-body"
	made, err := sim.Apply(graphsim.Change{Do: "create", User: sim.Users()[0], Content: &text, DelayMillis: &late})
	if err != nil {
		t.Fatal(err)
	}
	for time.Now().UnixMilli() <= made.Time { // a range does not hold its end
		wait(ctx, time.Millisecond)
	}
	report, r = verifyJSON(t, "--from", "5h", "--to", "now")
	if f := report.Findings[audit.KindMissing]; r.code != exitFailed || report.Missing != 1 || report.StillToRead != 1 ||
		len(f) != 1 || f[0].ChatID != made.ChatID || f[0].ID != made.ID || f[0].ETag != made.Etag || f[0].Why != audit.WhyStillToRead {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	r = runLine(t, strings.NewReader(""), "verify", "--from", "5h", "--to", "now")
	for _, want := range []string{"  missing          1", "message " + made.ID, "(still to be read)", "1 versions are not in the topic: 1 still to be read"} {
		if r.code != exitFailed || !strings.Contains(r.out, want) {
			t.Errorf("exit code %d, want %q in\n%s%s", r.code, want, r.out, r.err)
		}
	}
	if strings.Contains(r.out+r.err, text) || strings.Contains(r.out+r.err, sim.ClientSecret()) {
		t.Error("a body or a secret was printed")
	}

	// Excluded chats are not missing.
	t.Setenv("TRANSFORM_EXCLUDE_CHATS", made.ChatID)
	if report, r = verifyJSON(t, "--from", "5h", "--to", "now"); r.code != exitOK || report.Excluded == 0 || report.Missing != 0 {
		t.Errorf("excluded: exit code %d: %s", r.code, r.out)
	}
	t.Setenv("TRANSFORM_EXCLUDE_CHATS", "")
	all := report.Shown
	t.Setenv("GRAPH_FILTER", "messageType eq 'systemEventMessage'")
	if report, r = verifyJSON(t, "--from", "5h", "--to", "now"); r.code != exitOK || report.Shown == 0 || report.Shown > all/2 {
		t.Errorf("filtered: exit code %d: %s", r.code, r.out)
	}
	t.Setenv("GRAPH_FILTER", "")
	// A user Graph does not know makes it fail, and only that user.
	report, r = verifyJSON(t, "--from", "5h", "--to", "now", "--users", sim.Users()[1]+",nobody@elsewhere.invalid")
	if r.code != exitFailed || len(report.Unreadable) != 1 || report.Unreadable[0].User != "nobody@elsewhere.invalid" || report.Present == 0 {
		t.Errorf("an unknown user: exit code %d: %s", r.code, r.out)
	}

	if r = runLine(t, strings.NewReader(""), "offsets", "rewind", "--all", "--to", "4h", "--yes"); r.code != exitOK {
		t.Fatalf("rewind: exit code %d: %s", r.code, r.err)
	}
	mu.Lock()
	if asked["InitProducerID"] == 0 || asked["EndTxn"] == 0 {
		t.Errorf("the rewind asked for %v: no fencing or no transaction is seen, so that the audit's silence proves nothing", asked)
	}
	mu.Unlock()
	if seen := itemCounts(stream().Metrics())["seen"]; seen < 300 {
		t.Errorf("after the rewind only %d versions were read again", seen)
	}
	if report, r = verifyJSON(t, "--from", "5h", "--to", "now"); r.code != exitOK || report.Missing != 0 {
		t.Errorf("after the rewind: exit code %d: %s", r.code, r.out)
	}
	verdict, err := d.judge(ctx, cfg, sim, registry.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(verdict)
	if !verdict.OK() || verdict.InTopic < 300 {
		t.Errorf("%v\n%v", verdict, verdict.Examples)
	}
}

func TestVerify_UsageErrors(t *testing.T) {
	newOffsetsStage(t, "exactly-once")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no range":         {[]string{"verify"}, "want --from and --to"},
		"no end":           {[]string{"verify", "--from", "1h"}, "want --from and --to"},
		"no time":          {[]string{"verify", "--from", "then", "--to", "now"}, "--from \"then\" is no time"},
		"the future":       {[]string{"verify", "--from", "1h", "--to", "2999-01-01"}, "--to 2999-01-01 lies in the future"},
		"the wrong way":    {[]string{"verify", "--from", "1h", "--to", "2h"}, "does not lie before"},
		"an empty range":   {[]string{"verify", "--from", "2026-01-01", "--to", "2026-01-01"}, "does not lie before"},
		"an argument":      {[]string{"verify", "now"}, "now"},
		"before the epoch": {[]string{"verify", "--from", "1969-12-31", "--to", "now"}, "before 1970"},
	} {
		if r := runLine(t, strings.NewReader(""), c.args...); r.code != exitUsage || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: exit code %d, want %q in %s", name, r.code, c.says, r.err)
		}
	}
}

func TestVerify_AMissingTopicIsNamed(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	dir := t.TempDir()
	sim, err := graphsim.Start(graphsim.Config{Users: 2, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	environment, err := simulatorEnvironment(sim, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range environment {
		t.Setenv(v.name, v.value)
	}
	if r := s.run("verify", "--from", "2h", "--to", "1h"); r.code != exitUsage || !strings.Contains(r.err, "there is no such topic: teams.chat.messages; is it KAFKA_TOPIC") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	// A tenant that is not let in is no report with nothing missing.
	t.Setenv("AZURE_CLIENT_SECRET", "canary-secret-value")
	r := s.run("verify", "--from", "2h", "--to", "1h")
	if r.code != exitFailed || !strings.Contains(r.err, "AADSTS7000215") || r.out != "" || strings.Contains(r.err, "canary-secret-value") {
		t.Errorf("a wrong secret: exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestVerify_TheTableSaysWhatTheNumbersMean(t *testing.T) {
	begins := time.UnixMilli(noonOfStage).UTC()
	report := &audit.Report{From: begins, To: begins.Add(time.Hour), Users: 3, Shown: 2, Missing: 1, VersionDiffers: 1,
		Unreadable: []audit.Unreadable{{User: "ada", Error: "gone"}},
		Uncovered:  []audit.Uncovered{{Topic: "out", Partition: 3, Offset: 42, Begins: &begins}, {Topic: "out", Partition: 4, Offset: 7}},
		Findings: map[audit.Kind][]audit.Finding{
			audit.KindMissing:        {{Name: "sha256:00"}},
			audit.KindVersionDiffers: {{ChatID: "c", ID: "1", ETag: "2", Time: &begins, TopicETag: "1", Why: audit.WhyBeforeStart}},
		}}
	var text strings.Builder
	if err := printReport(&text, report); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"item without identity sha256:00", "message 1 etag 2 of 2026-03-04T12:00:00.000Z, the topic holds etag 1 (before the start",
		"user ada could not be read: gone",
		"The range is not covered: out partition 3 begins at offset 42, where the first record is of 2026-03-04T12:00:00.000Z",
		"out partition 4 begins at offset 7, and is empty",
		"2 versions are not in the topic: 0 still to be read, 0 of users without a position, 0 before the users' start, 2 without an excuse",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in\n%s", want, text.String())
		}
	}
	report.Missing, report.VersionDiffers = 0, 0
	if got := verdictOf(report); !strings.Contains(got, "1 users could not be read") {
		t.Error(got)
	}
	report.Unreadable = nil
	if got := verdictOf(report); got != "nothing is missing" {
		t.Error(got)
	}
}

func TestVerify_ProgressIsForTerminalsOnly(t *testing.T) {
	p := audit.Progress{Users: 9, UsersDone: 4, Versions: 120, Records: 7}
	var file, screen strings.Builder
	for out, terminal := range map[*strings.Builder]bool{&file: false, &screen: true} {
		l := newLive(out)
		if terminal {
			l.size = screenSize(80, 24)
		}
		line := &progressLine{screen: l}
		line.show(p)
		line.show(p) // too soon after the first
		l.clear()
	}
	if file.Len() > 0 {
		t.Errorf("a file got %q", file.String())
	}
	if got := screen.String(); strings.Count(got, "users read 4 of 9 · versions 120 · records 7") != 1 || strings.Join(visible(got), "") != "" {
		t.Errorf("a terminal got %q", got)
	}
}
