package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/txn"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

const (
	tenant = "3f0c1d52-0000-4000-8000-00000000cafe"
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
)

// noon is the middle of the range of most tests: five days ago, so that nothing has been purged.
var noon = time.Now().Add(-5 * 24 * time.Hour).Truncate(time.Hour).UnixMilli()

// version is a version of a message, modified at a time.
func made(chat, id string, at int64) transform.Identity {
	return transform.Identity{ChatID: chat, ID: id, Version: transform.Version{Time: at, ETag: strconv.FormatInt(at, 10)}}
}

func item(id transform.Identity) []byte {
	raw, err := json.Marshal(map[string]string{"chatId": id.ChatID, "id": id.ID, "etag": id.Version.ETag, "lastModifiedDateTime": id.EventTime()})
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	return raw
}

// mailboxes is a Graph that shows what it is told to, and fails as it is told to.
type mailboxes struct {
	mu    sync.Mutex
	items map[string][][]byte
	// fail is asked before each page; nil means that nothing fails.
	fail func(user string, from, to int64, top, page int) error
	asks int
}

func (m *mailboxes) MessagesURL(user string, from, to int64, top int, _ source.Query) string {
	return fmt.Sprintf("%s|%d|%d|%d|0", user, from, to, top)
}

func (m *mailboxes) Page(ctx context.Context, link string) (source.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asks++
	parts := strings.Split(link, "|")
	var n [4]int64
	for i, part := range parts[1:] {
		n[i], _ = strconv.ParseInt(part, 10, 64)
	}
	from, to, top, page := n[0], n[1], n[2], n[3]
	if m.fail != nil {
		if err := m.fail(parts[0], from, to, int(top), int(page)); err != nil {
			return source.Page{}, err
		}
	}
	var found [][]byte
	for _, raw := range m.items[parts[0]] {
		id, err := transform.Identify(raw)
		if err != nil || id.Version.Time >= from && id.Version.Time < to {
			found = append(found, raw)
		}
	}
	result := source.Page{Items: found[min(len(found), int(page*top)):min(len(found), int((page+1)*top))]}
	if int((page+1)*top) < len(found) {
		result.NextLink = fmt.Sprintf("%s|%d|%d|%d|%d", parts[0], from, to, top, page+1)
	}
	return result, ctx.Err()
}

// stage is a Graph, a Kafka, and what compares them.
type stage struct {
	t      *testing.T
	graph  *mailboxes
	client *kgo.Client
	cfg    Config
}

func newStage(t *testing.T, partitions int32) *stage {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	opts := []kgo.Opt{kgo.SeedBrokers(kafka.Brokers()...)}
	s := &stage{t: t, graph: &mailboxes{items: make(map[string][][]byte)}}
	if s.client, err = kgo.NewClient(append(opts, kgo.TransactionalID("writer"))...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	forever := "-1"
	if _, err := kadm.NewClient(s.client).CreateTopics(t.Context(), partitions, -1, map[string]*string{"retention.ms": &forever}, "out", "out.dlq"); err != nil {
		t.Fatal(err)
	}
	ladder, err := source.NewLadder([]time.Duration{10 * time.Minute, 48 * time.Hour}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	long := offsets.Position{Start: noon - 1000*hour, Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: noon + 100*hour}, {Rung: 48 * time.Hour, At: noon + 100*hour}}}
	s.cfg = Config{
		From: time.UnixMilli(noon - hour), To: time.UnixMilli(noon + hour),
		Graph: s.graph, Users: []string{"ada", "grace"}, PageSize: 2, InFlight: 2,
		Positions: map[string]offsets.Position{"ada": long, "grace": long}, Ladder: ladder,
		Kafka: opts, Tenant: tenant, Topic: "out", DeadLetters: "out.dlq", Patience: 20 * time.Second,
		Examples: -1,
	}
	return s
}

func (s *stage) show(user string, ids ...transform.Identity) {
	for _, id := range ids {
		s.graph.items[user] = append(s.graph.items[user], item(id))
	}
}

// record makes a version's record, with its own time as the timestamp.
func record(id transform.Identity, eventType string) *kgo.Record {
	r := &kgo.Record{Topic: "out", Key: []byte(id.ChatID), Value: []byte("avro"), Timestamp: time.UnixMilli(id.Version.Time)}
	headers := transform.NewHeaders(tenant, "application/avro")
	r.Headers, _ = headers.Append(nil, nil, id, eventType)
	return r
}

// written are the topics of records.
func written(records []*kgo.Record) (topics []string) {
	for _, r := range records {
		topics = append(topics, r.Topic)
	}
	return topics
}

func (s *stage) write(how kgo.TransactionEndTry, records ...*kgo.Record) {
	s.t.Helper()
	if err := s.client.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.client.ProduceSync(s.t.Context(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	var err error
	if how == kgo.TryCommit {
		err = txn.Commit(s.t.Context(), s.client, written(records)...)
	} else {
		err = s.client.EndTransaction(s.t.Context(), how)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) commit(ids ...transform.Identity) {
	s.t.Helper()
	var records []*kgo.Record
	for _, id := range ids {
		records = append(records, record(id, transform.TypeUpdated))
	}
	s.write(kgo.TryCommit, records...)
}

func (s *stage) letter(raw []byte) *kgo.Record {
	id, err := transform.Identify(raw)
	l := sink.Letter{Raw: raw, Value: raw, Stage: "transform", Reason: "test", When: time.Now(), Identity: id, Ordered: err == nil}
	return l.Record("out.dlq", tenant)
}

func (s *stage) run() *Report {
	s.t.Helper()
	r, err := Run(s.t.Context(), s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	if sum := r.Present + r.Superseded + r.VersionDiffers + r.Missing; sum != r.Shown {
		s.t.Errorf("shown %d, but the parts are %d", r.Shown, sum)
	}
	return r
}

// counts are a report's numbers.
type counts struct {
	shown, present, letters, superseded, differs, missing int
	still, unpolled, before, left                         int
	replaced, purged, extra                               int
	excluded, outside, unreadable, uncovered              int
}

func (s *stage) expect(want counts) *Report {
	s.t.Helper()
	r := s.run()
	got := counts{r.Shown, r.Present, r.DeadLetters, r.Superseded, r.VersionDiffers, r.Missing,
		r.StillToRead, r.NotPolled, r.BeforeStart, r.Left, r.Replaced, r.Purged, r.Extra,
		r.Excluded, r.Outside, len(r.Unreadable), len(r.Uncovered)}
	if got != want {
		s.t.Errorf("\n got %+v\nwant %+v\nfindings %+v", got, want, r.Findings)
	}
	if ok := want.missing+want.differs == want.before+want.left && want.unreadable == 0; r.OK() != ok {
		s.t.Errorf("OK is %v, want %v", r.OK(), ok)
	}
	return r
}
