package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/offsetsadmin"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
)

const (
	morning     = "2026-03-04T08:00:00Z"
	noonOfStage = 1772625600000 // 2026-03-04T12:00:00Z
	hour        = 60 * 60 * 1000
)

// adaAtNoon is a position in the middle of a window.
var adaAtNoon = offsets.Position{
	Start: noonOfStage - 200*hour,
	Marks: []offsets.Mark{
		{Rung: 10 * time.Minute, At: noonOfStage},
		{Rung: 48 * time.Hour, At: noonOfStage - 5*hour},
	},
	Window: &offsets.Window{From: noonOfStage - 53*hour, Done: noonOfStage - 50*hour, To: noonOfStage + hour},
}

// offsetsStage is a Kafka with an offsets topic, and an environment that leads to it.
type offsetsStage struct {
	t        *testing.T
	kafka    *embedded.Kafka
	settings config.Settings
	client   *kgo.Client
}

// ran is how a command line ended.
type ran struct {
	code     int
	out, err string
}

func newOffsetsStage(t *testing.T, delivery string) *offsetsStage {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	s := &offsetsStage{t: t, kafka: kafka, settings: config.Settings{
		AzureTenantID: "3f0c1d52-0000-4000-8000-00000000cafe", AzureClientID: "id", AzureClientSecret: "secret",
		SourceUsers: "ada,grace", KafkaBrokers: strings.Join(kafka.Brokers(), ","), Delivery: delivery,
		KafkaTopicRetention: "3650d", SourceStart: "24h",
	}}
	setEnvironment(t, s.settings)
	if s.client, err = kgo.NewClient(kgo.SeedBrokers(kafka.Brokers()...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	compact := "compact"
	if _, err := kadm.NewClient(s.client).CreateTopic(t.Context(), 3, -1, map[string]*string{"cleanup.policy": &compact}, "teams.offsets"); err != nil {
		t.Fatal(err)
	}
	return s
}

// setEnvironment sets every variable, so that none of the surroundings' matters.
func setEnvironment(t *testing.T, settings config.Settings) {
	t.Helper()
	for name, value := range settings.Variables() {
		t.Setenv(name, value)
	}
}

func (s *offsetsStage) run(args ...string) ran {
	s.t.Helper()
	return s.runWith(strings.NewReader(""), args...)
}

func (s *offsetsStage) runWith(in io.Reader, args ...string) ran {
	s.t.Helper()
	return runLine(s.t, in, args...)
}

func runLine(t *testing.T, in io.Reader, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errOut bytes.Buffer
	code := executeOn(ctx, args, in, &out, &errOut)
	return ran{code, out.String(), errOut.String()}
}

func (s *offsetsStage) key(user string) offsets.Key {
	return offsets.Key{Connector: "teams", Tenant: s.settings.AzureTenantID, User: user}
}

func (s *offsetsStage) store(user string, p offsets.Position) {
	s.t.Helper()
	s.produce(offsets.Record("teams.offsets", s.key(user), p))
}

func (s *offsetsStage) produce(r *kgo.Record) {
	s.t.Helper()
	if err := s.client.ProduceSync(s.t.Context(), r).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *offsetsStage) positions() map[string]offsets.Position {
	s.t.Helper()
	stored, err := offsets.Read(s.t.Context(), []kgo.Opt{kgo.SeedBrokers(s.kafka.Brokers()...)}, "teams.offsets", "teams",
		s.settings.AzureTenantID, 10*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	return stored.Positions
}

func (s *offsetsStage) position(user string) offsets.Position {
	s.t.Helper()
	p, ok := s.positions()[user]
	if !ok {
		s.t.Fatalf("%s has no position", user)
	}
	return p
}

// writerConfig is a worker's.
func (s *offsetsStage) writerConfig() sink.WriterConfig {
	return sink.WriterConfig{
		Client: []kgo.Opt{kgo.SeedBrokers(s.kafka.Brokers()...)}, Topics: sink.Topics{Offsets: "teams.offsets"},
		Limits:          sink.Limits{PositionBytes: 1 << 20},
		TransactionalID: sink.TransactionalID("teams.chat.messages", s.settings.AzureTenantID), TransactionTimeout: time.Minute,
	}
}

// until waits for something that another goroutine or process brings about.
func (s *offsetsStage) until(what string, done func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for !done() {
		if ctx.Err() != nil {
			s.t.Fatalf("it never came about that %s", what)
		}
		wait(ctx, 10*time.Millisecond)
	}
}

// join makes a member of the connector's group.
func (s *offsetsStage) join() *kgo.Client {
	s.t.Helper()
	joined := make(chan struct{}, 1)
	member, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Brokers()...), kgo.ConsumerGroup("teams"), kgo.ConsumeTopics("teams.offsets"),
		kgo.ClientID("teams-kafka-connector"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			select {
			case joined <- struct{}{}:
			default:
			}
		}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(member.Close)
	select {
	case <-joined:
	case <-time.After(time.Minute):
		s.t.Fatal("the member does not get into the group")
	}
	return member
}

func TestOffsets_ListAndGetShowTableAndJSON(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	s.store("grace", offsets.Position{Start: noonOfStage})

	r := s.run("offsets", "list")
	for _, text := range []string{"USER", "READ UP TO", "ada    2026-03-04T12:00:00.000Z  2026-03-02T07:00:00.000Z  to 2026-03-04T13:00:00.000Z", "grace  2026-03-04T12:00:00.000Z"} {
		if r.code != exitOK || !strings.Contains(r.out, text) {
			t.Errorf("list: exit code %d, want %q in\n%s%s", r.code, text, r.out, r.err)
		}
	}
	r = s.run("offsets", "get", "ada")
	for _, text := range []string{"mark 10m     2026-03-04T12:00:00.000Z", "mark 48h     2026-03-04T07:00:00.000Z", "window done  2026-03-02T10:00:00.000Z"} {
		if r.code != exitOK || !strings.Contains(r.out, text) {
			t.Errorf("get: exit code %d, want %q in\n%s%s", r.code, text, r.out, r.err)
		}
	}
	r = s.run("offsets", "get", "ada", "--json")
	var got []offsetsadmin.View
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err, r.out)
	}
	if len(got) != 1 || got[0].User != "ada" || len(got[0].Marks) != 2 || got[0].Marks[1] != (offsetsadmin.MarkView{Rung: "48h", At: "2026-03-04T07:00:00.000Z"}) ||
		got[0].Window == nil || got[0].Window.To != "2026-03-04T13:00:00.000Z" || got[0].Written == "" {
		t.Errorf("get --json: %s", r.out)
	}
	if r = s.run("offsets", "list", "--json"); r.code != exitOK || json.Unmarshal([]byte(r.out), &got) != nil || len(got) != 2 {
		t.Errorf("list --json: %d %s", r.code, r.out)
	}
}

func TestOffsets_UsageErrors(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	file := filepath.Join(t.TempDir(), "positions.jsonl")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no such verb":        {[]string{"offsets", "reset"}, "reset"},
		"get nobody":          {[]string{"offsets", "get"}, "name at least one user"},
		"get a stranger":      {[]string{"offsets", "get", "bob"}, "user bob has no position"},
		"another case":        {[]string{"offsets", "get", "ADA"}, "did you mean ada?"},
		"rewind nobody":       {[]string{"offsets", "rewind", "--to", "1h", "--yes"}, "either --users or --all"},
		"rewind some and all": {[]string{"offsets", "rewind", "--to", "1h", "--all", "--users", "ada", "--yes"}, "either --users or --all"},
		"rewind to nowhere":   {[]string{"offsets", "rewind", "--all", "--yes"}, "want --to"},
		"rewind to a word":    {[]string{"offsets", "rewind", "--all", "--to", "yesterday", "--yes"}, "is not a time"},
		"rewind to tomorrow":  {[]string{"offsets", "rewind", "--all", "--to", "2999-01-01", "--yes"}, "in the future"},
		"rewind a stranger":   {[]string{"offsets", "rewind", "--users", "ada,bob", "--to", morning, "--yes"}, "user bob has no position"},
		"delete nobody":       {[]string{"offsets", "delete", "--yes"}, "either --users or --all"},
		"delete a stranger":   {[]string{"offsets", "delete", "--users", "bob", "--yes"}, "user bob has no position"},
		"import two files":    {[]string{"offsets", "import", "a", "b"}, "at most 1 arg"},
		"import no file":      {[]string{"offsets", "import", file, "--yes"}, "no such file"},
		"import unasked":      {[]string{"offsets", "import"}, "standard input holds the positions"},
		"nobody to ask":       {[]string{"offsets", "rewind", "--all", "--to", morning}, "standard input is not a terminal"},
	} {
		r := s.run(c.args...)
		if r.code != exitUsage || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: exit code %d, want %d and %q in %s", name, r.code, exitUsage, c.says, r.err)
		}
	}
	if p := s.position("ada"); !p.Equal(adaAtNoon) {
		t.Errorf("a refused command changed the position to %+v", p)
	}
}

func TestOffsets_AMissingTopicIsNamed(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	t.Setenv("CONNECTOR_NAME", "other")
	for _, args := range [][]string{{"offsets", "list"}, {"offsets", "rewind", "--all", "--to", "1h", "--yes"}} {
		if r := s.run(args...); r.code != exitUsage || !strings.Contains(r.err, "topic other.offsets does not exist") {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.err)
		}
	}
}

func TestOffsets_RewindMovesMarksBackAndSaysWhatItMeans(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	s.store("grace", offsets.Position{Start: noonOfStage - 9*hour, Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: noonOfStage - 8*hour}}})
	grace := s.position("grace")

	dry := s.run("offsets", "rewind", "--all", "--to", morning, "--dry-run")
	if dry.code != exitOK || strings.Contains(dry.err, "Fenced") || !s.position("ada").Equal(adaAtNoon) {
		t.Errorf("a dry run: exit code %d, %s", dry.code, dry.err)
	}
	r := s.run("offsets", "rewind", "--all", "--to", morning, "--yes")
	changes, _, _ := strings.Cut(dry.out, "Everything modified since")
	if r.code != exitOK || changes == "" || !strings.HasPrefix(r.out, changes) {
		t.Errorf("exit code %d: %s\ndry run:\n%s\nrun:\n%s", r.code, r.err, dry.out, r.out)
	}
	for _, text := range []string{"mark 10m 2026-03-04T12:00:00.000Z → 2026-03-04T08:00:00.000Z", "Versions that the topic holds are recognized",
		"written again, with the same ce_id", "Users not read up to that time yet: 1."} {
		if !strings.Contains(r.out, text) {
			t.Errorf("want %q in\n%s", text, r.out)
		}
	}
	if strings.Contains(r.out, "mark 48h") {
		t.Errorf("a mark that lies before --to moved:\n%s", r.out)
	}
	if !strings.Contains(r.err, "Fenced transactional ID teams-kafka-connector/teams.chat.messages/"+s.settings.AzureTenantID) {
		t.Errorf("the fencing is not reported: %s", r.err)
	}
	want := adaAtNoon.Clone()
	want.Marks[0].At = noonOfStage - 4*hour
	if p := s.position("ada"); !p.Equal(want) {
		t.Errorf("ada's position is %+v", p)
	}
	if p := s.position("grace"); !p.Equal(grace) {
		t.Errorf("grace's position is %+v", p)
	}
	if r := s.run("offsets", "rewind", "--all", "--to", morning, "--yes", "--json"); r.code != exitOK || !strings.Contains(r.out, `"changes": []`) {
		t.Errorf("again: exit code %d\n%s", r.code, r.out)
	}
}

func TestOffsets_AChangeIsRefusedWhileTheGroupHasMembers(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	member := s.join()
	file := filepath.Join(t.TempDir(), "positions.jsonl")
	export := s.run("offsets", "export") // reading is not refused
	if err := os.WriteFile(file, []byte(export.out), 0o600); err != nil || export.code != exitOK {
		t.Fatal(err, export)
	}
	for _, args := range [][]string{
		{"offsets", "rewind", "--all", "--to", morning, "--yes"},
		{"offsets", "delete", "--all", "--yes", "--allow-loss"},
		{"offsets", "import", file, "--yes", "--allow-loss"},
	} {
		r := s.run(args...)
		if r.code != exitUsage || !strings.Contains(r.err, "the consumer group teams has 1 members") ||
			!strings.Contains(r.err, "teams-kafka-connector-") || !strings.Contains(r.err, "127.0.0.1") {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.err)
		}
		if strings.Contains(r.err, "Fenced") {
			t.Errorf("%v: the running connector was fenced: %s", args, r.err)
		}
	}
	if r := s.run("offsets", "rewind", "--all", "--to", morning, "--dry-run"); r.code != exitOK || !strings.Contains(r.err, "would be refused") ||
		!strings.Contains(r.out, "mark 10m") {
		t.Errorf("a dry run beside a member: exit code %d: %s%s", r.code, r.out, r.err)
	}
	if p := s.position("ada"); !p.Equal(adaAtNoon) {
		t.Errorf("the position is %+v", p)
	}
	member.Close() // leaves the group
	if r := s.run("offsets", "rewind", "--all", "--to", morning, "--yes"); r.code != exitOK {
		t.Errorf("after the member left: exit code %d: %s", r.code, r.err)
	}
}

// A worker that was paused with a transaction open, and is not in the group any more, must not write over the change.
func TestOffsets_APausedWorkerIsFencedByAChange(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	paused, err := sink.OpenWriter(t.Context(), s.writerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer paused.Close()
	if err := paused.Write(t.Context(), &kgo.Record{Topic: "teams.offsets", Key: s.key("ada").Bytes(),
		Value: offsets.Position{Start: 1}.Value()}); err != nil {
		t.Fatal(err)
	}
	if r := s.run("offsets", "rewind", "--all", "--to", morning, "--yes"); r.code != exitOK {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	rewound := s.position("ada")
	if err := paused.Commit(t.Context()); !errors.Is(err, sink.ErrFenced) {
		t.Errorf("the paused worker's commit gave %v", err)
	}
	if p := s.position("ada"); p.Equal(adaAtNoon) || !p.Equal(rewound) {
		t.Errorf("the position is %+v", p)
	}
}

func TestOffsets_IdempotentSaysThatNothingIsFenced(t *testing.T) {
	s := newOffsetsStage(t, "idempotent")
	s.store("ada", adaAtNoon)
	paused, err := sink.OpenWriter(t.Context(), s.writerConfig()) // fenced only by a transactional id
	if err != nil {
		t.Fatal(err)
	}
	defer paused.Close()
	r := s.run("offsets", "rewind", "--all", "--to", morning, "--yes")
	if r.code != exitOK || !strings.Contains(r.err, "has no transactional ID to fence") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if p := s.position("ada"); p.Marks[0].At != noonOfStage-4*hour {
		t.Errorf("the position is %+v", p)
	}
}

func TestOffsets_AMoveForwardNeedsAllowLoss(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	later := adaAtNoon.Clone()
	later.Marks[1].At++
	file := filepath.Join(t.TempDir(), "positions.jsonl")
	if err := os.WriteFile(file, offsets.AppendLine(nil, s.key("ada"), later), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"rewind": {"offsets", "rewind", "--users", "ada", "--to", "2026-03-05", "--yes"},
		"delete": {"offsets", "delete", "--users", "ada", "--yes"},
		"import": {"offsets", "import", file, "--yes"},
	} {
		s.store("ada", adaAtNoon)
		r := s.run(args...)
		if r.code != exitUsage || !strings.Contains(r.err, "can lose them: 1 (ada); to make them anyway, use --allow-loss") {
			t.Errorf("%s: exit code %d: %s", name, r.code, r.err)
		}
		if !strings.Contains(r.out, "ada  can lose messages") {
			t.Errorf("%s: the difference does not say so:\n%s", name, r.out)
		}
		if p := s.position("ada"); !p.Equal(adaAtNoon) {
			t.Errorf("%s: the position is %+v", name, p)
		}
		if r := s.run(append(args, "--allow-loss")...); r.code != exitOK {
			t.Errorf("%s --allow-loss: exit code %d: %s", name, r.code, r.err)
		}
		p, ok := s.positions()["ada"]
		switch name {
		case "rewind":
			if !ok || p.ReadUpTo() != noonOfStage+12*hour || p.Window != nil {
				t.Errorf("%s: the position is %+v", name, p)
			}
		case "delete":
			if ok {
				t.Errorf("%s: the position is %+v", name, p)
			}
		case "import":
			if !p.Equal(later) {
				t.Errorf("%s: the position is %+v", name, p)
			}
		}
	}
}

func TestOffsets_ExportAndImportCarryPositionsOver(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	s.store("grace", offsets.Position{Start: noonOfStage})
	export := s.run("offsets", "export")
	if export.code != exitOK || strings.Count(export.out, "\n") != 2 {
		t.Fatalf("exit code %d: %s", export.code, export.err)
	}
	if r := s.run("offsets", "delete", "--all", "--allow-loss", "--yes"); r.code != exitOK || len(s.positions()) != 0 {
		t.Fatalf("delete: exit code %d: %s, left %v", r.code, r.err, s.positions())
	}
	s.store("bob", adaAtNoon)
	lines := strings.SplitAfter(export.out, "\n")
	half := lines[0] + strings.Replace(lines[1], `"version":1`, `"version":2`, 1)
	r := s.runWith(strings.NewReader(half), "offsets", "import", "--yes")
	if r.code != exitUsage || !strings.Contains(r.err, "line 2: user grace: ") || !strings.Contains(r.err, "newer connector") {
		t.Errorf("a wrong line: exit code %d: %s", r.code, r.err)
	}
	if len(s.positions()) != 1 {
		t.Errorf("a file with a wrong line was taken in part: %v", s.positions())
	}
	r = s.runWith(strings.NewReader(export.out), "offsets", "import", "-", "--yes")
	if r.code != exitOK || !strings.Contains(r.out, "ada  (has no position yet)") || !strings.Contains(r.out, "not in the file and keep their position: 1.") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.err)
	}
	if got := s.positions(); len(got) != 3 || !got["ada"].Equal(adaAtNoon) || got["grace"].Start != noonOfStage {
		t.Errorf("imported: %+v", got)
	}
}

// A position that a newer connector wrote is refused by name, cannot be rewound or exported, and can be deleted.
func TestOffsets_APositionOfANewerVersionIsRefusedByName(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("grace", offsets.Position{Start: noonOfStage})
	s.produce(&kgo.Record{Topic: "teams.offsets", Key: s.key("ada").Bytes(), Value: []byte(`{"version":9,"start":1}`)})
	const says = "version 9 was written by a newer connector"
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"offsets", "list"}, exitFailed},
		{[]string{"offsets", "get", "ada"}, exitFailed},
		{[]string{"offsets", "list", "--json"}, exitFailed},
		{[]string{"offsets", "export"}, exitFailed},
		{[]string{"offsets", "rewind", "--all", "--to", "1h", "--yes"}, exitUsage},
	} {
		r := s.run(c.args...)
		if r.code != c.code || !strings.Contains(r.err, "user ada") || !strings.Contains(r.err, says) {
			t.Errorf("%v: exit code %d: %s", c.args, r.code, r.err)
		}
		if c.args[1] == "export" && r.out != "" {
			t.Errorf("an export with holes: %s", r.out)
		}
		if c.args[1] == "list" && !strings.Contains(r.out, "grace") {
			t.Errorf("the readable ones are not listed: %s", r.out)
		}
	}
	r := s.run("offsets", "delete", "--users", "ada", "--allow-loss", "--yes")
	if r.code != exitOK || !strings.Contains(r.out, "cannot be read") || len(s.positions()) != 1 {
		t.Errorf("delete: exit code %d: %s%s", r.code, r.out, r.err)
	}
}

// A long list of changes is one transaction.
func TestOffsets_AThousandPositionsChangeTogether(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	var lines []byte
	for i := range 1000 {
		p := adaAtNoon.Clone()
		p.Start -= int64(i)
		lines = offsets.AppendLine(lines, s.key(strings.Repeat("u", 40)+string(rune('a'+i%26))+strings.Repeat("v", i/26)), p)
	}
	if r := s.runWith(bytes.NewReader(lines), "offsets", "import", "--yes"); r.code != exitOK || !strings.Contains(r.err, "Positions changed: 1000.") {
		t.Fatalf("exit code %d: %s", r.code, r.err)
	}
	if got := len(s.positions()); got != 1000 {
		t.Errorf("%d positions are stored", got)
	}
}
