package offsets

import (
	"testing"
	"time"
)

// What Kafka Connect's own JsonConverter (3.9.0, schemas.enable=false, as Connect's workers use it for offsets) makes of
// the same keys and values: a list of the connector's name and the source partition, a HashMap, and a map of longs.
func TestBytes_AreKafkaConnects(t *testing.T) {
	for _, vector := range []struct {
		key  Key
		want string
	}{
		{Key{"teams", "3f0c1d52-0000-4000-8000-00000000cafe", "ada@contoso.com"},
			`["teams",{"user":"ada@contoso.com","tenant":"3f0c1d52-0000-4000-8000-00000000cafe"}]`},
		{Key{"teams", "t<1>&'", `a"b\c/d`},
			`["teams",{"user":"a\"b\\c/d","tenant":"t<1>&'"}]`},
		{Key{"teams", "Zoë 日本 😀", "line\u2028para\u2029 del\u007f nbsp\u00a0"},
			`["teams",{"user":"line` + "\u2028para\u2029 del\u007f nbsp\u00a0" + `","tenant":"Zoë 日本 \uD83D\uDE00"}]`},
		{Key{"teams", "\b\t\n\f\r", "\u0001\u001f"},
			`["teams",{"user":"\u0001\u001F","tenant":"\b\t\n\f\r"}]`},
	} {
		if got := string(vector.key.Bytes()); got != vector.want {
			t.Errorf("%+v is written as\n%s, Connect writes\n%s", vector.key, got, vector.want)
		}
		if got, err := ParseKey([]byte(vector.want)); err != nil || got != vector.key {
			t.Errorf("Connect's %s is read as %+v, %v", vector.want, got, err)
		}
	}

	p := Position{Start: 1700000000000, Marks: []Mark{{10 * time.Minute, 1700000001000}}, Window: &Window{From: -1, To: 9, Done: 5}}
	const want = `{"mark.10m":1700000001000,"start":1700000000000,"version":1,"window.done":5,"window.from":-1,"window.to":9}`
	if got := string(p.Value()); got != want {
		t.Errorf("the value is written as\n%s, Connect writes\n%s", got, want)
	}
}
