package transform

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestIdentify(t *testing.T) {
	for item, want := range map[string]Identity{
		`{"chatId":"c","id":"1","etag":"2","lastModifiedDateTime":"1970-01-01T00:00:00.003Z","createdDateTime":"1970-01-01T00:00:00Z"}`: {"c", "1", Version{3, "2"}},
		`{"chatId":"c","id":"1","etag":"2","lastModifiedDateTime":null,"createdDateTime":"1970-01-01T00:00:00.0049Z"}`:                  {"c", "1", Version{4, "2"}},
		`{"chatId":"c","id":"1","createdDateTime":"1970-01-01T00:00:00.004Z"}`:                                                          {"c", "1", Version{4, "4"}},
		`{"chatId":"c","id":"1","etag":"","createdDateTime":"1970-01-01T00:00:00.004Z"}`:                                                {"c", "1", Version{4, "4"}},
		`{"chatId":"c","id":"1","etag":7,"createdDateTime":"1970-01-01T00:00:00.004Z"}`:                                                 {"c", "1", Version{4, "4"}},
		`{"body":{"id":"x","chatId":"y"},"\u0063hatId":"\u0063","id":"1","etag":"2","createdDateTime":"1970-01-01T00:00:00\u005a"}`:     {"c", "1", Version{0, "2"}},
		// No further than it must: Message finds out that the rest is malformed.
		`{"chatId":"c","id":"1","etag":"2","lastModifiedDateTime":null,"createdDateTime":"1970-01-01T00:00:00Z","id":"2",`: {"c", "1", Version{0, "2"}},
		//nolint:gocritic // The spaces are what is tested.
		` { "chatId" : "c" , "id" : "1" , "createdDateTime" : "1970-01-01T00:00:00Z" , "a" : [ ] } `: {"c", "1", Version{0, "0"}},
	} {
		if got, err := Identify([]byte(item)); err != nil || got != want {
			t.Errorf("%s: want %v, got %v, %v", item, want, got, err)
		}
	}
}

func TestIdentify_RefusesWhatHasNoIdentity(t *testing.T) {
	for item, known := range map[string]Identity{
		``:                                    {},
		`[]`:                                  {},
		`{}`:                                  {},
		`{"chatId":"c"}`:                      {ChatID: "c"},
		`{"chatId":"c","id":"1"}`:             {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","etag":"2"}`:  {ChatID: "c", ID: "1", Version: Version{ETag: "2"}},
		`{"chatId":null,"id":"1","etag":"2"}`: {ID: "1", Version: Version{ETag: "2"}},
		`{"chatId":5,"id":"1"}`:               {ID: "1"},
		`{"chatId":"\ud800","id":"1"}`:        {ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-1706:47:05.123Z"}`:                                       {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":5,"lastModifiedDateTime":"2021-03-17T06:47:05Z"}`:                 {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-17T06:47:05Z\ud800"}`:                                    {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-17T06:47:05Z","lastModifiedDateTime":""}`:                {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-17T06:47:05Z","chatId":"d"}`:                             {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-17T06:47:05Z","createdDateTime":"2021-03-17T06:47:05Z"}`: {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-17T06:47:05Z"`:                                           {ChatID: "c", ID: "1"},
		`{"chatId":"c","id":"1","createdDateTime":"2021-03-17T06:47:05Z"}}`:                                         {ChatID: "c", ID: "1"},
		"{\"chatId\":\"\xff\",\"id\":\"1\"}":                                                                        {},
		`{"id\ud800":"1","chatId":"c"}`:                                                                             {ChatID: "c"},
	} {
		got, err := Identify([]byte(item))
		if !errors.Is(err, ErrUnidentified) || got != known {
			t.Errorf("%s: want %v, got %v, %v", item, known, got, err)
		}
	}
}

// FuzzIdentify_EqualsTheStandardLibrarys holds Identify to what encoding/json reads from a well-formed
// item. On others it may give any answer, but it must give one.
func FuzzIdentify_EqualsTheStandardLibrarys(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"x":{"y":["}",{"z":"\\\""}]},"chatId":"c","id":"1","etag":"2","createdDateTime":"2021-03-17T06:47:05Z"}`))
	f.Fuzz(func(t *testing.T, item []byte) {
		got, err := Identify(item)
		if !wellFormed(item) {
			return
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(item, &members) != nil {
			return
		}
		text := func(name string) string {
			var value any
			_ = json.Unmarshal(members[name], &value)
			s, _ := value.(string)
			return s
		}
		want := Identity{ChatID: text("chatId"), ID: text("id"), Version: Version{ETag: text("etag")}}
		for _, part := range []string{want.ChatID, want.ID, want.Version.ETag, text("lastModifiedDateTime")} {
			if containsReplacement(part) {
				return // half a surrogate pair perhaps, which the standard library replaces
			}
		}
		modified := text("lastModifiedDateTime")
		if raw := string(members["lastModifiedDateTime"]); raw == "" || raw == "null" {
			modified = text("createdDateTime")
		}
		when, timeErr := ParseTime(modified)
		if want.ChatID == "" || want.ID == "" || timeErr != nil {
			if err == nil {
				t.Fatalf("want no identity, got %v for %s", got, item)
			}
			return
		}
		if err != nil {
			if created := string(members["createdDateTime"]); created != "" && created != "null" {
				if _, bad := ParseTime(text("createdDateTime")); bad != nil {
					return
				}
			}
			t.Fatalf("%v: %s", err, item)
		}
		want.Version.Time = when.UnixMilli()
		if want.Version.ETag == "" {
			want.Version.ETag = got.Version.ETag
		}
		if got != want {
			t.Fatalf("want %v, got %v", want, got)
		}
	})
}

func containsReplacement(s string) bool {
	for _, r := range s {
		if r == '\ufffd' {
			return true
		}
	}
	return false
}

// drawVersion draws a version with a numeric etag of any length, as Graph gives it or awkward. The time has
// nothing to do with the etag, or is some milliseconds away from it.
func drawVersion(t *rapid.T) Version {
	etag := rapid.SampledFrom([]string{"0", "1", "2", "01", "10", "100", "101", "102", "103", "104", "105", "18446744073709551615",
		"18446744073709551616", "18446744073709551617", "99999999999999999999999999"}).Draw(t, "etag")
	at, err := strconv.ParseInt(etag, 10, 64)
	if err != nil {
		at = 100
	}
	return Version{Time: at + rapid.Int64Range(-9, 9).Draw(t, "skew"), ETag: etag}
}

// Versions of one message never go back only if "newer" is an order (invariant 3), and a version is
// written once only if its copies have one place in it, whatever their times (invariant 2).
func TestVersion_OrderIsTotalAndCopiesAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawVersion(t), drawVersion(t), drawVersion(t)
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("%v and %v: %d one way, %d the other", a, b, a.Compare(b), b.Compare(a))
		}
		if (a.Compare(b) == 0) != (a.ETag == b.ETag) {
			t.Fatalf("%v and %v compare as %d", a, b, a.Compare(b))
		}
		if a.Compare(b) >= 0 && b.Compare(c) >= 0 && a.Compare(c) < 0 {
			t.Fatalf("%v >= %v >= %v, but the first < the last", a, b, c)
		}
		copied := Version{Time: rapid.Int64().Draw(t, "time of a copy"), ETag: a.ETag}
		if a.Compare(b) != copied.Compare(b) {
			t.Fatalf("%v and its copy %v lie on two sides of %v", a, copied, b)
		}
	})
}

// Etags that are not numbers are ordered by time, among each other and among numbers.
func TestVersion_OrderOfOpaqueEtagsIsAntisymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Version {
			return Version{Time: rapid.Int64Range(-2, 2).Draw(t, name+"'s time"),
				ETag: rapid.SampledFrom([]string{"x", "y", "-1", "", "0", "1", "2"}).Draw(t, name+"'s etag")}
		}
		a, b := draw("a"), draw("b")
		if a.Compare(b) != -b.Compare(a) || (a.Compare(b) == 0) != (a.ETag == b.ETag) {
			t.Fatalf("%v and %v: %d one way, %d the other", a, b, a.Compare(b), b.Compare(a))
		}
	})
}

func TestVersion_Compare(t *testing.T) {
	for _, pair := range []struct {
		newer, older Version
	}{
		{Version{1, "10"}, Version{1, "9"}},
		{Version{1, "9"}, Version{2, "1"}}, // the etag is the version number, whatever the times
		{Version{105, "101"}, Version{100, "100"}},
		{Version{100, "101"}, Version{105, "100"}},
		{Version{0, "18446744073709551617"}, Version{0, "18446744073709551616"}},
		{Version{0, "007"}, Version{0, "6"}},
		{Version{0, "7"}, Version{0, "007"}},
		{Version{2, "x"}, Version{1, "y"}}, // without a number the time decides
		{Version{1, "y"}, Version{1, "x"}},
		{Version{3, "x"}, Version{9, "2"}},
		{Version{1, "3"}, Version{2, "x"}},
		{Version{-1, "x"}, Version{-2, "y"}},
		{Version{0, "0"}, Version{-1, "x"}},
	} {
		if pair.newer.Compare(pair.older) != 1 || pair.older.Compare(pair.newer) != -1 {
			t.Errorf("%v is not newer than %v", pair.newer, pair.older)
		}
	}
	if (Version{1, "5"}).Compare(Version{2, "5"}) != 0 {
		t.Error("an equal etag is not the same version")
	}
}
