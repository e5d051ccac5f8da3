package source

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParsePage(t *testing.T) {
	got, err := ParsePage([]byte(` {"@odata.context":"x","value":[ {"a":[1,{"b":"]"}]} , null,3,"s"],"@odata.nextLink":"https:\/\/g\/n"} `))
	if err != nil || got.NextLink != "https://g/n" || string(bytes.Join(got.Items, []byte("|"))) != `{"a":[1,{"b":"]"}]}|null|3|"s"` {
		t.Errorf("got %q %q %v", got.Items, got.NextLink, err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"value":{}}`, `{"value":null}`, `{"value":[{]}`, `{"value":[]`, `{"value":[]}x`,
		`{"value":[],"@odata.nextLink":3}`, `{"value":[],"value":[]}`, `{"value":[],"v\u0061lue":[]}`, `{"value":[],"@odata.nextLink":"https://g/n","@odata.nextLink":null}`, `{"value":[1,]}`, `{"value":[],}`, `{"value":[{"a":tru}]}`, `{"value":[{"id":"1"},{"i`, `<html>`} {
		if p, err := ParsePage([]byte(bad)); err == nil {
			t.Errorf("%s: got %+v, want an error", bad, p)
		} else if len(bad) > 5 && strings.Contains(err.Error(), bad) {
			t.Errorf("the error holds the body: %v", err)
		}
	}
}

func FuzzParsePage(f *testing.F) {
	for _, seed := range []string{emptyPage, `{"value":[{"id":"1","body":{"content":"a\\u00e9"}}],"@odata.nextLink":"https://x/y"}`, `{"value":[`, "{\"value\":[\"\xff\"]}", `{"value":[{"a":1,"a":2}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		got, err := ParsePage(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		var want struct {
			Value []json.RawMessage `json:"value"`
		}
		if err != nil {
			return
		}
		// Whatever is taken for a page is well-formed JSON, and its items are those encoding/json sees.
		if !json.Valid(body) {
			t.Fatalf("malformed JSON was taken for a page: %q", body)
		}
		if strings.Count(strings.ToLower(string(body)), `value`) == 1 {
			if err := json.Unmarshal(body, &want); err != nil || len(want.Value) != len(got.Items) {
				t.Fatalf("%d items, encoding/json sees %d (%v): %q", len(got.Items), len(want.Value), err, body)
			}
			for i := range want.Value {
				if !bytes.Equal(want.Value[i], got.Items[i]) {
					t.Fatalf("item %d: %q, want %q", i, got.Items[i], want.Value[i])
				}
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-3": 0, "soon": 0, "NaN": 0, "10": 10 * time.Second, "2.128": 3 * time.Second, " 7 ": 7 * time.Second,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:05 GMT": 0,
	} {
		h := http.Header{"Date": {now.Format(http.TimeFormat)}, "Retry-After": {value}}
		// Our own clock is wrong by an hour: a date is measured against Graph's.
		if got := retryAfter(h, now.Add(time.Hour)); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
