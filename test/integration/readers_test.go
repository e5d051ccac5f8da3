//go:build integration

package integration

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/process"
	"github.com/teams-kafka/connector/test/reading"
	"github.com/teams-kafka/connector/test/registry"
)

// library is a topic that the connector has written and that nobody writes to any more, and what is in it.
type library struct {
	*stage
	versions []version
}

// version is what readers are asked about one record.
type version struct {
	partition                 int32
	chat, id, etag            string
	ceID                      string
	deleted                   bool
	sender, event, firstNamed string
}

// readerTime bounds one reader.
const readerTime = 3 * time.Minute

// TestReaders runs each snippet of docs/reading.md on one topic that the connector has written, with its schema in a real
// registry, and compares what the snippet prints with what is in the topic.
func TestReaders(t *testing.T) {
	run := []string{"Flink SQL", "Java", "Kafka Streams", "Python", "Spark", "The positions", "kcat"}
	if all := reading.Headings(t); !slices.Equal(all, run) {
		t.Errorf("docs/reading.md has snippets under %q, run are those under %q", all, run)
	}
	// Downloaded before any reader's time begins.
	for _, name := range []string{"java", "flink", "spark"} {
		reading.Jars(t, name)
	}
	for _, name := range []string{"python", "spark"} {
		reading.Python(t, name)
	}
	cluster := kafka.Start(t, kafka.Options{})
	schemas := registry.New(t)
	schemas.Start(t)
	l := newLibrary(t, cluster, schemas)
	for _, reader := range []struct {
		name  string
		reads func(*testing.T, context.Context, *library)
	}{
		{"Python", pythonReads},
		{"kcat", kcatReads},
		{"Java consumer", javaConsumerReads},
		{"Kafka Streams", kafkaStreamsCounts},
		{"Flink SQL", flinkSelects},
		{"Spark", sparkReads},
		{"Kafka's console consumer", consoleConsumerReadsPositions},
		{"Kafka Connect", connectReadsAndAltersPositions}, // the last, because it changes what the others read
	} {
		t.Run(reader.name, func(t *testing.T) { reader.reads(t, within(t, readerTime), l) })
	}
}

// newLibrary lets the connector write the topic, under the names that the snippets use, kills it once on the way and
// adds a transaction that is aborted: whoever reads uncommitted gets a record that is not one.
func newLibrary(t *testing.T, cluster *kafka.Cluster, schemas *registry.Registry) *library {
	t.Helper()
	ctx := within(t, 2*time.Minute)
	s := newStageWith(t, cluster, schemas.URL(), "teams", func(cfg *graphsim.Config) {
		cfg.Content.System, cfg.Content.Attachments, cfg.Content.Strangers = 0.2, 0.3, 0.2
	})
	s.settings.KafkaTopic = "teams.chat.messages"
	p := s.start(t)
	s.commits(t, ctx, 20)
	p.Kill()
	p = s.start(t)
	s.commits(t, ctx, 20)
	mustBeRight(t, s.settle(t, ctx, p), 500)
	s.abort(t, ctx)
	l := &library{stage: s, versions: s.versions(t, ctx)}
	t.Logf("%d versions in %d chats", len(l.versions), len(l.chats()))
	return l
}

// abort leaves a record that is not a message in each partition, and one that is not a position, in a transaction that is aborted.
func (s *stage) abort(t *testing.T, ctx context.Context) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Brokers()...), kgo.TransactionalID("aborted"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	partitions, err := strconv.Atoi(s.settings.KafkaTopicPartitions)
	if err != nil {
		t.Fatal(err)
	}
	garbage := []*kgo.Record{{Topic: s.offsetsTopic(), Key: []byte("aborted"), Value: []byte("no position")}}
	for partition := range partitions {
		garbage = append(garbage, &kgo.Record{Topic: s.settings.KafkaTopic, Partition: int32(partition), Key: []byte("aborted"), Value: []byte("no message")})
	}
	if err := cl.ProduceSync(ctx, garbage...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// versions reads the output topic with the project's own means.
func (s *stage) versions(t *testing.T, ctx context.Context) (versions []version) {
	t.Helper()
	decoder := avro.MustParse(schema.Text())
	for _, r := range s.records(t, ctx, s.settings.KafkaTopic) {
		var m schema.ChatMessage
		if _, err := decoder.Decode(r.Value[5:], &m); err != nil {
			t.Fatal(err)
		}
		v := version{partition: r.Partition, chat: *m.ChatID, id: *m.ID, etag: *m.Etag, ceID: header(r, "ce_id"), deleted: m.DeletedDateTime != nil}
		if m.From != nil && m.From.User != nil {
			v.sender = text(m.From.User.DisplayName)
		}
		if m.EventDetail != nil {
			v.event = text(m.EventDetail.OdataType)
		}
		if len(m.Attachments) > 0 {
			v.firstNamed = text(m.Attachments[0].Name)
		}
		versions = append(versions, v)
	}
	shows := func(of func(version) bool) bool { return slices.ContainsFunc(versions, of) }
	if !shows(func(v version) bool { return v.sender != "" }) || !shows(func(v version) bool { return v.event != "" }) ||
		!shows(func(v version) bool { return v.firstNamed != "" }) || !shows(func(v version) bool { return v.deleted }) {
		t.Error("the topic holds no sender, event, attachment or deletion: readers are not asked for all they should be")
	}
	return versions
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// records returns all committed records of a topic.
func (s *stage) records(t *testing.T, ctx context.Context, topic string) (records []*kgo.Record) {
	t.Helper()
	ends, err := s.cluster.Admin().ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Brokers()...), kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	// The last record of each partition is the marker that ended a transaction.
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records
}

// chats counts the versions of each chat.
func (l *library) chats() map[string]int {
	counts := make(map[string]int)
	for _, v := range l.versions {
		counts[v.chat]++
	}
	return counts
}

// lines makes a line of each version.
func (l *library) lines(line func(version) []string) (lines []string) {
	for _, v := range l.versions {
		lines = append(lines, strings.Join(line(v), "\t"))
	}
	return lines
}

// environment is what snippets ask their environment for.
func (l *library) environment(more ...string) []string {
	return append(append(os.Environ(), "KAFKA_BROKERS="+l.settings.KafkaBrokers, "SCHEMA_REGISTRY_URL="+l.registry), more...)
}

// run runs a program and returns its standard output's lines.
func (l *library) run(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	var errors strings.Builder
	if cmd.Env == nil {
		cmd.Env = l.environment()
	}
	cmd.Stderr = &errors
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", cmd.Args[0], err, last(string(out)), last(errors.String()))
	}
	t.Logf("took %v", time.Since(began).Round(100*time.Millisecond))
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}

// last is the end of a text.
func last(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}

// mustMatch fails the test unless both hold the same lines, in whatever order.
func mustMatch(t *testing.T, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("it prints %d lines, want %d", len(got), len(want))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("the first that differs (of the sorted lines):\n%q, want\n%q", got[i], want[i])
		}
	}
}

// blank makes the words of several languages for nothing the same.
func blank(lines []string) []string {
	for i, line := range lines {
		fields := strings.Split(line, "\t")
		for j, field := range fields {
			if field == "None" || field == "null" || field == "NULL" {
				fields[j] = ""
			}
		}
		lines[i] = strings.Join(fields, "\t")
	}
	return lines
}

func withSender(v version) []string {
	return []string{strconv.Itoa(int(v.partition)), v.chat, v.id, v.etag, v.sender}
}

func pythonReads(t *testing.T, ctx context.Context, l *library) {
	python := reading.Python(t, "python")
	cmd := exec.CommandContext(ctx, python, "read.py")
	cmd.Dir = reading.Write(t, map[string]string{"read.py": reading.Snippet(t, "Python")})
	mustMatch(t, blank(l.run(t, cmd)), l.lines(withSender))
}

func kcatReads(t *testing.T, ctx context.Context, l *library) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Skip("!!! NOT RUN: kcat is not installed (apt-get install kcat)")
	}
	lines := l.run(t, exec.CommandContext(ctx, "sh", "-c", reading.Snippet(t, "kcat")))
	ids := make([]string, len(lines))
	for i, line := range lines {
		fields := strings.SplitN(line, "\t", 3)
		for _, field := range strings.Split(fields[len(fields)-1], ",") {
			if value, found := strings.CutPrefix(field, "ce_id="); found {
				ids[i] = strings.Join([]string{fields[0], fields[1], value}, "\t")
			}
		}
	}
	mustMatch(t, ids, l.lines(func(v version) []string { return []string{strconv.Itoa(int(v.partition)), v.chat, v.ceID} }))
}

// javaPrograms compiles the snippets for Java and returns the class path.
func javaPrograms(t *testing.T) string {
	t.Helper()
	snippets := reading.Snippets(t, "Java")
	if len(snippets) != 2 {
		t.Fatalf("there are %d snippets for Java, want a deserializer and a consumer", len(snippets))
	}
	return reading.Compile(t, reading.Jars(t, "java")+"/*", map[string]string{
		"ChatMessageDeserializer.java": snippets[0], "Consume.java": snippets[1],
		"CountByChat.java": reading.Snippet(t, "Kafka Streams"),
	})
}

// java is a small virtual machine, on a class path.
func java(ctx context.Context, classpath string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "java", append([]string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath}, args...)...)
}

// Each line has the partition: the same chat is in one partition, the one that the project's own reader found it in.
func javaConsumerReads(t *testing.T, ctx context.Context, l *library) {
	lines := l.run(t, java(ctx, javaPrograms(t), "Consume"))
	mustMatch(t, blank(lines), l.lines(withSender))
}

func kafkaStreamsCounts(t *testing.T, ctx context.Context, l *library) {
	want := make(map[string]int)
	for _, v := range l.versions {
		if !v.deleted {
			want[v.chat]++
		}
	}
	cmd := java(ctx, javaPrograms(t), "-Djava.io.tmpdir="+t.TempDir(), "CountByChat")
	cmd.Env = l.environment()
	p := process.Start(t, "Kafka Streams", cmd)
	eventually(t, ctx, "the counts to be right", func() error {
		got := make(map[string]int)
		for _, line := range p.Lines() {
			_, counted, found := strings.Cut(line, "]: ")
			chat, count, comma := strings.Cut(counted, ", ")
			if n, err := strconv.Atoi(count); found && comma && err == nil {
				got[chat] = n
			}
		}
		return compareCounts(got, want)
	})
	t.Logf("took %v", time.Since(p.Started).Round(100*time.Millisecond))
}
