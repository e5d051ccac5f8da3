package graphsim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// keysOf lists the items of pages by chat, id and etag, sorted.
func keysOf(t *testing.T, items []json.RawMessage) []string {
	t.Helper()
	var keys []string
	for _, raw := range items {
		m := parse(t, raw)
		keys = append(keys, m.ChatID+"/"+m.ID+"/"+m.Etag)
	}
	slices.Sort(keys)
	return keys
}

func TestQuirk_EmptyAndShortPagesLoseNothing(t *testing.T) {
	for _, quirk := range []string{"quirk-empty-page", "quirk-short-page"} {
		t.Run(quirk, func(t *testing.T) {
			cfg := Config{Seed: 31, Users: 2, Chats: 2, History: History{Messages: 100}}
			if err := cfg.SetRate(quirk, 0.5); err != nil {
				t.Fatal(err)
			}
			c := start(t, cfg)
			link, short := messages(c.s.Users()[0], "$top=10"), 0
			var items []json.RawMessage
			seen := map[string]bool{}
			for link != "" {
				e := c.page(link)
				if link = e.link(); link != "" && len(e.Value) < 10 {
					short++
					if quirk == "quirk-empty-page" && len(e.Value) != 0 || quirk == "quirk-short-page" && len(e.Value) == 0 {
						t.Errorf("%d items", len(e.Value))
					}
				}
				if seen[link] {
					t.Fatalf("the link %s repeats", link)
				}
				seen[link] = link != ""
				items = append(items, e.Value...)
			}
			keys := keysOf(t, items)
			if len(keys) != 100 || len(slices.Compact(keys)) != 100 || short == 0 {
				t.Errorf("%d items, %d short pages", len(keys), short)
			}
		})
	}
}

func TestQuirk_DuplicatesAcrossPages(t *testing.T) {
	c := start(t, Config{Seed: 37, Users: 2, Chats: 2, History: History{Messages: 100}, Quirks: Quirks{Duplicates: 0.5}})
	keys := keysOf(t, c.readAll(messages(c.s.Users()[0], "$top=10")))
	if different := len(slices.Compact(slices.Clone(keys))); different != 100 || len(keys) <= 100 {
		t.Errorf("%d items, %d different ones", len(keys), different)
	}
}

func TestQuirk_LoopingLinkRepeatsAndEnds(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 2, History: History{Messages: 25}, Quirks: Quirks{LoopingLink: 1, LoopFor: time.Minute}})
	link := messages(c.s.Users()[0], "$top=10")
	for range 3 {
		link = c.page(link).link()
	}
	for range 5 {
		e := c.page(link)
		if e.link() != link || len(e.Value) != 5 {
			t.Fatalf("link %s after %s, %d items", e.link(), link, len(e.Value))
		}
	}
	c.adjust(Settings{Rates: map[string]float64{"quirk-looping-link": 0}})
	if e := c.page(link); e.link() != "" {
		t.Errorf("link %s", e.link())
	}
}

func TestQuirk_StaleTokenNullLinkBareLinkSkipLink(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 2, History: History{Messages: 30}})
	user := c.s.Users()[0]
	window := between(c.clock.Now().Add(-time.Hour*48), c.clock.Now())
	first := messages(user, "$top=20", window)
	set := func(name string) {
		c.adjust(Settings{Rates: map[string]float64{
			"quirk-stale-token": 0, "quirk-null-link": 0, "quirk-bare-link": 0, "quirk-skip-link": 0, name: 1,
		}})
	}
	set("quirk-stale-token")
	if a := c.get(c.page(first).link()); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "Invalid continuation token") {
		t.Errorf("%d %s", a.status, a.body)
	}
	set("quirk-null-link")
	if a := c.get(messages(user, "$top=30")); !strings.Contains(string(a.body), `"@odata.nextLink":null`) {
		t.Errorf("%s", a.body[:200])
	}
	set("quirk-bare-link")
	e := c.page(first)
	if strings.Contains(e.link(), "filter") || len(e.link()) == 0 {
		t.Errorf("link %s", e.link())
	}
	if keys := keysOf(t, append(e.Value, c.readAll(e.link())...)); len(slices.Compact(keys)) != 30 {
		t.Errorf("%d items through links without a filter", len(keys))
	}
	set("quirk-skip-link")
	if e = c.page(first); !strings.HasSuffix(e.link(), "&$skip=20") {
		t.Errorf("link %s", e.link())
	}
	if keys := keysOf(t, append(e.Value, c.readAll(e.link())...)); len(slices.Compact(keys)) != 30 {
		t.Errorf("%d items through links with $skip", len(keys))
	}
}

func TestQuirk_ForeignLinkLeadsElsewhere(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 30}, Quirks: Quirks{ForeignLink: 1}})
	link := c.page(messages(c.s.Users()[0])).link()
	if !strings.HasPrefix(link, "https://graph.elsewhere.invalid/v1.0/users('") {
		t.Errorf("link %s", link)
	}
}

func TestQuirk_LaggingCopyShowsAnOlderVersionAfterANewer(t *testing.T) {
	c := start(t, Config{Seed: 41, Users: 6, Chats: 6, Rate: 50, Edits: 1, Quirks: Quirks{LaggingCopy: 0.3, LagFor: 5 * time.Second}})
	newest := map[string]int64{}
	older := 0
	for range 8 {
		c.clock.Add(time.Second)
		for _, user := range c.s.Users() {
			for _, raw := range c.readAll(messages(user, "$top=900")) {
				m := parse(t, raw)
				key, etag := m.ChatID+"/"+m.ID, number(t, m.Etag)
				if etag < newest[key] {
					older++
				}
				newest[key] = max(newest[key], etag)
			}
		}
	}
	if older == 0 {
		t.Error("no older version came after a newer one")
	}
}

func TestQuirk_TimeSkewKeepsEtagAndOrder(t *testing.T) {
	c := start(t, Config{Seed: 43, Users: 5, Chats: 5, Rate: 50, Edits: 1, Reactions: 1, Quirks: Quirks{TimeSkew: 0.5}})
	times := map[string]map[string]bool{} // version, times
	for range 8 {
		c.clock.Add(time.Second)
		for _, user := range c.s.Users() {
			for _, raw := range c.readAll(messages(user, "$top=900")) {
				m := parse(t, raw)
				key := m.ChatID + "/" + m.ID + "/" + m.Etag
				if times[key] == nil {
					times[key] = map[string]bool{}
				}
				times[key][*m.Modified] = true
			}
		}
	}
	apart := 0
	for _, at := range times {
		if len(at) > 1 {
			apart++
		}
	}
	if apart < len(times)/4 {
		t.Errorf("%d of %d versions have different times", apart, len(times))
	}
	// Whichever copies are compared, the order is that of the versions.
	latest := map[string]int64{}
	seq := map[string]uint32{}
	lines := c.ledger()
	slices.SortFunc(lines, func(a, b LedgerLine) int { return int(a.Seq) - int(b.Seq) })
	skewed := 0
	for _, l := range lines {
		key := l.ChatID + "/" + l.ID
		lowest, highest := l.Time, l.Time
		for _, s := range l.Shown {
			if s.Time != 0 {
				skewed++
				highest = max(highest, s.Time)
			}
		}
		if seq[key] != 0 && lowest <= latest[key] {
			t.Errorf("%s: version %d may be as old as version %d", key, l.Seq, seq[key])
		}
		latest[key], seq[key] = highest, l.Seq
	}
	if skewed == 0 {
		t.Error("the ledger names no skewed time")
	}
}

func TestQuirk_FilterCreated(t *testing.T) {
	c := start(t, Config{Seed: 47, Users: 2, Chats: 1})
	made, err := c.s.Apply(Change{Do: "create", User: c.s.Users()[0]})
	if err != nil {
		t.Fatal(err)
	}
	created := c.clock.Now()
	c.clock.Add(time.Hour)
	if _, err := c.s.Apply(Change{Do: "edit", ChatID: made.ChatID, ID: made.ID}); err != nil {
		t.Fatal(err)
	}
	link := messages(c.s.Users()[0], between(created.Add(-time.Minute), created.Add(time.Minute)))
	if e := c.page(link); len(e.Value) != 0 {
		t.Errorf("%d items modified in the window", len(e.Value))
	}
	c.adjust(Settings{Rates: map[string]float64{"quirk-filter-created": 1}})
	if e := c.page(link); len(e.Value) != 1 {
		t.Errorf("%d items created in the window", len(e.Value))
	}
}

func TestQuirk_DateJitterAndSkew(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 3, Reach: time.Second}, DateSkew: -time.Hour})
	date := func() time.Duration {
		at, err := http.ParseTime(c.get(messages(c.s.Users()[0])).header.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		return at.Sub(c.clock.Now())
	}
	if d := date(); d != -time.Hour {
		t.Errorf("Graph's clock is %s off, want -1h", d)
	}
	for _, raw := range c.readAll(messages(c.s.Users()[0])) {
		if at, err := time.Parse(time.RFC3339Nano, parse(t, raw).Created); err != nil || c.clock.Now().Sub(at) < time.Hour || c.clock.Now().Sub(at) > time.Hour+time.Second {
			t.Errorf("created %s, %v", at, err)
		}
	}
	c.adjust(Settings{Rates: map[string]float64{"quirk-date-jitter": 1}})
	off := map[time.Duration]bool{}
	for range 20 {
		d := date() + time.Hour
		if d < -6*time.Second || d > 5*time.Second {
			t.Errorf("%s off", d)
		}
		off[d] = true
	}
	if len(off) < 4 {
		t.Errorf("offsets %v", off)
	}
}

func TestPurge_DeletedMessagesLeaveAfter21Days(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user := c.s.Users()[0]
	text := "to be deleted"
	made, err := c.s.Apply(Change{Do: "create", User: user, Content: &text})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.s.Apply(Change{Do: "create", User: user}); err != nil {
		t.Fatal(err)
	}
	c.clock.Add(time.Hour)
	if _, err := c.s.Apply(Change{Do: "delete", ChatID: made.ChatID, ID: made.ID}); err != nil {
		t.Fatal(err)
	}
	c.clock.Add(21*24*time.Hour - time.Millisecond)
	c.token = c.login()
	items := c.readAll(messages(user))
	i := slices.IndexFunc(items, func(raw json.RawMessage) bool { return parse(t, raw).ID == made.ID })
	if len(items) != 2 || i < 0 {
		t.Fatalf("%d items before the purge", len(items))
	}
	m := parse(t, items[i])
	if m.Deleted == nil || *m.Deleted != *m.Modified || m.Body.Content != text || m.Etag == made.Etag {
		t.Errorf("deleted message %s", items[i])
	}
	c.clock.Add(time.Millisecond)
	if items := c.readAll(messages(user)); len(items) != 1 {
		t.Errorf("%d items after the purge", len(items))
	}
}

func TestPurge_ComesWhenItIsConfigured(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, PurgeAfter: time.Minute})
	user := c.s.Users()[0]
	made := c.change(`{"do":"create","user":"` + user + `"}`)
	c.change(`{"do":"delete","chatId":"` + made.ChatID + `","id":"` + made.ID + `"}`)
	c.clock.Add(time.Minute - time.Millisecond)
	if n := len(c.readAll(messages(user))); n != 1 {
		t.Errorf("%d items before the purge", n)
	}
	c.clock.Add(time.Millisecond)
	if n := len(c.readAll(messages(user))); n != 0 {
		t.Errorf("%d items after the purge", n)
	}
}

func TestPurge_EndsAKeptOrder(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 200, Reach: time.Hour}})
	user := c.s.Users()[0]
	m := parse(t, c.page(messages(user)).Value[0])
	if _, err := c.s.Apply(Change{Do: "delete", ChatID: m.ChatID, ID: m.ID}); err != nil {
		t.Fatal(err)
	}
	if n := len(c.readAll(messages(user, "$top=200"))); n != 200 {
		t.Errorf("%d items", n)
	}
	c.clock.Add(21*24*time.Hour + time.Second)
	c.token = c.login()
	if n := len(c.readAll(messages(user, "$top=200"))); n != 199 {
		t.Errorf("%d items after the purge", n)
	}
}

func TestQuirk_EarlyEndLeavesItemsUnread(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 30}, Quirks: Quirks{EarlyEnd: 1}})
	link := messages(c.s.Users()[0], "$top=20")
	if e := c.page(link); len(e.Value) != 20 || e.Link != nil {
		t.Errorf("%d items, link %q", len(e.Value), e.link())
	}
	unseen := 0
	for _, l := range c.ledger() {
		if len(l.Shown) == 0 {
			unseen++
		}
	}
	if unseen != 10 {
		t.Errorf("the ledger names %d unseen messages, want 10", unseen)
	}
	c.adjust(Settings{Rates: map[string]float64{"quirk-early-end": 0}})
	if items := c.readAll(link); len(items) != 30 {
		t.Errorf("%d items without the quirk", len(items))
	}
}

func TestQuirk_LenientFilterTakesWhatIsUndocumented(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user := c.s.Users()[0]
	if _, err := c.s.Apply(Change{Do: "create", User: user}); err != nil {
		t.Fatal(err)
	}
	const at, before, after = "2026-03-02T10:00:00Z", "2026-03-02T09:59:59.999Z", "2026-03-02T10:00:00.001Z"
	for _, test := range []struct {
		filter string
		items  int
	}{
		{"gt " + before, 1}, {"gt " + at, 0}, {"ge " + at, 1}, {"ge " + after, 0},
		{"lt " + after, 1}, {"lt " + at, 0}, {"le " + at, 1}, {"le " + before, 0},
		{"ge " + at + " and lastModifiedDateTime le " + at, 1},
	} {
		link := messages(user, "$filter=lastModifiedDateTime "+test.filter)
		c.adjust(Settings{Rates: map[string]float64{"quirk-lenient-filter": 0}})
		if a := c.get(link); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d, want it refused by default", test.filter, a.status)
		}
		c.adjust(Settings{Rates: map[string]float64{"quirk-lenient-filter": 1}})
		if e := c.page(link); len(e.Value) != test.items {
			t.Errorf("%s: %d items, want %d", test.filter, len(e.Value), test.items)
		}
	}
	for _, filter := range []string{"eq " + at, "ge " + at + " and lastModifiedDateTime gt " + at, "le " + at + " and lastModifiedDateTime lt " + at} {
		if a := c.get(messages(user, "$filter=lastModifiedDateTime "+filter)); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", filter, a.status)
		}
	}
}

func TestQuirk_ErrorFormKeepsTheStatus(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Quirks: Quirks{ErrorForm: 1}})
	var lower, empty, nested int
	for range 40 {
		a := c.get("/v1.0/chats/getAllMessages()")
		var body struct {
			Error map[string]json.RawMessage
		}
		if err := json.Unmarshal(a.body, &body); err != nil || a.status != http.StatusNotFound {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var message string
		if err := json.Unmarshal(body.Error["message"], &message); err != nil {
			t.Fatal(err)
		}
		switch {
		case body.Error["innererror"] != nil:
			lower++
		case message == "":
			empty++
		case json.Valid([]byte(message)) && strings.Contains(message, `"code":"NotFound"`):
			nested++
		default:
			t.Errorf("%s", a.body)
		}
	}
	if lower == 0 || empty == 0 || nested == 0 {
		t.Errorf("%d with innererror, %d without a message, %d with JSON in the message", lower, empty, nested)
	}
}

// TestBadItems_HaveOneHash: what the ledger says of a bad item holds for every client and with every quirk.
func TestBadItems_HaveOneHash(t *testing.T) {
	c := start(t, Config{
		Seed: 59, Users: 4, Chats: 4, History: History{Messages: 200}, Content: Content{BadItems: 1, Strangers: 1, Escapes: 1, Unknown: 0.5},
		Quirks: Quirks{TimeSkew: 1},
	})
	shown := map[string]bool{}
	for _, prefer := range []string{"", "include-unknown-enum-members"} {
		c.header.Set("Prefer", prefer)
		for _, user := range c.s.Users() {
			for _, raw := range c.readAll(messages(user, "$top=200")) {
				sum := sha256.Sum256(raw)
				shown[hex.EncodeToString(sum[:])] = true
			}
		}
	}
	lines := c.ledger()
	for _, l := range lines {
		if !shown[l.SHA256] || l.Shown[0].Time != 0 {
			t.Errorf("%s: hash %s of what nobody was sent, shown %+v", l.Bad, l.SHA256, l.Shown)
		}
	}
	if len(lines) != 200 || len(shown) != 200 {
		t.Errorf("%d lines, %d different items", len(lines), len(shown))
	}
}

func TestQuirk_TimeSkewLeavesAbsentTimes(t *testing.T) {
	c := start(t, Config{Users: 3, Chats: 1, History: History{Messages: 50}, Content: Content{NullModified: 1}, Quirks: Quirks{TimeSkew: 1}})
	for _, user := range c.s.Users() {
		for _, raw := range c.readAll(messages(user)) {
			if m := parse(t, raw); m.Modified != nil {
				t.Errorf("%s", raw)
			}
		}
	}
	for _, l := range c.ledger() {
		for _, s := range l.Shown {
			if s.Time != 0 {
				t.Errorf("the ledger has a time for a copy without one: %+v", s)
			}
		}
	}
}

// TestQuirk_GzipIsForWhoTakesIt: the same items come either way.
func TestQuirk_GzipIsForWhoTakesIt(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 30}, Quirks: Quirks{Gzip: 1}})
	link := messages(c.s.Users()[0], between(c.clock.Now().Add(-24*time.Hour), c.clock.Now()), "$top=20")
	want := c.page(link) // the transport takes gzip, and says nothing of it
	for _, takes := range []struct {
		encodings string
		zipped    bool
	}{
		{"gzip", true}, {"br, GZIP;q=0.5", true}, {"identity", false}, {"deflate, gzip; q=0", false}, {"gzip;q=0.0", false},
	} {
		c.header.Set("Accept-Encoding", takes.encodings)
		got := c.get(link)
		if got.err != nil || got.status != http.StatusOK {
			t.Fatalf("%s: status %d, %v", takes.encodings, got.status, got.err)
		}
		if zipped := got.header.Get("Content-Encoding") == "gzip"; zipped != takes.zipped {
			t.Errorf("%s: Content-Encoding is %q", takes.encodings, got.header.Get("Content-Encoding"))
		}
		body := got.body
		if takes.zipped {
			reader, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(reader); err != nil {
				t.Fatal(err)
			}
		}
		var page envelope
		if err := json.Unmarshal(body, &page); err != nil || !reflect.DeepEqual(page.Value, want.Value) || len(page.Value) == 0 {
			t.Errorf("%s: %d items, want %d as they are: %v", takes.encodings, len(page.Value), len(want.Value), err)
		}
	}
}
