package graphsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	someDates = "lastModifiedDateTime gt 2020-06-04T18:03:11.591Z and lastModifiedDateTime lt 2020-06-05T21:00:09.413Z"
	someUser  = "from/user/id eq '0b4f1cf6-54c8-4820-bbb7-2a1f4257ade5'"
	aGuest    = "from/user/userIdentityType eq 'anonymousGuest'"
	aBot      = "from/application/applicationIdentityType eq 'bot'"
	noSystem  = "messageType ne 'systemEventMessage'"
)

func TestFilter_Grammar(t *testing.T) {
	from := time.Date(2020, 6, 4, 18, 3, 11, 591e6, time.UTC).UnixMilli() * ticksPerMilli
	to := time.Date(2020, 6, 5, 21, 0, 9, 413e6, time.UTC).UnixMilli() * ticksPerMilli
	dated := window{from, to}
	for filter, want := range map[string]struct {
		win     window
		clauses int
	}{
		someDates:             {dated, 0},
		"(" + someDates + ")": {dated, 0},
		"lastModifiedDateTime lt 2020-06-05T21:00:09.413Z and lastModifiedDateTime gt 2020-06-04T18:03:11.591Z": {dated, 0},
		"  " + strings.ReplaceAll(someDates, " ", "   ") + " ":                                                  {dated, 0},
		someUser:                     {always, 1},
		someUser + " or " + someUser: {always, 2},
		aGuest + " or " + aBot + " or " + noSystem:                                                              {always, 3},
		"(" + aGuest + " or " + aBot + ") and " + someDates:                                                     {dated, 2},
		"(" + aGuest + " or (" + aBot + " or " + noSystem + ")) and (" + someDates + ")":                        {dated, 3},
		someDates + " and (" + aGuest + " or " + aBot + ")":                                                     {dated, 2},
		noSystem + " and " + someDates:                                                                          {dated, 1},
		"messageType eq 'systemEventMessage'":                                                                   {always, 1},
		"lastModifiedDateTime gt 2019-11-01T00:00:00Z and lastModifiedDateTime lt 2019-11-01T00:00:00.0000001Z": {window{15725664000000000, 15725664000000001}, 0},
	} {
		win, group, err := parseFilter(filter, false)
		clauses := 0
		if group != nil {
			clauses = len(group.any)
		}
		if err != nil || win != want.win || clauses != want.clauses {
			t.Errorf("%s: %v, %d clauses, %v; want %v, %d", filter, win, clauses, err, want.win, want.clauses)
		}
	}
	for _, filter := range []string{
		"", " ", "nonsense", "()", "(" + someDates, someDates + ")", someDates + " and", "and " + someDates,
		"lastModifiedDateTime gt 2020-06-04T18:03:11.591Z",
		"lastModifiedDateTime lt 2020-06-04T18:03:11.591Z",
		"lastModifiedDateTime gt 2020-06-04T18:03:11Z and lastModifiedDateTime gt 2020-06-05T18:03:11Z",
		strings.Replace(someDates, "gt", "ge", 1), strings.Replace(someDates, "lt", "le", 1),
		strings.Replace(someDates, "2020-06-04T18:03:11.591Z", "'2020-06-04T18:03:11.591Z'", 1),
		strings.Replace(someDates, "2020-06-04T18:03:11.591Z", "2020-06-04T18:03:11.591+02:00", 1),
		strings.Replace(someDates, "2020-06-04T18:03:11.591Z", "2020-06-04", 1),
		strings.Replace(someDates, ".591Z", ".12345678Z", 1),
		strings.Replace(someDates, ".591Z", ",591Z", 1),
		strings.Replace(someDates, "-06-04", "-13-04", 1),
		strings.Replace(someDates, " and ", " or ", 1),
		strings.Replace(someDates, "lastModified", "created", 2),
		someDates + " and " + someDates,
		someDates + " and " + aGuest + " and " + aBot, // no "and" between clauses
		aGuest + " or " + someDates,                   // "and" binds closer than "or"
		aGuest + " and " + aBot,
		"not (" + aGuest + ")", "messageType eq 'message'", "messageType eq systemEventMessage", "messageType gt 'systemEventMessage'",
		"from/user/userIdentityType eq 'emailUser'", "from/user/userIdentityType ne 'aadUser'", "from/user/id eq 'somebody'",
		"from/user/id eq ''0b4f1cf6-54c8-4820-bbb7-2a1f4257ade5''", "from/user/displayName eq 'Ada'", "messageType eq 'systemEventMessage", "'", "('",
		strings.Repeat("(", maxDepth+2) + someDates + strings.Repeat(")", maxDepth+2),
	} {
		if _, _, err := parseFilter(filter, false); !errors.Is(err, errFilter) {
			t.Errorf("%s: %v, want it refused", filter, err)
		}
	}
}

func TestFilter_RefusalHasTheReportedBody(t *testing.T) {
	c := start(t, Config{})
	a := c.get(messages(c.s.Users()[0], "$filter="+url.QueryEscape("lastModifiedDateTime gt 2020-06-04T18:03:11Z")))
	if a.status != http.StatusBadRequest || !strings.HasPrefix(string(a.body), `{"error":{"code":"BadRequest","message":"Invalid $filter query.","innerError":{"date":"2026-03-02T10:00:00","request-id":"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestFilter_GroupsApplyToItems(t *testing.T) {
	c := start(t, Config{Seed: 29, Users: 4, Chats: 3, History: History{Messages: 2000, Reach: time.Hour}, Content: Content{System: 0.1, Strangers: 0.5}})
	c.header.Set("Prefer", "include-unknown-enum-members")
	user := c.s.Users()[0]
	from := func(raw json.RawMessage) (id, userType, appType string, system bool) {
		var m struct {
			MessageType string
			From        *struct {
				User        *struct{ ID, UserIdentityType string }
				Application *struct{ ApplicationIdentityType string }
			}
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		if m.From != nil && m.From.User != nil {
			id, userType = m.From.User.ID, m.From.User.UserIdentityType
		}
		if m.From != nil && m.From.Application != nil {
			appType = m.From.Application.ApplicationIdentityType
		}
		return id, userType, appType, m.MessageType == systemEventMessage
	}
	all := c.readAll(messages(user, "$top=500"))
	dates := between(c.clock.Now().Add(-30*time.Minute), c.clock.Now())[len("$filter="):]
	for filter, wanted := range map[string]func(json.RawMessage) bool{
		aGuest + " or " + aBot: func(raw json.RawMessage) bool {
			_, u, a, _ := from(raw)
			return u == "anonymousGuest" || a == "bot"
		},
		noSystem:                              func(raw json.RawMessage) bool { _, _, _, s := from(raw); return !s },
		"messageType eq 'systemEventMessage'": func(raw json.RawMessage) bool { _, _, _, s := from(raw); return s },
		"from/user/id eq '" + strings.ToUpper(user) + "'": func(raw json.RawMessage) bool {
			id, _, _, _ := from(raw)
			return id == user
		},
		"(from/user/userIdentityType eq 'aadUser' or messageType eq 'systemEventMessage') and " + dates: func(raw json.RawMessage) bool {
			_, u, _, s := from(raw)
			return (s || u == "aadUser") && *parse(t, raw).Modified > c.clock.Now().Add(-30*time.Minute).Format("2006-01-02T15:04:05.000Z")
		},
	} {
		want := 0
		for _, raw := range all {
			if wanted(raw) {
				want++
			}
		}
		got := c.readAll(messages(user, "$top=100", "$filter="+url.QueryEscape(filter)))
		for _, raw := range got {
			if !wanted(raw) {
				t.Errorf("%s found %s", filter, raw)
			}
		}
		if len(got) != want || want == 0 || want == len(all) {
			t.Errorf("%s: %d items, want %d of %d", filter, len(got), want, len(all))
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		someDates, "(" + aGuest + " or " + aBot + ") and " + someDates, someUser, noSystem, "((", "'''", "a eq 'it''s'",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		win, group, err := parseFilter(text, false)
		if err != nil {
			if !errors.Is(err, errFilter) || win != always || group != nil {
				t.Errorf("%v %v %v", win, group, err)
			}
			return
		}
		// What is accepted is accepted again in parentheses, and means the same.
		again, sameGroup, err := parseFilter("( "+text+" )", false)
		if err != nil || again != win || sameGroup.String() != group.String() {
			t.Errorf("%q in parentheses: %v", text, err)
		}
		if (win.from == always.from) != (win.to == always.to) {
			t.Errorf("%q has one bound", text)
		}
	})
}
