package offsets

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

var full = Position{
	Start:  1700000000000,
	Marks:  []Mark{{10 * time.Minute, 1700000001000}, {2 * time.Hour, 1700000002000}, {1500 * time.Millisecond, 1700000003000}},
	Window: &Window{From: 1, To: 9, Done: 5},
}

// What was written once is read for ever: these bytes must not change, only others come on top.
func TestPosition_Version1IsReadForEver(t *testing.T) {
	const value = `{"mark.1.5s":1700000003000,"mark.10m":1700000001000,"mark.2h":1700000002000,"start":1700000000000,"version":1,"window.done":5,"window.from":1,"window.to":9}`
	if got := string(full.Value()); got != value {
		t.Errorf("written as %s", got)
	}
	got, err := ParseValue([]byte(value))
	want := full.Clone()
	want.Marks = []Mark{full.Marks[2], full.Marks[0], full.Marks[1]} // the shortest rung first
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as %+v, %v", got, err)
	}
	if got, err := ParseValue([]byte(` {"version": 1, "start": 5, "later": "field"} `)); err != nil || got.Start != 5 || got.Window != nil {
		t.Errorf("with an unknown field: %+v, %v", got, err)
	}
}

func TestParseValue_RefusesByName(t *testing.T) {
	for _, value := range []string{``, `null`, `[]`, `{}`, `{"version":1}`, `{"version":2,"start":1}`, `{"version":0,"start":1}`, `{"version":1,"start":"x"}`,
		`{"version":1,"start":null}`, `{"version":1,"start":1.5}`, `{"version":1,"start":1,"mark.x":1}`, `{"version":1,"start":1,"mark.-1s":1}`,
		`{"version":1,"start":1,"window.from":1}`,
		`{"version":1,"start":-1}`, `{"version":1,"start":253402300800000}`, `{"version":1,"start":1,"mark.10m":9223372036854775807}`,
		`{"version":1,"start":1,"mark.10m":-9223372036854775808}`, `{"version":1,"start":1,"mark.10m":92233720368547758070}`,
		`{"version":1,"start":1,"window.from":1,"window.to":9223372036854775807,"window.done":5}`, `{"version":1,"start":1,"removed":-5}`,
		`{"version":1,"start":1,"mark.9999999999999h":1}`, `{"version":1,"start":1,"window.from":5,"window.to":4,"window.done":5}`} {
		if p, err := ParseValue([]byte(value)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %+v, %v", value, p, err)
		}
	}
}

func TestKey_IsConnectsAndReadWhateverItsSpacing(t *testing.T) {
	k := Key{Connector: "teams", Tenant: "t<1>", User: `a"b`}
	if got := string(k.Bytes()); got != `["teams",{"user":"a\"b","tenant":"t<1>"}]` {
		t.Errorf("written as %s", got)
	}
	// The first is the order in which earlier versions wrote it.
	for _, key := range []string{`["teams",{"tenant":"t<1>","user":"a\"b"}]`, string(k.Bytes()), ` [ "teams" , { "user" : "a\u0022b", "tenant":"t\u003c1>" } ] `} {
		if got, err := ParseKey([]byte(key)); err != nil || got != k {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
	}
	for _, key := range []string{``, `{}`, `["teams"]`, `["teams",{}]`, `[1,{"tenant":"t","user":"u"}]`, `["teams",{"tenant":"t"}]`} {
		if got, err := ParseKey([]byte(key)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Key{"a", "b", "c"}.Bytes(), full.Value())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if k, err := ParseKey(key); err == nil {
			if again, err := ParseKey(k.Bytes()); err != nil || again != k {
				t.Errorf("key %q: %+v, then %+v, %v", key, k, again, err)
			}
		}
		if p, err := ParseValue(value); err == nil {
			if again, err := ParseValue(p.Value()); err != nil || !reflect.DeepEqual(again.Window, p.Window) || again.Start != p.Start {
				t.Errorf("value %q: %+v, then %+v, %v", value, p, again, err)
			}
		}
	})
}

func TestPosition_ARungWithoutAMarkTakesTheOldest(t *testing.T) {
	p := Position{Marks: []Mark{{time.Minute, 30}, {time.Hour, 20}}}
	if at, ok := p.Mark(2 * time.Hour); !ok || at != 20 {
		t.Errorf("%d %v", at, ok)
	}
	if _, ok := (Position{}).Mark(time.Hour); ok {
		t.Error("a mark where there is none")
	}
}

// startTopic starts a Kafka with a topic of three partitions, and a client that writes where it is told.
func startTopic(t *testing.T, topic string) ([]kgo.Opt, *kgo.Client) {
	t.Helper()
	k, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	opts := []kgo.Opt{kgo.SeedBrokers(k.Brokers()...)}
	cl, err := kgo.NewClient(append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, -1, nil, topic); err != nil {
		t.Fatal(err)
	}
	return opts, cl
}

func TestRead_TheNewestOfSeveralKeysWinsTombstonesIncluded(t *testing.T) {
	opts, cl := startTopic(t, "pos")
	at := func(partition int32, ms int64, key, value string) *kgo.Record {
		r := &kgo.Record{Topic: "pos", Partition: partition, Timestamp: time.UnixMilli(ms), Key: []byte(key)}
		if value != "" {
			r.Value = []byte(value)
		}
		return r
	}
	if err := cl.ProduceSync(t.Context(),
		// One user under two spellings, in two partitions: the newer timestamp wins.
		at(0, 2000, `["teams",{"tenant":"t","user":"u"}]`, `{"version":1,"start":2}`),
		at(1, 1000, `["teams", {"user":"u","tenant":"t"}]`, `{"version":1,"start":1}`),
		// The newest is a tombstone: there is no position.
		at(0, 1000, `["teams",{"tenant":"t","user":"gone"}]`, `{"version":1,"start":1}`),
		at(2, 2000, `["teams", {"tenant":"t","user":"gone"}]`, ""),
		// Others' and no positions at all.
		at(0, 1000, `["other",{"tenant":"t","user":"u"}]`, `{"version":1,"start":9}`),
		at(0, 1000, `["teams",{"tenant":"x","user":"u"}]`, `{"version":1,"start":9}`),
		at(0, 1000, `garbage`, `garbage`),
	).FirstErr(); err != nil {
		t.Fatal(err)
	}
	stored, err := Read(t.Context(), opts, "pos", "teams", "t", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored.Positions) != 1 || stored.Positions["u"].Start != 2 {
		t.Errorf("positions %+v", stored.Positions)
	}
	losers := map[int32]string{}
	for _, r := range stored.Losers {
		if r.Value != nil {
			t.Error("a loser is not a tombstone")
		}
		losers[r.Partition] = string(r.Key)
	}
	if len(losers) != 2 || losers[1] != `["teams", {"user":"u","tenant":"t"}]` || losers[0] != `["teams",{"tenant":"t","user":"gone"}]` {
		t.Errorf("losers %v", losers)
	}

	// Once the losers are tombstoned, the winner still wins: a tombstone must not be newer than what it lost to.
	if err := cl.ProduceSync(t.Context(), stored.Losers...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	again, err := Read(t.Context(), opts, "pos", "teams", "t", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Positions) != 1 || again.Positions["u"].Start != 2 || len(again.Losers) != 0 {
		t.Errorf("after the losers were tombstoned: %+v", again)
	}
}
