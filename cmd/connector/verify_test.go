package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/audit"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
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
// rewind reads everything again, and nothing is in the topic twice.
func TestVerify_FindsAllThenWhatIsMissingAndARewindBringsNothingTwice(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tenant := stage.Tenant(8, 12, 40, 3)
	tenant.History.Messages = 400
	tenant.Content.BadItems = 0.02
	s := stage.Start(t, stage.Options{Graph: tenant})
	sim, kafka, cfg := s.Graph, s.Kafka, s.Config(t)
	setEnvironment(t, s.Settings)
	stream := func() *daemon.Daemon {
		t.Helper()
		c, err := daemon.New(cfg, version(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		stop := stage.Run(t, c.Run)
		wait(ctx, time.Second)
		read := func() (oldest time.Time) {
			for _, state := range c.States() {
				oldest = time.UnixMilli(state.Source.Oldest)
			}
			return oldest
		}
		if err := s.Settle(ctx, read); err != nil {
			t.Fatal(err)
		}
		stop()
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
			t.Errorf("the audit asked Kafka for %s, which is not a reading", kind)
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
	if seen := stage.Items(stream().Metrics())["seen"]; seen < 300 {
		t.Errorf("after the rewind only %d versions were read again", seen)
	}
	if report, r = verifyJSON(t, "--from", "5h", "--to", "now"); r.code != exitOK || report.Missing != 0 {
		t.Errorf("after the rewind: exit code %d: %s", r.code, r.out)
	}
	verdict, err := s.Judge(ctx, cfg)
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
		"no time":          {[]string{"verify", "--from", "then", "--to", "now"}, "--from: \"then\" is not a time"},
		"the future":       {[]string{"verify", "--from", "1h", "--to", "2999-01-01"}, "--to: 2999-01-01 is in the future"},
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
	graph := stage.Start(t, stage.Options{Graph: &graphsim.Config{Users: 2}, Kafka: s.kafka, NoRegistry: true, Name: "teams"})
	setEnvironment(t, graph.Settings)
	if r := s.run("verify", "--from", "2h", "--to", "1h"); r.code != exitUsage || !strings.Contains(r.err, "there is no such topic: teams.chat.messages; is it KAFKA_TOPIC") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	// Where the tenant is not let in, there is an error and no report that nothing is missing.
	t.Setenv("AZURE_CLIENT_SECRET", "canary-secret-value")
	r := s.run("verify", "--from", "2h", "--to", "1h")
	if r.code != exitFailed || !strings.Contains(r.err, "AADSTS7000215") || r.out != "" || strings.Contains(r.err, "canary-secret-value") {
		t.Errorf("a wrong secret: exit code %d: %s%s", r.code, r.out, r.err)
	}
}

func TestVerify_ProgressIsDrawnAFewTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drawn []string
		line := &progressLine{draw: func(lines ...string) { drawn = append(drawn, lines...) }}
		line.show(audit.Progress{Users: 9, UsersDone: 4, Versions: 120, Records: 7})
		line.show(audit.Progress{Users: 9, UsersDone: 5}) // too soon after the first
		time.Sleep(200 * time.Millisecond)
		line.show(audit.Progress{Users: 9, UsersDone: 6, Versions: 130})
		want := []string{"users read 4 of 9 · versions 120 · records 7", "users read 6 of 9 · versions 130 · records 0"}
		if !slices.Equal(drawn, want) {
			t.Errorf("drawn %q, want %q", drawn, want)
		}
	})
}
