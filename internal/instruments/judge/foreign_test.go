package judge

import (
	"encoding/json"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Whatever is in the offsets topic, it is a position, a finding or somebody else's; and what is
// taken for a position is one.
func FuzzPositions(f *testing.F) {
	for _, value := range []string{
		`{"version":1,"start":1,"mark.10m0s":2,"window.from":1,"window.to":3,"window.done":2}`,
		`{"version":1}`, `{"version":2}`, `{}`, `[]`, `null`, `1`, ``, `{"version":1} {}`,
		`{"version":1,"mark.2h":"x"}`, `{"version":1,"mark.2h":1.5}`, `{"version":1,"window":{"to":1}}`,
	} {
		f.Add(`["teams",{"tenant":"t","user":"u"}]`, value)
	}
	for _, key := range []string{`["teams"]`, `["teams",{"user":1}]`, `{}`, ``, `[1,{"user":"u"}]`, `["a",{"user":""}]`} {
		f.Add(key, `{"version":1}`)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		positions := newPositions(&Config{})
		verdict := &Verdict{examples: 1}
		positions.read(&kgo.Record{Key: []byte(key), Value: []byte(value)}, verdict)
		taken := 0
		for _, list := range positions.byUser {
			taken += len(list)
		}
		if taken+verdict.Undecodable != positions.records {
			t.Errorf("%d records of positions: %d taken, %d findings", positions.records, taken, verdict.Undecodable)
		}
		if taken == 0 {
			return
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(value), &object); err != nil || object["version"] != 1.0 {
			t.Errorf("took %q for a position", value)
		}
	})
}

// Whatever is in the dead letters, it is one item of the ledger or a finding.
func FuzzLetters(f *testing.F) {
	for _, item := range []string{
		`{"chatId":"c","id":"m","etag":"1"}`, `{"chatId":"c","id":"m","etag":null,"createdDateTime":"1970-01-01T00:00:00.001Z"}`,
		`{"chatId":7}`, `{`, ``, `null`, `[]`, `{"chatId":"c","id":"m","createdDateTime":"noon","etag":"1"}`,
	} {
		f.Add([]byte(item))
	}
	f.Fuzz(func(t *testing.T, item []byte) {
		ledger := newLedger()
		at := int64(1)
		line := ledgerLine{ChatID: "c", ID: "m", ETag: "1", Seq: 1, Time: &at, Shown: []ledgerShowing{{User: "u"}}}
		if err := ledger.add(&line); err != nil {
			t.Fatal(err)
		}
		verdict := &Verdict{examples: 1}
		(&letters{ledger: ledger, verdict: verdict}).read(&kgo.Record{Value: item})
		if found := int(ledger.versions[0].letters); found+verdict.Unknown != 1 {
			t.Errorf("found %d times, unknown %d times", found, verdict.Unknown)
		}
	})
}
