package graphsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHang_AMailboxAnswersLateAndTheOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, Config{Users: 20, Chats: 40, Rate: 0.1, Mailboxes: Mailboxes{Hang: 0.3}, Faults: Faults{HangFor: 90 * time.Second}}, 0)
		users, hanging := c.s.Users(), 0
		for _, user := range users {
			began := time.Now()
			c.page(messages(user))
			switch took := time.Since(began); took {
			case 90 * time.Second:
				hanging++
			case 0:
			default:
				t.Errorf("a request took %v", took)
			}
		}
		if hanging < 2 || hanging > 12 {
			t.Errorf("%d of 20 mailboxes hang, want about 6", hanging)
		}
		// The same user hangs again, unless the setting of a single user says otherwise.
		c.adjust(Settings{Rates: map[string]float64{"mailbox-hang": 1}, Users: map[string]*UserSettings{users[0]: {Rates: map[string]float64{"mailbox-hang": 0}}}})
		began := time.Now()
		if c.page(messages(users[0])); time.Since(began) != 0 {
			t.Error("a user whose own rate is 0 hangs")
		}
		c.adjust(Settings{Rates: map[string]float64{"mailbox-hang": 0}, Users: map[string]*UserSettings{
			users[0]: {Rates: map[string]float64{"fault-hang": 1}, HangMillis: 7000},
		}})
		began = time.Now()
		if c.page(messages(users[0])); time.Since(began) != 7*time.Second {
			t.Errorf("a request took %v, want the user's own 7s", time.Since(began))
		}
		began = time.Now()
		if c.page(messages(users[1])); time.Since(began) != 0 {
			t.Error("another user hangs too")
		}
	})
}

func TestHang_AClientThatHangsUpIsShownNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, Config{Users: 1, Chats: 1, MaxMembers: 1, History: History{Messages: 5}, Mailboxes: Mailboxes{Hang: 1}}, 0)
		c.http.Timeout = time.Minute
		if a := c.get(messages(c.s.Users()[0])); a.err == nil {
			t.Fatalf("answered %d within the timeout", a.status)
		}
		time.Sleep(time.Hour)
		c.http.Timeout = 0
		for _, line := range c.ledger() {
			if len(line.Shown) > 0 {
				t.Errorf("%s was shown", line.ID)
			}
		}
	})
}

func TestAnswer_OneUserGetsItAndNobodyElse(t *testing.T) {
	c := start(t, Config{Users: 3, Chats: 3, History: History{Messages: 30}})
	users := c.s.Users()
	body := `{"odd":true}`
	for _, test := range []struct {
		answer  Answer
		body    string
		headers http.Header
	}{
		{Answer{Status: 400, Code: "BadRequest", Message: "Invalid $filter query."}, `"message":"Invalid $filter query."`, nil},
		{Answer{Status: 401, Code: "InvalidAuthenticationToken"}, `"code":"InvalidAuthenticationToken"`, nil},
		{Answer{Status: 402, Code: "PaymentRequired"}, `"code":"PaymentRequired"`, nil},
		{Answer{Status: 404, Code: "NotFound"}, `"code":"NotFound"`, nil},
		{Answer{Status: 412, Code: "PreconditionFailed"}, `"code":"PreconditionFailed"`, nil},
		{Answer{Status: 429, Headers: http.Header{"retry-after": {"30", "120"}}}, `"error"`, http.Header{"Retry-After": {"30", "120"}}},
		{Answer{Status: 503, Headers: http.Header{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}}, `"error"`, http.Header{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}},
		{Answer{Status: 200, Body: &body, Headers: http.Header{"Content-Type": {"text/plain"}}}, body, http.Header{"Content-Type": {"text/plain"}}},
	} {
		t.Run(strconv.Itoa(test.answer.Status), func(t *testing.T) {
			c.adjust(Settings{Users: map[string]*UserSettings{users[1]: {Answer: &test.answer}}})
			for range 3 {
				a := c.get(messages(users[1]))
				if a.status != test.answer.Status || !bytes.Contains(a.body, []byte(test.body)) {
					t.Errorf("%d %s", a.status, a.body)
				}
				for name, values := range test.headers {
					if !slices.Equal(a.header[name], values) {
						t.Errorf("%s is %q, want %q", name, a.header[name], values)
					}
				}
			}
			c.page(messages(users[0]))
			c.page(messages(users[2]))
		})
	}
	c.adjust(Settings{Users: map[string]*UserSettings{users[1]: nil}})
	c.page(messages(users[1]))
}

// poisonedTenant is one user with a message each second, whose own mailbox is the only one.
func poisonedTenant(t *testing.T, n int) (c *client, user string, all []chatMessage) {
	c = start(t, Config{Seed: 5, Users: 1, Chats: 1, MaxMembers: 1, History: History{Messages: n, Reach: time.Duration(n) * time.Second}})
	user = c.s.Users()[0]
	// Read as another simulator shows it, so that this one has shown nothing yet.
	other := start(t, Config{Seed: 5, Users: 1, Chats: 1, MaxMembers: 1, History: History{Messages: n, Reach: time.Duration(n) * time.Second}})
	for _, raw := range other.readAll(messages(user, "$top=50")) {
		all = append(all, parse(t, raw))
	}
	slices.SortFunc(all, func(a, b chatMessage) int { return strings.Compare(a.Created, b.Created) })
	return c, user, all
}

func created(t *testing.T, m chatMessage) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, m.Created)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPoison_AStretchFailsForEveryWindowThatTouchesIt(t *testing.T) {
	c, user, all := poisonedTenant(t, 100)
	from, to := created(t, all[40]), created(t, all[45])
	c.adjust(Settings{Users: map[string]*UserSettings{user: {Poison: []Poison{{From: from.UnixMilli(), To: to.UnixMilli(), Status: 504}}}}})
	read := func(from, to time.Time) int { return c.get(messages(user, between(from, to))).status }
	begin, end := created(t, all[0]).Add(-time.Second), created(t, all[99]).Add(time.Second)
	for _, window := range []struct {
		from, to time.Time
		status   int
	}{
		{begin, end, 504},
		{begin, from, 200}, // both bounds are exclusive
		{begin, from.Add(time.Millisecond), 504},
		{from.Add(-time.Millisecond), from.Add(time.Millisecond), 504},
		{to.Add(-2 * time.Millisecond), to, 504},
		{to.Add(-time.Millisecond), to.Add(time.Millisecond), 200},
		{to.Add(-time.Millisecond), end, 200},
	} {
		if got := read(window.from, window.to); got != window.status {
			t.Errorf("%v to %v relative to the stretch: %d, want %d", window.from.Sub(from), window.to.Sub(to), got, window.status)
		}
	}
	if got := c.get(messages(user)).status; got != 504 {
		t.Errorf("without a window: %d", got)
	}
	// What is beside it can be read, what is in it is shown to nobody and is named as unreadable.
	c.readAll(messages(user, between(begin, from)))
	c.readAll(messages(user, between(to.Add(-time.Millisecond), end)))
	hidden := unreadable(t, c, user)
	for i, m := range all {
		if in := !created(t, m).Before(from) && created(t, m).Before(to); in != hidden[m.ID] {
			t.Errorf("message %d: unreadable is %v, in the stretch is %v", i, hidden[m.ID], in)
		}
	}
	c.adjust(Settings{Users: map[string]*UserSettings{user: nil}})
	if got := len(c.readAll(messages(user))); got != 100 {
		t.Errorf("%d items after the poison is gone", got)
	}
}

// unreadable are the messages that the ledger says nobody can read.
func unreadable(t *testing.T, c *client, user string) map[string]bool {
	t.Helper()
	hidden := map[string]bool{}
	for _, line := range c.ledger() {
		for _, h := range line.Unreadable {
			if h.User != user || h.Time != line.Time || len(line.Shown) > 0 {
				t.Errorf("%+v", line)
			}
			hidden[line.ID] = true
		}
	}
	return hidden
}

func TestPoison_AnItemFailsWithItsPage(t *testing.T) {
	c, user, all := poisonedTenant(t, 100)
	poison := all[30]
	c.adjust(Settings{Users: map[string]*UserSettings{user: {Poison: []Poison{{ChatID: poison.ChatID, ID: poison.ID}}}}})
	at := created(t, poison)
	begin, end := created(t, all[0]).Add(-time.Second), created(t, all[99]).Add(time.Second)

	// Page by page: those in front of it succeed, and the links lead no further.
	link, pages := messages(user, "$top=1", between(begin, end)), 0
	var failed answer
	for link != "" {
		if failed = c.get(link); failed.status != http.StatusOK {
			break
		}
		var e envelope
		if err := json.Unmarshal(failed.body, &e); err != nil {
			t.Fatal(err)
		}
		pages++
		link = e.link()
	}
	if failed.status < 500 || pages == 100 {
		t.Errorf("%d after %d pages", failed.status, pages)
	}
	if again := c.get(link); again.status != failed.status {
		t.Errorf("%d, then %d", failed.status, again.status)
	}
	got := len(c.readAll(messages(user, between(begin, at)))) + len(c.readAll(messages(user, between(at, end))))
	if got != 99 {
		t.Errorf("%d items beside it", got)
	}
	if a := c.get(messages(user, "$top=1", between(at.Add(-time.Millisecond), at.Add(time.Millisecond)))); a.status != failed.status {
		t.Errorf("its own millisecond: %d", a.status)
	}
	if hidden := unreadable(t, c, user); len(hidden) != 1 || !hidden[poison.ID] {
		t.Errorf("unreadable are %v, want %s", hidden, poison.ID)
	}
}

func TestPoison_APlaceFailsInLongWindowsOnly(t *testing.T) {
	c, user, all := poisonedTenant(t, 100)
	c.adjust(Settings{Users: map[string]*UserSettings{user: {Poison: []Poison{{Place: 31}}}}})
	begin, middle, end := created(t, all[0]).Add(-time.Second), created(t, all[30]), created(t, all[99]).Add(time.Second)
	if a := c.get(messages(user, "$top=30", between(begin, end))); a.status != http.StatusOK {
		t.Errorf("the pages in front of it: %d", a.status)
	}
	if a := c.get(messages(user, "$top=31", between(begin, end))); a.status < 500 {
		t.Errorf("a page that holds it: %d", a.status)
	}
	if n := len(c.readAll(messages(user, "$top=50", between(begin, middle)))); n != 30 {
		t.Errorf("%d items of a window that ends before it", n)
	}
	if hidden := unreadable(t, c, user); len(hidden) != 0 {
		t.Errorf("%v are called unreadable, though shorter windows show them", slices.Collect(maps.Keys(hidden)))
	}
}

// TestPoison_ByRatesIsTheSameForEver reads a tenant with every kind of poison as a patient client does: by halving.
func TestPoison_ByRatesIsTheSameForEver(t *testing.T) {
	c := start(t, Config{Seed: 8, Users: 3, Chats: 6, MaxMembers: 1, History: History{Messages: 1000, Reach: 6 * time.Hour}, Mailboxes: Mailboxes{
		PoisonStretch: 0.00004, PoisonFor: 20 * time.Millisecond, PoisonItem: 0.004, PoisonPage: 0.5, PoisonOffset: 20,
	}})
	now := c.clock.Now()
	var gaps int
	var read func(user string, from, to time.Time) // both excluded
	read = func(user string, from, to time.Time) {
		link := messages(user, "$top=50", between(from, to))
		for link != "" {
			a := c.get(link)
			if a.status == http.StatusOK {
				var e envelope
				if err := json.Unmarshal(a.body, &e); err != nil {
					t.Fatal(err)
				}
				link = e.link()
				continue
			}
			if b := c.get(link); b.status != a.status {
				t.Errorf("%d, then %d", a.status, b.status)
			}
			middle := from.Add(to.Sub(from) / 2).Truncate(time.Millisecond)
			if to.Sub(from) <= 2*time.Millisecond {
				gaps++
				return
			}
			read(user, from, middle.Add(time.Millisecond))
			read(user, middle, to)
			return
		}
	}
	for _, user := range c.s.Users() {
		read(user, now.Add(-7*time.Hour), now)
	}
	unseen, hidden := 0, 0
	for _, line := range c.ledger() {
		switch {
		case len(line.Shown) > 0 && len(line.Unreadable) > 0:
			t.Errorf("shown and unreadable: %+v", line)
		case len(line.Unreadable) > 0:
			hidden++
		case len(line.Shown) == 0:
			unseen++
		}
	}
	if unseen > 0 || hidden == 0 || gaps == 0 {
		t.Errorf("%d versions unseen, %d unreadable, %d gaps of a millisecond", unseen, hidden, gaps)
	}
}

func TestSettings_OfAUserAreRefusedWhole(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 5}})
	user := c.s.Users()[0]
	for name, settings := range map[string]UserSettings{
		"fixed":           {Rates: map[string]float64{"content-html": 1}},
		"unknown":         {Rates: map[string]float64{"fault-418": 1}},
		"status":          {Answer: &Answer{Status: 99}},
		"empty stretch":   {Poison: []Poison{{From: 5, To: 5}}},
		"two kinds":       {Poison: []Poison{{From: 5, To: 6, Place: 1}}},
		"no kind":         {Poison: []Poison{{}}},
		"no such message": {Poison: []Poison{{ChatID: "19:x", ID: "1"}}},
		"poison status":   {Poison: []Poison{{Place: 1, Status: 200}}},
		"too many faults": {Rates: map[string]float64{"fault-500": 0.6, "fault-502": 0.6}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.s.Adjust(Settings{Rates: map[string]float64{"fault-500": 1}, Users: map[string]*UserSettings{user: &settings}}); err == nil {
				t.Error("taken")
			}
			c.page(messages(user)) // nothing has changed, for anybody
		})
	}
	if err := c.s.Adjust(Settings{Users: map[string]*UserSettings{"nobody": {}}}); err == nil {
		t.Error("settings of nobody were taken")
	}
	if a := c.post("/_sim/settings", fmt.Sprintf(`{"users":{%q:{"answer":{"status":402},"poison":[{"place":1}]}}}`, user)); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := c.get(messages(user)); a.status != http.StatusPaymentRequired {
		t.Errorf("%d", a.status)
	}
	if a := c.post("/_sim/settings", fmt.Sprintf(`{"users":{%q:null}}`, user)); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c.page(messages(user))
}

func TestUnparsableItems_AreRefusedByStrictParsersAndNamedByTheirHash(t *testing.T) {
	c := start(t, Config{Users: 1, Chats: 1, MaxMembers: 1})
	user := c.s.Users()[0]
	delay := int64(0)
	for _, bad := range []string{"raw-control", "too-deep", "nan"} {
		if _, err := c.s.Apply(Change{Do: "create", User: user, Bad: bad, DelayMillis: &delay}); err != nil {
			t.Fatal(err)
		}
		c.clock.Add(time.Second)
		now := c.clock.Now()
		a := c.get(messages(user, between(now.Add(-time.Second-time.Millisecond), now)))
		var any struct{ Value []any }
		if err := json.Unmarshal(a.body, &any); err == nil {
			t.Errorf("%s: the page is parsed", bad)
		}
		_, item, _ := bytes.Cut(a.body, []byte(`"value":[`))
		sum := sha256.Sum256(bytes.TrimSuffix(item, []byte("]}")))
		lines := c.ledger()
		if i := slices.IndexFunc(lines, func(l LedgerLine) bool { return l.Bad == bad && l.SHA256 == hex.EncodeToString(sum[:]) }); i < 0 {
			t.Errorf("%s: the ledger has no such item", bad)
		}
	}
	// By a rate, all three kinds occur.
	c = start(t, Config{Users: 1, Chats: 1, MaxMembers: 1, History: History{Messages: 200}, Content: Content{Unparsable: 0.2}})
	c.readAllRaw(messages(c.s.Users()[0], "$top=50"))
	kinds := map[string]int{}
	for _, line := range c.ledger() {
		kinds[line.Bad]++
	}
	if len(kinds) != 4 || kinds[""] < 100 {
		t.Errorf("%v", kinds)
	}
}

// readAllRaw follows links without parsing pages.
func (c *client) readAllRaw(link string) {
	c.t.Helper()
	for link != "" {
		a := c.get(link)
		if a.err != nil || a.status != http.StatusOK {
			c.t.Fatal(errors.Join(a.err, fmt.Errorf("%d", a.status)))
		}
		_, rest, more := bytes.Cut(a.body, []byte(`"@odata.nextLink":"`))
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		if link = ""; more {
			link = string(text)
		}
	}
}
