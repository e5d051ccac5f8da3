package judge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/judge"
)

const (
	patience = 20 * time.Second
	tenant   = "3f0c1d52-0000-4000-8000-00000000cafe"
	alice    = "alice"
	bob      = "bob"
	carol    = "carol"
	// second and minute are in milliseconds, like all times in a scene.
	second = int64(1000)
	minute = 60 * second
)

// noon is when the scenes play, in Unix milliseconds.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC).UnixMilli()

// recordSchema is another schema than the connector's, with what the judge relies on in another order
// and with a field that it does not know.
const recordSchema = `{"type":"record","name":"Message","fields":[
	{"name":"unmapped","type":{"type":"map","values":"string"}},
	{"name":"etag","type":["null","string"]},
	{"name":"id","type":"string"},
	{"name":"body","type":["null",{"type":"record","name":"Body","fields":[
		{"name":"contentType","type":"string"},
		{"name":"content","type":["null","string"]}]}]},
	{"name":"lastModifiedDateTime","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
	{"name":"createdDateTime","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
	{"name":"chatId","type":"string"},
	{"name":"from","type":["null",{"type":"record","name":"From","fields":[
		{"name":"user","type":["null",{"type":"record","name":"User","fields":[
			{"name":"displayName","type":["null","string"]}]}]}]}]}
]}`

// stack is the Kafka and the registry that all scenes of a test share.
type stack struct {
	kafka    *embedded.Kafka
	registry *embedded.Registry
	schemaID int
}

func newStack(t *testing.T) *stack {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
	})
	// An id above 255 shows that all four of its bytes are read.
	const id = 1000
	registry.Fake().SeedSchema("scene-value", 1, id, sr.Schema{Schema: recordSchema, Type: sr.TypeAvro})
	return &stack{kafka: kafka, registry: registry, schemaID: id}
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// version is a version of a message as the source shows it.
type version struct {
	chat, id, etag string
	seq            int64
	time           int64
	body           string
}

// key is the version's name in an example line.
func (v version) key() string { return fmt.Sprintf("chat %s message %s etag %s", v.chat, v.id, v.etag) }

// made is version seq of a message, modified seq seconds after noon.
func made(chat, id string, seq int64) version {
	at := noon + seq*second
	return version{chat: chat, id: id, etag: fmt.Sprint(at), seq: seq, time: at, body: fmt.Sprintf("body %d of %s", seq, id)}
}

// raw is the version as an item of a response.
func (v version) raw() string {
	return fmt.Sprintf(`{"chatId":%q,"id":%q,"etag":%q,"body":{"content":%q}}`, v.chat, v.id, v.etag, v.body)
}

// showing is a line's entry of one user.
type showing struct {
	User   string `json:"user"`
	At     string `json:"at"`
	To     int64  `json:"to"`
	Cut    bool   `json:"cut,omitempty"`
	Again  string `json:"again,omitempty"`
	Missed string `json:"missed,omitempty"`
	// Overtaken is in Unix milliseconds.
	Overtaken int64 `json:"overtaken,omitempty"`
}

// to shows a version to a user at a time, in a window that ends where the response was asked for.
func to(user string, at int64) showing {
	return showing{User: user, At: stamp(at), To: at}
}

// replaced says when the window was read again, without the version.
func replaced(s showing, again int64) showing {
	s.Again = stamp(again)
	return s
}

// missed says when the window was read without the version, which was shown again later.
func missed(s showing, at int64) showing {
	s.Missed = stamp(at)
	return s
}

// overtaken says how far an earlier reading reached that lacked the version.
func overtaken(s showing, to int64) showing {
	s.Overtaken = to
	return s
}

func cutOff(s showing) showing {
	s.Cut = true
	return s
}

func stamp(millis int64) string {
	return time.UnixMilli(millis).UTC().Format(time.RFC3339Nano)
}

// scene is a ledger and three topics, made by hand.
type scene struct {
	t      *testing.T
	stack  *stack
	client *kgo.Client
	topic  string
	ledger bytes.Buffer
	config judge.Config
}

func newScene(t *testing.T, stack *stack, partitions int32) *scene {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name()))
	topic := "scene-" + hex.EncodeToString(sum[:8])
	client, err := kgo.NewClient(
		kgo.SeedBrokers(stack.kafka.Brokers()...),
		kgo.TransactionalID(topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	forever := "-1" // the scenes play in the past
	for name, count := range map[string]int32{topic: partitions, topic + ".dlq": 1, topic + ".offsets": 2} {
		if _, err := admin.CreateTopic(testContext(t), count, -1, map[string]*string{"retention.ms": &forever}, name); err != nil {
			t.Fatal(err)
		}
	}
	s := &scene{t: t, stack: stack, client: client, topic: topic}
	s.config = judge.Config{
		Brokers:      stack.kafka.Brokers(),
		Topic:        topic,
		OffsetsTopic: topic + ".offsets",
		Tenant:       tenant,
		RegistryURL:  stack.registry.URL(),
		IdleTimeout:  5 * time.Second,
	}
	return s
}

// line adds any line to the ledger.
func (s *scene) line(fields map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ledger.Write(append(text, '\n'))
}

// shown adds a version and its showings to the ledger; without showings it is one nobody was shown.
func (s *scene) shown(v version, showings ...showing) {
	s.t.Helper()
	s.line(ledgerFields(v, showings))
}

func ledgerFields(v version, showings []showing) map[string]any {
	if showings == nil {
		showings = []showing{}
	}
	return map[string]any{
		"chatId": v.chat, "id": v.id, "etag": v.etag, "seq": v.seq, "time": v.time,
		"bodySha256": hash(v.body), "shown": showings,
	}
}

// badItem is an item that cannot be a record.
const badItem = `{"chatId":"c","body":{"content":"no id"}}`

// bad adds badItem, of which the ledger has only the hash of the raw JSON.
func (s *scene) bad(showings ...showing) {
	s.t.Helper()
	s.line(map[string]any{"bad": "no id", "chatId": "c", "sha256": hash(badItem), "shown": showings})
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// record makes the record of a version, as it should be.
func (s *scene) record(v version, partition int32) *kgo.Record {
	s.t.Helper()
	at := time.UnixMilli(v.time).UTC()
	return &kgo.Record{
		Topic:     s.topic,
		Partition: partition,
		Key:       []byte(v.chat),
		Value: s.value(map[string]any{
			"unmapped":             map[string]string{"/a": "1"},
			"chatId":               v.chat,
			"id":                   v.id,
			"etag":                 v.etag,
			"lastModifiedDateTime": at,
			"createdDateTime":      at.Add(-time.Hour),
			"body":                 map[string]any{"contentType": "text", "content": v.body},
			"from":                 map[string]any{"user": map[string]any{"displayName": "Alice"}},
		}),
		Timestamp: at,
		Headers: []kgo.RecordHeader{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte(v.chat + "/" + v.id + "/" + v.etag)},
			{Key: "ce_type", Value: []byte("com.microsoft.graph.chatMessage.updated")},
			{Key: "ce_source", Value: []byte("https://graph.microsoft.com/tenants/" + tenant)},
			{Key: "ce_subject", Value: []byte(v.id)},
			{Key: "ce_time", Value: []byte(at.Format("2006-01-02T15:04:05.000Z07:00"))},
			{Key: "content-type", Value: []byte("application/avro")},
		},
	}
}

// value encodes and frames a message.
func (s *scene) value(message map[string]any) []byte {
	s.t.Helper()
	schema, err := avro.Parse(recordSchema)
	if err != nil {
		s.t.Fatal(err)
	}
	encoded, err := schema.Encode(message)
	if err != nil {
		s.t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(s.stack.schemaID)), encoded...)
}

func (s *scene) letter(raw string) *kgo.Record {
	return &kgo.Record{Topic: s.topic + ".dlq", Value: []byte(raw)}
}

// position makes a record of a user's position, written at a time.
func (s *scene) position(user string, at int64, fields map[string]any) *kgo.Record {
	s.t.Helper()
	fields["version"] = 1
	fields["start"] = noon - 24*60*minute
	value, err := json.Marshal(fields)
	if err != nil {
		s.t.Fatal(err)
	}
	return &kgo.Record{
		Topic:     s.topic + ".offsets",
		Partition: int32(len(user) % 2),
		Key:       fmt.Appendf(nil, `["teams",{"tenant":%q,"user":%q}]`, tenant, user),
		Value:     value,
		Timestamp: time.UnixMilli(at),
	}
}

// mark makes a position whose shortest rung's mark is as given.
func (s *scene) mark(user string, at, mark int64) *kgo.Record {
	return s.position(user, at, map[string]any{"mark.10m0s": mark, "mark.2h0m0s": noon - 60*minute})
}

// write puts records into one transaction and ends it.
func (s *scene) write(how kgo.TransactionEndTry, records ...*kgo.Record) {
	s.t.Helper()
	if err := s.client.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.client.ProduceSync(testContext(s.t), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range records {
		s.stored(r.Topic)
	}
	if err := s.client.EndTransaction(testContext(s.t), how); err != nil {
		s.t.Fatal(err)
	}
}

// stored waits until the client has stored a topic's partitions, before which it takes a transaction for an
// empty one and aborts it.
func (s *scene) stored(topic string) {
	for {
		if leader, _, err := s.client.PartitionLeader(topic, 0); leader >= 0 || err != nil {
			return
		}
		runtime.Gosched()
	}
}

func (s *scene) commit(records ...*kgo.Record) {
	s.t.Helper()
	s.write(kgo.TryCommit, records...)
}

// judge runs the judgment and checks what holds of every verdict.
func (s *scene) judge() *judge.Verdict {
	s.t.Helper()
	s.config.Ledger = bytes.NewReader(s.ledger.Bytes())
	v, err := judge.Run(testContext(s.t), s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	if sum := v.InTopic + v.Superseded + v.DeadLetters + v.Missing; v.Exposed != sum {
		s.t.Errorf("exposed %d is not in topic + superseded + dead letters + missing = %d", v.Exposed, sum)
	}
	if v.OK() != (len(v.Examples) == 0) {
		s.t.Errorf("OK is %v, but the examples are %v", v.OK(), v.Examples)
	}
	return v
}

// counts is what a scene expects of a verdict.
type counts struct {
	exposed, inTopic, superseded, missing, duplicated, reordered, deadLetters int
	unknown, undecodable, bodyMismatch, mismatched, unseen, uncommitted       int
}

func (s *scene) expect(want counts) *judge.Verdict {
	s.t.Helper()
	v := s.judge()
	got := counts{
		v.Exposed, v.InTopic, v.Superseded, v.Missing, v.Duplicated, v.Reordered, v.DeadLetters,
		v.Unknown, v.Undecodable, v.BodyMismatch, v.Mismatched, v.Unseen, v.Uncommitted,
	}
	if got != want {
		s.t.Errorf("\n got %+v\nwant %+v\nexamples %s", got, want, strings.Join(lines(v), "\n"))
	}
	failing := want.missing + want.duplicated + want.reordered + want.unknown + want.undecodable + want.bodyMismatch + want.mismatched
	if v.OK() != (failing == 0) {
		s.t.Errorf("OK is %v with %d findings", v.OK(), failing)
	}
	return v
}

func lines(v *judge.Verdict) []string {
	var all []string
	for kind, examples := range v.Examples {
		for _, example := range examples {
			all = append(all, string(kind)+": "+example)
		}
	}
	return all
}

// expectExample checks that a finding's line names all of the parts.
func expectExample(t *testing.T, v *judge.Verdict, kind judge.Finding, parts ...string) {
	t.Helper()
	if len(v.Examples[kind]) == 0 {
		t.Errorf("no example of %s", kind)
		return
	}
	for _, part := range parts {
		if !strings.Contains(v.Examples[kind][0], part) {
			t.Errorf("%s: %q does not name %q", kind, v.Examples[kind][0], part)
		}
	}
}
