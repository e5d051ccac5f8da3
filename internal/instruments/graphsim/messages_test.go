package graphsim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPaging_UnchangedFolderYieldsEachItemOnce(t *testing.T) {
	c := start(t, Config{Seed: 3, Users: 3, Chats: 4, History: History{Messages: 500, Reach: time.Hour}})
	user := c.s.Users()[1]
	whole := c.page(messages(user, "$top=1000")).Value
	if len(whole) < 100 {
		t.Fatalf("only %d messages in the mailbox", len(whole))
	}
	var ids []string
	for _, raw := range whole {
		m := parse(t, raw)
		ids = append(ids, m.ChatID+m.ID)
	}
	if slices.IsSortedFunc(whole, func(a, b json.RawMessage) int { return strings.Compare(parse(t, a).Created, parse(t, b).Created) }) {
		t.Error("items are in order of time")
	}
	for _, top := range []string{"1", "7", "50", "999"} {
		var paged []string
		for _, raw := range c.readAll(messages(user, "$top="+top)) {
			m := parse(t, raw)
			paged = append(paged, m.ChatID+m.ID)
		}
		if !slices.Equal(paged, ids) {
			t.Errorf("with $top=%s: %d items, want the same %d", top, len(paged), len(ids))
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("an item came twice")
	}
}

func TestTop_DefaultsToTen(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 50}})
	e := c.page(messages(c.s.Users()[0]))
	if len(e.Value) != 10 || e.link() == "" {
		t.Errorf("%d items, link %q", len(e.Value), e.link())
	}
}

func TestWindow_BoundsAreExclusive(t *testing.T) {
	c := start(t, Config{Seed: 5, Users: 2, Chats: 1, History: History{Messages: 200, Reach: time.Minute}})
	user := c.s.Users()[0]
	all := c.readAll(messages(user, "$top=100"))
	for _, raw := range all[:20] {
		m := parse(t, raw)
		at, err := time.Parse(time.RFC3339Nano, *m.Modified)
		if err != nil {
			t.Fatal(err)
		}
		has := func(from, to time.Time) bool {
			return slices.ContainsFunc(c.readAll(messages(user, "$top=100", between(from, to))), func(r json.RawMessage) bool {
				return string(r) == string(raw)
			})
		}
		ms := time.Millisecond
		if has(at, at.Add(ms)) || has(at.Add(-ms), at) || !has(at.Add(-ms), at.Add(ms)) {
			t.Errorf("message at %s: a bound is not exclusive", at)
		}
	}
}

func TestLink_HasTheReferencePagesForm(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 9}})
	user := c.s.Users()[0]
	want := c.s.URL() + "/v1.0/users('" + user + "')/chats/getallMessages?$top=2&$skiptoken=U2tpcFZhbHVlPTIjTWFpbGJveEZvbGRlcj1NYWlsRm9sZGVycy9UZWFtc01lc3NhZ2VzRGF0YQ%3d%3d"
	if got := c.page(messages(user, "$top=2")).link(); got != want {
		t.Errorf("link\n%s, want\n%s", got, want)
	}
	last := c.get(messages(user, "$top=9"))
	if strings.Contains(string(last.body), "nextLink") {
		t.Error("the last page has a link")
	}
}

func TestPaging_ChangeBetweenPagesShiftsItems(t *testing.T) {
	c := start(t, Config{Seed: 2, Users: 2, Chats: 1, History: History{Messages: 40, Reach: time.Hour}})
	user := c.s.Users()[0]
	window := between(c.clock.Now().Add(-2*time.Hour), c.clock.Now())
	whole := c.page(messages(user, "$top=40", window)).Value
	first := c.page(messages(user, "$top=10", window))
	// The first item of the page moves out of the window, so all others move up one place.
	c.clock.Add(time.Minute)
	moved := parse(t, whole[0])
	c.s.model.mu.Lock()
	for i := range c.s.model.messages {
		if c.s.model.messages[i].id == number(t, moved.ID) {
			c.s.model.advance(c.s.graphMillis())
			c.s.model.change(uint32(i), opEdit, c.s.graphMillis(), asConfigured)
		}
	}
	c.s.model.mu.Unlock()
	second := c.page(first.link())
	if string(second.Value[0]) != string(whole[11]) {
		t.Error("the item at the page boundary was not shifted past the reader")
	}
}

func TestVersions_OrderByTimeThenEtagIsTheModels(t *testing.T) {
	cfg := Config{Seed: 7, Users: 6, Chats: 6, Rate: 150, Edits: 1, Reactions: 1.5, Deletions: 0.1, Lateness: Lateness{Max: 2 * time.Second, Shape: 1}}
	c := start(t, cfg)
	for range 12 {
		c.clock.Add(400 * time.Millisecond)
		for _, user := range c.s.Users() {
			c.readAll(messages(user, "$top=200"))
		}
	}
	type place struct {
		seq  uint32
		time int64
		etag int64
	}
	byMessage := map[string][]place{}
	for _, l := range c.ledger() {
		key := l.ChatID + "/" + l.ID
		byMessage[key] = append(byMessage[key], place{l.Seq, l.Time, number(t, l.Etag)})
	}
	changed := 0
	for key, list := range byMessage {
		slices.SortFunc(list, func(a, b place) int { return int(a.seq) - int(b.seq) })
		for i := 1; i < len(list); i++ {
			changed++
			if a, b := list[i-1], list[i]; b.etag <= a.etag || b.time < a.time {
				t.Errorf("%s: version %+v after %+v", key, b, a)
			}
		}
	}
	if changed < 100 {
		t.Errorf("only %d changes were seen", changed)
	}
}

func TestLateness_EachCopyBecomesVisibleAtItsOwnTime(t *testing.T) {
	c := start(t, Config{Seed: 11, Users: 8, Chats: 3, MaxMembers: 8, Rate: 50, Lateness: Lateness{Max: 4 * time.Second, Shape: 1}})
	first := map[string]map[string]time.Time{} // message, user
	look := func() {
		for _, user := range c.s.Users() {
			for _, raw := range c.readAll(messages(user, "$top=500")) {
				m := parse(t, raw)
				if first[m.ChatID+m.ID] == nil {
					first[m.ChatID+m.ID] = map[string]time.Time{}
				}
				if _, seen := first[m.ChatID+m.ID][user]; !seen {
					first[m.ChatID+m.ID][user] = c.clock.Now()
				}
			}
		}
	}
	for range 10 {
		c.clock.Add(500 * time.Millisecond)
		look()
	}
	c.s.StopTraffic()
	if c.s.Quiet() {
		t.Error("quiet while copies are on their way")
	}
	c.clock.Add(c.s.QuietAt().Sub(c.clock.Now()))
	if !c.s.Quiet() {
		t.Error("not quiet when the last copy is visible")
	}
	look()
	apart := 0
	for _, users := range first {
		var times []time.Time
		for _, at := range users {
			times = append(times, at)
		}
		if slices.MaxFunc(times, time.Time.Compare).After(slices.MinFunc(times, time.Time.Compare)) {
			apart++
		}
	}
	if apart < len(first)/2 {
		t.Errorf("only %d of %d messages became visible at different times", apart, len(first))
	}
	before := c.stats()
	c.clock.Add(time.Hour)
	if after := c.stats(); after.Messages != before.Messages || after.Pending != 0 {
		t.Errorf("something happened after the traffic stopped: %+v, then %+v", before, after)
	}
}

// TestLateness_FollowsItsDistribution draws the delays of many copies.
func TestLateness_FollowsItsDistribution(t *testing.T) {
	const copies = 20_000
	delays := func(l Lateness, q Quirks) (late, longest, sum int64) {
		m := newModel(Config{Users: 2, Chats: 1, Lateness: l, Quirks: q}.withDefaults(), 0)
		for i := range uint32(copies) {
			d := m.delay(i%2, i, 2)
			if d > 0 {
				late++
			}
			longest, sum = max(longest, d), sum+d
		}
		return late, longest, sum
	}
	day := maxLateness.Milliseconds()
	if late, _, _ := delays(Lateness{}, Quirks{}); late != 0 {
		t.Errorf("%d copies are late without lateness", late)
	}
	late, longest, sum := delays(Lateness{Max: maxLateness, Share: 0.3, Shape: 1}, Quirks{})
	if late < copies*28/100 || late > copies*32/100 || longest > day || longest < day*99/100 || sum/late < day*48/100 || sum/late > day*52/100 {
		t.Errorf("uniform: %d late, mean %d ms, longest %d ms", late, sum/late, longest)
	}
	late, longest, sum = delays(Lateness{Max: maxLateness, Share: 0.3, Shape: 8}, Quirks{}) // the mean of u^8 is a ninth
	if longest > day || longest < day*9/10 || sum/late < day/10 || sum/late > day/8 {
		t.Errorf("bent: %d late, mean %d ms, longest %d ms", late, sum/late, longest)
	}
	if _, longest, _ = delays(Lateness{Max: maxLateness}, Quirks{LaggingCopy: 1, LagFor: 10 * time.Hour}); longest != day {
		t.Errorf("the longest delay is %d ms, want no more than a day", longest)
	}
}

func TestVersions_SupersededOnesAreForgotten(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user := c.s.Users()[0]
	made := c.change(`{"do":"create","user":"` + user + `"}`)
	c.clock.Add(time.Minute)
	edited := c.change(`{"do":"edit","chatId":"` + made.ChatID + `","id":"` + made.ID + `"}`)
	if items := c.readAll(messages(user, between(c.clock.Now().Add(-2*time.Minute), c.clock.Now().Add(-time.Second)))); len(items) != 0 {
		t.Errorf("the first version is still shown: %s", items)
	}
	c.readAll(messages(user))
	if lines := c.ledger(); len(lines) != 1 || lines[0].Etag != edited.Etag || lines[0].Seq != 2 {
		t.Errorf("ledger %+v", lines)
	}
}

// pieces notes the sizes of what is written, and lets something else happen meanwhile.
type pieces struct {
	sizes     []int
	meanwhile func()
}

func (p *pieces) Write(data []byte) (int, error) {
	p.sizes = append(p.sizes, len(data))
	p.meanwhile()
	return len(data), nil
}

func TestLedger_IsStreamedWhileTheSimulatorGoesOn(t *testing.T) {
	c := start(t, Config{Seed: 67, Users: 4, Chats: 4, History: History{Messages: 3000}})
	for _, user := range c.s.Users() {
		c.readAll(messages(user, "$top=500"))
	}
	p := &pieces{meanwhile: func() {
		c.change(`{"do":"create","user":"` + c.s.Users()[0] + `"}`)
		c.page(messages(c.s.Users()[0]))
	}}
	if err := c.s.WriteLedger(p); err != nil {
		t.Fatal(err)
	}
	if len(p.sizes) < 10 || slices.Max(p.sizes) > 128<<10 {
		t.Errorf("%d pieces, the largest of %d bytes", len(p.sizes), slices.Max(p.sizes))
	}
	if lines := c.ledger(); len(lines) != 3000+len(p.sizes) {
		t.Errorf("%d lines after %d more messages", len(lines), len(p.sizes))
	}
}

func TestLedger_HasTheFirstShowingToEachUser(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	users, first := c.s.Users(), c.clock.Now()
	c.change(`{"do":"create","user":"` + users[0] + `"}`)
	for range 3 {
		c.readAll(messages(users[0]))
		c.clock.Add(time.Minute)
		c.readAll(messages(users[1]))
	}
	lines := c.ledger()
	if len(lines) != 1 {
		t.Fatalf("ledger %+v", lines)
	}
	want := []Showing{{User: users[0], At: first}, {User: users[1], At: first.Add(time.Minute)}}
	if !slices.Equal(lines[0].Shown, want) {
		t.Errorf("shown %+v, want %+v", lines[0].Shown, want)
	}
}

// A version that was replaced is missing when its window is read again; the ledger says when that was first so.
func TestLedger_SaysWhenAWindowWasReadWithoutTheVersion(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user, made := c.s.Users()[0], c.clock.Now()
	message := c.change(`{"do":"create","user":"` + user + `"}`)
	c.clock.Add(time.Minute)
	window := func(from, to time.Duration) string {
		return messages(user, between(made.Add(from), made.Add(to)))
	}
	again := func() *time.Time {
		t.Helper()
		lines := c.ledger()
		if len(lines) == 0 || lines[0].Seq != 1 || len(lines[0].Shown) != 1 || lines[0].Shown[0].User != user {
			t.Fatalf("ledger %+v", lines)
		}
		return lines[0].Shown[0].Again
	}
	c.readAll(window(-time.Minute, time.Minute))
	c.clock.Add(time.Minute)
	c.readAll(window(-time.Hour, time.Hour))
	if at := again(); at != nil {
		t.Errorf("read without it at %v, although it was shown each time", at)
	}
	c.change(`{"do":"edit","chatId":"` + message.ChatID + `","id":"` + message.ID + `"}`)
	c.clock.Add(time.Minute)
	c.readAll(window(time.Minute, time.Hour))
	if at := again(); at != nil {
		t.Errorf("read without it at %v, although its time was not asked for", at)
	}
	c.clock.Add(time.Minute)
	second := c.clock.Now()
	c.readAll(window(-time.Minute, time.Minute))
	c.clock.Add(time.Minute)
	c.readAll(window(-time.Hour, time.Hour))
	if at := again(); at == nil || !at.Equal(second) {
		t.Errorf("read without it at %v, want %v", at, second)
	}
}

// So is one that a change between two pages hides, until it is shown again.
func TestLedger_SaysWhenAShiftHidTheVersion(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user, made := c.s.Users()[0], c.clock.Now()
	byID := make(map[string]Changed)
	for range 2 {
		message := c.change(`{"do":"create","user":"` + user + `"}`)
		byID[message.ID] = message
		c.clock.Add(time.Second)
	}
	window := messages(user, between(made.Add(-time.Minute), made.Add(time.Minute)), "$top=1")
	c.readAll(window)
	c.clock.Add(2 * time.Minute)
	shifted := c.clock.Now()
	first := c.page(window)
	moved := parse(t, first.Value[0])
	c.change(`{"do":"edit","chatId":"` + byID[moved.ID].ChatID + `","id":"` + moved.ID + `"}`) // leaves the window
	if rest := c.readAll(first.link()); len(rest) != 0 {
		t.Fatalf("%d items behind the one that left", len(rest))
	}
	hidden := func() Showing {
		t.Helper()
		for _, line := range c.ledger() {
			if line.ID != moved.ID {
				return line.Shown[0]
			}
		}
		t.Fatal("the hidden message is not in the ledger")
		return Showing{}
	}
	if s := hidden(); s.Again == nil || !s.Again.Equal(shifted) || s.Missed != nil {
		t.Errorf("hidden at %v, missed at %v, want hidden at %v", s.Again, s.Missed, shifted)
	}
	for range 2 {
		c.clock.Add(time.Minute)
		c.readAll(window)
		if s := hidden(); s.Again != nil || s.Missed == nil || !s.Missed.Equal(shifted) {
			t.Errorf("hidden at %v, missed at %v; it was shown since, and want missed at %v", s.Again, s.Missed, shifted)
		}
	}
}

// A request that was long on its way can show what a later one, which reaches further, lacked before.
func TestLedger_SaysWhenAReadingWasOvertaken(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user, made := c.s.Users()[0], c.clock.Now()
	window := func(from, to time.Duration) string {
		return messages(user, between(made.Add(from), made.Add(to)), "$top=1")
	}
	readAll := func(link string) { c.readAll(link); c.clock.Add(time.Second) }
	late := c.change(`{"do":"create","user":"` + user + `","delayMillis":60000}`)
	at := c.clock.Now().Sub(made)

	readAll(window(-time.Minute, 20*time.Second)) // as far as the one that shows it
	readAll(window(at+time.Second, 50*time.Second))
	readAll(window(-time.Minute, 30*time.Second))
	readAll(window(-time.Minute, 25*time.Second))
	c.clock.Add(time.Minute)
	readAll(window(-time.Minute, 20*time.Second))
	readAll(window(-time.Minute, 40*time.Second))

	punctual := c.change(`{"do":"create","user":"` + user + `"}`)
	readAll(window(0, time.Hour))
	readAll(window(0, 2*time.Hour))
	for _, line := range c.ledger() {
		var want int64
		if line.ID == late.ID {
			want = made.Add(30 * time.Second).UnixMilli()
		}
		if len(line.Shown) != 1 || line.Shown[0].Overtaken != want {
			t.Errorf("message %s of %s and %s: %+v, want overtaken to %d", line.ID, late.ID, punctual.ID, line.Shown, want)
		}
	}
}

// A reading that did not get so far, or that showed the version in a response that was spoiled, lacked nothing.
func TestLedger_OvertakenOnlyByAReadingThatLackedTheVersion(t *testing.T) {
	none := func(c *client) {
		t.Helper()
		shown := 0
		for _, line := range c.ledger() {
			for _, s := range line.Shown {
				shown++
				if s.Overtaken != 0 {
					t.Errorf("message %s: %+v, want it not to be overtaken", line.ID, s)
				}
			}
		}
		if shown < 3 {
			t.Errorf("%d showings", shown)
		}
	}
	tenant := func() (c *client, long, short string) {
		c = start(t, Config{Users: 2, Chats: 1})
		user, made := c.s.Users()[0], c.clock.Now()
		for range 3 {
			c.change(`{"do":"create","user":"` + user + `"}`)
			c.clock.Add(time.Second)
		}
		return c, messages(user, between(made.Add(-time.Minute), made.Add(time.Hour)), "$top=1"), messages(user, between(made.Add(-time.Minute), made.Add(time.Minute)), "$top=1")
	}
	t.Run("it did not get so far", func(*testing.T) {
		c, long, short := tenant()
		first := c.page(long)
		c.readAll(short)
		none(c)
		c.readAll(first.link())
		none(c)
	})
	t.Run("it was another window that came to its end", func(*testing.T) {
		c, long, short := tenant()
		rest := c.page(short).link()
		c.page(long)
		c.readAll(rest)
		none(c)
	})
	t.Run("its response was spoiled", func(*testing.T) {
		c, long, short := tenant()
		spoil := func(rate float64) { c.adjust(Settings{Rates: map[string]float64{"fault-truncate": rate}}) }
		spoil(1)
		c.get(strings.Replace(long, "$top=1", "$top=50", 1))
		spoil(0)
		c.readAll(short)
		none(c)
	})
}

// threePages is a tenant with one chat of three messages, and its window of one message a page.
func threePages(t *testing.T, quirks Quirks) (c *client, window string) {
	t.Helper()
	c = start(t, Config{Users: 2, Chats: 1, Quirks: quirks})
	user, made := c.s.Users()[0], c.clock.Now()
	for range 3 {
		c.change(`{"do":"create","user":"` + user + `"}`)
		c.clock.Add(time.Second)
	}
	return c, messages(user, between(made.Add(-time.Minute), made.Add(time.Minute)), "$top=1")
}

// lacking names the messages of which the ledger says that a window was read without them.
func (c *client) lacking() (again, missed []string) {
	c.t.Helper()
	for _, line := range c.ledger() {
		for _, s := range line.Shown {
			if s.Again != nil {
				again = append(again, line.ID)
			}
			if s.Missed != nil {
				missed = append(missed, line.ID)
			}
		}
	}
	return again, missed
}

// A page that is asked for twice, and one behind an empty page, belong to the reading they continue: nothing was missing in it.
func TestLedger_TakesAContinuedReadingForOne(t *testing.T) {
	for name, quirks := range map[string]Quirks{"a page twice": {}, "empty pages": {EmptyPage: 0.5}} {
		t.Run(name, func(t *testing.T) {
			c, window := threePages(t, quirks)
			for range 5 {
				first := c.page(window)
				if quirks == (Quirks{}) {
					c.page(first.link())
				}
				c.readAll(first.link())
				c.clock.Add(time.Minute)
			}
			if again, missed := c.lacking(); len(again)+len(missed) > 0 {
				t.Errorf("not shown any more: %v, and for a while: %v; every reading was whole", again, missed)
			}
		})
	}
}

// A page that is asked for once more can lack what it showed before, and then there is no second chance to see that.
func TestLedger_SaysWhenAPageLostAVersion(t *testing.T) {
	c, window := threePages(t, Quirks{})
	first := c.page(window)
	second := c.page(first.link())
	lost, kept := parse(t, second.Value[0]), parse(t, first.Value[0])
	c.clock.Add(2 * time.Minute)
	c.change(`{"do":"edit","chatId":"` + lost.ChatID + `","id":"` + lost.ID + `"}`) // leaves the window
	if items := c.readAll(first.link()); len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	if again, missed := c.lacking(); !slices.Equal(again, []string{lost.ID}) || len(missed) > 0 {
		t.Errorf("not shown any more: %v, and for a while: %v, want %s alone, and not %s, which stood on the page before", again, missed, lost.ID, kept.ID)
	}
}

// The windows in which a replaced version could have been are not read in the order of their times.
func TestLedger_SaysWhenALaterSliceWasReadWithoutTheVersion(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user, made := c.s.Users()[0], c.clock.Now()
	message := c.change(`{"do":"create","user":"` + user + `"}`)
	slice := func(from, to time.Duration) string { return messages(user, between(made.Add(from), made.Add(to))) }
	c.readAll(slice(-time.Minute, time.Minute))
	c.clock.Add(time.Hour)
	c.change(`{"do":"edit","chatId":"` + message.ChatID + `","id":"` + message.ID + `"}`)
	c.readAll(slice(-time.Hour, -time.Minute))
	if again, _ := c.lacking(); len(again) > 0 {
		t.Errorf("%v is said to be missing in a slice that ends before it", again)
	}
	c.readAll(slice(-time.Minute, time.Minute))
	if again, _ := c.lacking(); !slices.Equal(again, []string{message.ID}) {
		t.Errorf("not shown any more: %v, want %s", again, message.ID)
	}
}

// A version belongs to a window by its time to the tick, and to a filter by its sender.
func TestLedger_KnowsWhatAReadingAskedFor(t *testing.T) {
	c := start(t, Config{Seed: 2, Users: 2, Chats: 1, Content: Content{FineTimes: 1}})
	user := c.s.Users()[0]
	var message Changed
	var m chatMessage
	for m.Modified == nil || len(*m.Modified) < len("2026-03-02T10:00:00.0001Z") { // one whose time is finer than a millisecond
		c.clock.Add(time.Second)
		message = c.change(`{"do":"create","user":"` + user + `"}`)
		for _, raw := range c.readAll(messages(user, "$top=100")) {
			if parse(t, raw).ID == message.ID {
				m = parse(t, raw)
			}
		}
	}
	at := time.UnixMilli(message.Time)
	var from struct{ User struct{ ID string } }
	if err := json.Unmarshal(m.From, &from); err != nil {
		t.Fatal(err)
	}
	c.clock.Add(time.Hour)
	c.change(`{"do":"edit","chatId":"` + message.ChatID + `","id":"` + message.ID + `"}`)
	for _, other := range c.s.Users() {
		if other != from.User.ID {
			c.readAll(messages(user, between(at.Add(-time.Minute), at.Add(time.Minute))+" and from/user/id eq '"+other+"'"))
		}
	}
	if again, _ := c.lacking(); slices.Contains(again, message.ID) {
		t.Error("a reading of another sender's messages is said to have lacked it")
	}
	c.readAll(messages(user, between(at, at.Add(time.Minute))+" and from/user/id eq '"+from.User.ID+"'"))
	if again, _ := c.lacking(); !slices.Contains(again, message.ID) {
		t.Error("a window that begins within its millisecond does not count")
	}
}

func TestLedger_LeavesOutMailboxesNobodyMayRead(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user, other := c.s.Users()[0], c.s.Users()[1]
	c.change(`{"do":"create","user":"` + user + `","delayMillisOf":{"` + other + `":60000}}`)
	if lines := c.ledger(); len(lines) != 1 || len(lines[0].Shown) != 0 {
		t.Errorf("ledger %+v, want a message that was not shown", lines)
	}
	c.adjust(Settings{Rates: map[string]float64{"access-forbidden": 1}})
	if lines := c.ledger(); len(lines) != 0 {
		t.Errorf("ledger %+v of what cannot be read", lines)
	}
}

func TestLedger_NamesEveryVersionShownAndWhatWasNot(t *testing.T) {
	c := start(t, Config{Seed: 13, Users: 4, Chats: 4, Rate: 40, Edits: 0.5, Content: Content{HTML: 0.5, System: 0.1, BadItems: 0.1, Escapes: 0.2}})
	c.clock.Add(10 * time.Second)
	at := c.clock.Now()
	users := c.s.Users()
	type shown struct{ hash, raw string }
	seen := map[string]shown{}
	for _, user := range users[:2] {
		for _, raw := range c.readAll(messages(user, "$top=33", between(at.Add(-time.Minute), at.Add(time.Minute)))) {
			m := parse(t, raw)
			sum, all := sha256.Sum256([]byte(m.Body.Content)), sha256.Sum256(raw)
			hash := hex.EncodeToString(sum[:])
			if m.Body.Content == "" {
				hash = ""
			}
			seen[m.ChatID+"/"+m.ID+"/"+m.Etag] = shown{hash, hex.EncodeToString(all[:])}
		}
	}
	var bad, unseen int
	for _, l := range c.ledger() {
		key := l.ChatID + "/" + l.ID + "/" + l.Etag
		got, ok := seen[key]
		if len(l.Shown) == 0 {
			unseen++
			if ok {
				t.Errorf("%s was shown, but not by the ledger", key)
			}
			continue
		}
		if !ok {
			t.Errorf("%s is in the ledger, but nobody saw it", key)
			continue
		}
		delete(seen, key)
		if l.BodySHA256 != got.hash {
			t.Errorf("%s: body hash %s, want %s", key, l.BodySHA256, got.hash)
		}
		if l.Bad != "" {
			bad++
			if l.SHA256 != got.raw || len(l.Shown) != 1 {
				t.Errorf("%s: hash %s of a bad item, want %s, shown %v", key, l.SHA256, got.raw, l.Shown)
			}
		}
		for _, s := range l.Shown {
			if !slices.Contains(users[:2], s.User) || !s.At.Equal(at) || s.To != at.Add(time.Minute).UnixMilli() || s.Cut {
				t.Errorf("%s: shown %+v", key, s)
			}
		}
	}
	for key := range seen {
		t.Errorf("%s is not in the ledger", key)
	}
	if bad == 0 || unseen == 0 {
		t.Errorf("%d bad items and %d unseen messages, want some of each", bad, unseen)
	}
}

func TestBadItems_AreStableAndOfEveryKind(t *testing.T) {
	c := start(t, Config{Seed: 17, Users: 3, Chats: 3, History: History{Messages: 400}, Content: Content{BadItems: 0.3}})
	items := map[string]int{}
	for _, user := range c.s.Users() {
		link := messages(user, "$top=1000")
		a, b := c.page(link), c.page(link)
		for i := range a.Value {
			if string(a.Value[i]) != string(b.Value[i]) {
				t.Errorf("the bytes of an item changed: %s and %s", a.Value[i], b.Value[i])
			}
			items[string(a.Value[i])]++
		}
	}
	kinds := map[string]int{}
	for _, l := range c.ledger() {
		if l.Bad != "" {
			kinds[l.Bad]++
		}
	}
	for k := kindNoID; k < kindRawControl; k++ {
		if kinds[k.bad()] < 5 {
			t.Errorf("%d items of kind %s", kinds[k.bad()], k.bad())
		}
	}
	for raw, n := range items {
		m := parse(t, json.RawMessage(raw))
		_, created := time.Parse(time.RFC3339Nano, m.Created)
		_, modified := time.Parse(time.RFC3339Nano, *m.Modified)
		if (m.ID == "" || m.ChatID == "" || created != nil || modified != nil) && n != 1 {
			t.Errorf("a bad item is in %d mailboxes: %s", n, raw)
		}
	}
}

func TestPrefer_SwitchesEvolvableMembers(t *testing.T) {
	c := start(t, Config{Seed: 19, Users: 2, Chats: 2, History: History{Messages: 300}, Content: Content{System: 0.3, Strangers: 0.5}})
	count := func() (words map[string]int) {
		words = map[string]int{}
		for _, raw := range c.readAll(messages(c.s.Users()[0], "$top=100")) {
			for _, word := range []string{`"messageType":"systemEventMessage"`, `"messageType":"unknownFutureValue"`, `"emailUser"`, `"userIdentityType":"unknownFutureValue"`} {
				if strings.Contains(string(raw), word) {
					words[word]++
				}
			}
		}
		return words
	}
	without := count()
	c.header.Set("Prefer", "odata.maxpagesize=5, Include-Unknown-Enum-Members")
	with := count()
	if without[`"messageType":"systemEventMessage"`] != 0 || without[`"emailUser"`] != 0 ||
		with[`"messageType":"systemEventMessage"`] == 0 || with[`"emailUser"`] == 0 || with[`"messageType":"unknownFutureValue"`] != 0 {
		t.Errorf("without the preference %v, with it %v", without, with)
	}
}

func TestUser_PathFormsInAnyCase(t *testing.T) {
	c := start(t, Config{Seed: 23, Users: 3, Chats: 3, History: History{Messages: 30}})
	id := c.s.Users()[2]
	want := c.get("/v1.0/users/" + id + "/chats/getAllMessages").body
	for _, path := range []string{
		"/V1.0/Users/" + strings.ToUpper(id) + "/CHATS/GETALLMESSAGES",
		"/v1.0/users('" + id + "')/chats/getallMessages",
		"/v1.0/users(%27" + id + "%27)/chats/getAllMessages()",
		"/v1.0/users/user3@contoso.example/chats/getAllMessages()",
		"/v1.0/users/User3@Contoso.Example/chats/microsoft.graph.getAllMessages()",
		"/v1.0/users('user3@contoso.example')/chats/allMessages",
	} {
		if got := c.get(path); got.status != http.StatusOK || string(got.body) != string(want) {
			t.Errorf("%s: %d, %d bytes, want %d", path, got.status, len(got.body), len(want))
		}
	}
	for path, status := range map[string]int{
		"/v1.0/users/user4@contoso.example/chats/getAllMessages":                     http.StatusNotFound,
		"/v1.0/users/00000000-0000-0000-0000-000000000000/chats/getAllMessages":      http.StatusNotFound,
		"/v1.0/chats/getAllMessages()":                                               http.StatusNotFound,
		"/v1.0/users/" + id + "/messages":                                            http.StatusNotFound,
		"/v1.0/users/" + id + "/chats/getAllMessages?$top=0":                         http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?$top=1001":                      http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?$select=id":                     http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?$skip=2":                        http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?$skiptoken=AAAA":                http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?$filter=":                       http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?$top=5&$top=6":                  http.StatusBadRequest,
		"/v1.0/users/" + id + "/chats/getAllMessages?model=A&%24top=5&unknown=thing": http.StatusOK,
	} {
		if got := c.get(path); got.status != status {
			t.Errorf("%s: %d, want %d: %s", path, got.status, status, got.body)
		}
	}
}

func TestAnswers_HaveGraphsHeaders(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	for _, link := range []string{messages(c.s.Users()[0]), "/v1.0/nothing"} {
		c.header.Set("client-request-id", "")
		h := c.get(link).header
		if id := h.Get("request-id"); len(id) != 36 || h.Get("client-request-id") != id {
			t.Errorf("%s: request-id %q, client-request-id %q", link, id, h.Get("client-request-id"))
		}
		c.header.Set("client-request-id", "mine")
		if h = c.get(link).header; h.Get("client-request-id") != "mine" || h.Get("request-id") == "mine" {
			t.Errorf("%s: the client's id came back as %q", link, h.Get("client-request-id"))
		}
		if !strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Cache-Control") != "private" ||
			h.Get("Strict-Transport-Security") != "max-age=31536000" || !json.Valid([]byte(h.Get("x-ms-ags-diagnostic"))) {
			t.Errorf("%s: headers %v", link, h)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.s.URL()+messages(c.s.Users()[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", resp.StatusCode)
	}
}

func TestMe_IsRefusedAsDelegated(t *testing.T) {
	c := start(t, Config{})
	if a := c.get("/v1.0/me/chats/getAllMessages"); a.status != http.StatusPreconditionFailed || !strings.Contains(string(a.body), "PreconditionFailed") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSeed_GivesTheSameBytes sends two simulators with one seed the same requests at the same times, and compares all that
// they answer, with everything switched on.
func TestSeed_GivesTheSameBytes(t *testing.T) {
	cfg := Defaults()
	cfg.Users, cfg.Rate, cfg.History, cfg.Limits.PerSecond = 5, 200, History{Messages: 300}, 30
	cfg.Faults.HangFor = time.Millisecond
	for _, b := range cfg.behaviors() {
		switch {
		case b.name == "fault-slow": // takes its time
		case b.name == "mailbox-poison-stretch": // leaves nothing of a request without a window
		case b.name == "mailbox-poison-item":
			*b.rate = 0.001
		case strings.HasPrefix(b.name, "fault-") || b.name == "quirk-stale-token" || b.name == "quirk-foreign-link":
			*b.rate = 0.02
		case b.name != "directory-disabled" && *b.rate == 0:
			*b.rate = 0.1
		}
	}
	answers := func(polledMore bool) (all []string, items map[string]bool) {
		c := start(t, cfg)
		items = map[string]bool{}
		type served struct {
			*httptest.ResponseRecorder
			request *http.Request
		}
		serve := func(link string) *served {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, strings.ReplaceAll(link, " ", "%20"), nil)
			r.Header.Set("Authorization", "Bearer "+c.token)
			w := httptest.NewRecorder()
			defer func() { _ = recover() }() // a connection that is cut
			c.s.ServeHTTP(w, r)
			return &served{w, r}
		}
		ask := func(link string) string {
			w := serve(link)
			if w == nil {
				all = append(all, "cut")
				return ""
			}
			header, err := json.Marshal(w.Header())
			if err != nil {
				t.Fatal(err)
			}
			body := strings.ReplaceAll(w.Body.String(), c.s.URL(), "https://graph")
			all = append(all, strconv.Itoa(w.Code)+" "+strings.ReplaceAll(string(header), c.s.URL(), "https://graph")+" "+body)
			var e envelope
			if json.Unmarshal(w.Body.Bytes(), &e) != nil || e.link() == "" || strings.HasPrefix(e.link(), foreignRoot) {
				return ""
			}
			next, err := w.request.URL.Parse(strings.ReplaceAll(e.link(), " ", "%20")) // it may be relative
			if err != nil {
				t.Fatal(err)
			}
			return next.String()
		}
		for range 15 {
			c.clock.Add(600 * time.Millisecond)
			if polledMore {
				ask(messages(c.s.Users()[0]))
			}
			c.clock.Add(100 * time.Millisecond)
			for _, user := range c.s.Users() {
				link := messages(user, "$top=50")
				for range 12 {
					if link = ask(link); link == "" {
						break
					}
				}
			}
			ask(messages(c.s.Users()[0], "$top=0", "$select=id", "$orderby=id", "$expand=replies"))
			ask("/v1.0/users?$top=0&$select=nothing&$filter=nothing&$count=maybe")
			ask("/v1.0/users?$top=3")
			ask("/_sim/stats")
		}
		ask("/_sim/ledger")
		ask("/_sim/chats")
		c.s.model.mu.Lock()
		defer c.s.model.mu.Unlock()
		for user := range c.s.model.mailboxes {
			for _, copied := range c.s.model.mailboxes[user].copies {
				it := c.s.model.item(copied.message, copied.seq)
				it.modified = copied.modified
				items[c.s.model.userIDs[user].String()+string(c.s.renderer.appendItem(nil, &it, true))] = true
			}
		}
		return all, items
	}
	first, items := answers(false)
	again, _ := answers(false)
	if len(first) < 100 || len(first) != len(again) {
		t.Fatalf("%d answers and %d answers", len(first), len(again))
	}
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("answer %d is\n%.2000s\nand\n%.2000s", i, first[i], again[i])
		}
	}
	if _, more := answers(true); !maps.Equal(items, more) {
		t.Errorf("%d items and %d items: who asks in between changes what there is", len(items), len(more))
	}
}

// TestSeed_GivesTheSameTenantAtAnotherTime: a simulator on the real clock has the same people saying the same things
// whenever it is started.
func TestSeed_GivesTheSameTenantAtAnotherTime(t *testing.T) {
	read := func(later time.Duration) (texts []string) {
		clock := &handClock{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC).Add(later)}
		s, err := Start(Config{Seed: 61, Now: clock.Now, Users: 4, Chats: 4, Rate: 20, Edits: 0.5, History: History{Messages: 50}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		c := &client{t: t, s: s, clock: clock, http: trusting(t, s), header: http.Header{}}
		c.token = c.login()
		clock.Add(10 * time.Second)
		for _, user := range s.Users() {
			for _, raw := range c.readAll(messages(user, "$top=100")) {
				m := parse(t, raw)
				texts = append(texts, user+" "+m.ChatID+" "+m.Body.Content)
			}
		}
		return texts
	}
	if a, b := read(0), read(1234567*time.Millisecond); len(a) < 200 || !slices.Equal(a, b) {
		t.Errorf("%d items and %d items from one seed", len(a), len(b))
	}
}

func TestHost_StandsInLinksAndCertificate(t *testing.T) {
	c := realClock(t, Config{Users: 2, Chats: 1, History: History{Messages: 20}, Address: "127.0.0.1:0", Host: "localhost"})
	token, err := c.s.AccessToken([]string{"Chat.Read.All"}, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.token = token
	if items := c.readAll(messages(c.s.Users()[0])); len(items) != 20 || !strings.HasPrefix(c.s.URL(), "https://localhost:") {
		t.Errorf("%d items from %s", len(items), c.s.URL())
	}
}

func TestDir_GetsTheCertificateAuthority(t *testing.T) {
	dir := t.TempDir()
	c := start(t, Config{Dir: dir})
	data, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil || string(data) != string(c.s.CAPEM()) {
		t.Errorf("ca.pem has %d bytes, %v", len(data), err)
	}
}
