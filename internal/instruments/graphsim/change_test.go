package graphsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func (c *client) post(path, body string) answer {
	c.t.Helper()
	resp, err := c.http.Post(c.s.URL()+path, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: data, err: err}
}

func (c *client) change(body string) Changed {
	c.t.Helper()
	a := c.post("/_sim/changes", body)
	var changed Changed
	if err := json.Unmarshal(a.body, &changed); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("%s: %d %s %v", body, a.status, a.body, err)
	}
	return changed
}

func TestChange_LifeOfAMessage(t *testing.T) {
	c := start(t, Config{Users: 3, Chats: 3})
	chat := c.s.Chats()[0]
	reader := chat.Members[1]
	made := c.change(`{"do":"create","chatId":"` + chat.ChatID + `","content":"<p>first</p>","contentType":"html"}`)
	if made.ChatID != chat.ChatID || made.Seq != 1 || made.Etag != made.ID || made.Time != c.clock.Now().UnixMilli() {
		t.Errorf("created %+v", made)
	}
	same := `"chatId":"` + made.ChatID + `","id":"` + made.ID + `"}`
	last := made
	for _, step := range []struct{ do, extra, content, contentType string }{
		{"react", "", "<p>first</p>", "html"},
		{"edit", `"content":"second",`, "second", "text"},
		{"unreact", "", "second", "text"},
		{"delete", "", "second", "text"},
	} {
		c.clock.Add(time.Second)
		next := c.change(`{"do":"` + step.do + `",` + step.extra + same)
		if next.Seq != last.Seq+1 || number(t, next.Etag) <= number(t, last.Etag) || next.Time != c.clock.Now().UnixMilli() {
			t.Errorf("%s: %+v after %+v", step.do, next, last)
		}
		last = next
		items := c.readAll(messages(reader))
		if len(items) != 1 {
			t.Fatalf("%s: %d items", step.do, len(items))
		}
		m := parse(t, items[0])
		if m.Etag != next.Etag || m.Body.Content != step.content || m.Body.ContentType != step.contentType || (m.Deleted != nil) != (step.do == "delete") {
			t.Errorf("%s: %s", step.do, items[0])
		}
		if bytes.Contains(items[0], []byte(`"reactions":[]`)) != (step.do == "unreact" || step.do == "delete") {
			t.Errorf("%s: %s", step.do, items[0])
		}
	}
	for body, status := range map[string]int{
		`{"do":"edit",` + same: 400, `{"do":"vanish"}`: 400, `{"do":"create","chatId":"19:nothing@thread.v2"}`: 400, `{`: 400,
		`{"do":"create","user":"` + reader + `","unknown":1}`: 400, `{"do":"create","user":"` + reader + `","delayMillis":-1}`: 400,
		`{"do":"create","user":"` + reader + `","bad":"no-such"}`: 400, `{"do":"create","user":"` + reader + `"}{}`: 400,
		`{"do":"create","user":"` + reader + `","contentType":"rtf"}`: 400, `{"do":"remove","user":"nobody"}`: 400,
	} {
		if a := c.post("/_sim/changes", body); a.status != status {
			t.Errorf("%s: %d, want %d", body, a.status, status)
		}
	}
}

// A message of very many versions is counted like any other.
func TestStats_CountEachVersionOnce(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user := c.s.Users()[0]
	made := c.change(`{"do":"create","user":"` + user + `"}`)
	for n := range 70 {
		for _, reader := range c.s.Users() {
			c.readAll(messages(reader))
			c.readAll(messages(reader))
		}
		if exposed := c.stats().Exposed; exposed != int64(n+1) {
			t.Fatalf("%d versions were shown, %d are counted", n+1, exposed)
		}
		c.clock.Add(time.Second)
		c.change(`{"do":"edit","chatId":"` + made.ChatID + `","id":"` + made.ID + `"}`)
	}
}

func TestChange_DelaysOfSingleCopies(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	users := c.s.Users()
	c.change(`{"do":"create","user":"` + users[0] + `","delayMillis":1000,"delayMillisOf":{"` + users[1] + `":60000}}`)
	count := func() (n [2]int) {
		for i, user := range users {
			n[i] = len(c.readAll(messages(user)))
		}
		return n
	}
	for _, step := range []struct {
		wait time.Duration
		want [2]int
	}{{0, [2]int{0, 0}}, {time.Second, [2]int{1, 0}}, {58 * time.Second, [2]int{1, 0}}, {time.Second, [2]int{1, 1}}} {
		c.clock.Add(step.wait)
		if got := count(); got != step.want {
			t.Errorf("%d items, want %d", got, step.want)
		}
	}
}

func TestChange_BadAndSystemItems(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	user := c.s.Users()[0]
	for k := kindNoID; k < kindEnd; k++ {
		c.clock.Add(time.Second)
		c.change(`{"do":"create","user":"` + user + `","bad":"` + k.bad() + `"}`)
	}
	system := c.change(`{"do":"create","user":"` + user + `","system":true}`)
	if a := c.post("/_sim/changes", `{"do":"react","chatId":"`+system.ChatID+`","id":"`+system.ID+`"}`); a.status != http.StatusBadRequest {
		t.Errorf("a reaction to a system message: %d", a.status)
	}
	var bad []string
	for _, l := range c.ledger() {
		if l.Bad != "" {
			bad = append(bad, l.Bad)
		}
	}
	if len(bad) != int(kindEnd-kindNoID) {
		t.Errorf("bad items %v", bad)
	}
}

func TestChange_TooSoonForSkewedCopies(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, Quirks: Quirks{TimeSkew: 0.5}})
	made, err := c.s.Apply(Change{Do: "create", User: c.s.Users()[0]})
	if err != nil {
		t.Fatal(err)
	}
	edit := Change{Do: "edit", ChatID: made.ChatID, ID: made.ID}
	if _, err := c.s.Apply(edit); !errors.Is(err, ErrTooSoon) {
		t.Errorf("%v", err)
	}
	c.clock.Add(10 * time.Millisecond)
	if _, err := c.s.Apply(edit); err != nil {
		t.Error(err)
	}
}

func TestSettings_ChangeWhileRunning(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1})
	link := messages(c.s.Users()[0])
	for body, want := range map[string]int{
		`{"rates":{"fault-500":1}}`: http.StatusNoContent, `{"rates":{"no-such-thing":1}}`: 400, `{"rates":{"fault-502":1}}`: 400, // more than 1 in all
		`{"rates":{"content-html":1}}`: 400, `{"rates":{"fault-500":2}}`: 400, `{"payment":"gold"}`: 400, `[]`: 400,
	} {
		c.adjust(Settings{Rates: map[string]float64{"fault-500": 1, "fault-502": 0}})
		if a := c.post("/_sim/settings", body); a.status != want {
			t.Errorf("%s: %d %s, want %d", body, a.status, a.body, want)
		}
	}
	if a := c.get(link); a.status != http.StatusInternalServerError {
		t.Errorf("%d", a.status)
	}
	if a := c.post("/_sim/settings", `{"rates":{"fault-500":0}}`); a.status != http.StatusNoContent {
		t.Errorf("%d", a.status)
	}
	if a := c.get(link); a.status != http.StatusOK {
		t.Errorf("%d", a.status)
	}
	var list []Behavior
	if err := json.Unmarshal(c.get("/_sim/behaviors").body, &list); err != nil || len(list) != len(Behaviors()) {
		t.Errorf("%d behaviors, %v", len(list), err)
	}
}

func TestAccess_RefusalsPerTokenAndTenant(t *testing.T) {
	c := start(t, Config{Users: 2, Chats: 1, History: History{Messages: 20}, Access: Access{EvaluationCapacity: 15}})
	link := messages(c.s.Users()[0])
	refused := func(status int, words string) {
		t.Helper()
		if a := c.get(link); a.status != status || !strings.Contains(string(a.body), words) {
			t.Errorf("%d %s, want %d with %q", a.status, a.body, status, words)
		}
	}
	token := func(roles []string, delegated bool) {
		t.Helper()
		body, err := json.Marshal(tokenRequest{Roles: roles, Delegated: delegated})
		if err != nil {
			t.Fatal(err)
		}
		var given struct {
			AccessToken string `json:"access_token"`
		}
		if err := json.Unmarshal(c.post("/_sim/tokens", string(body)).body, &given); err != nil {
			t.Fatal(err)
		}
		c.token = given.AccessToken
	}
	good := c.token
	token([]string{"User.Read.All"}, false)
	refused(http.StatusForbidden, "API required one of 'Chat.Read.All, Chat.ReadWrite.All'. Roles on the request 'User.Read.All'")
	token(nil, false)
	refused(http.StatusForbidden, "No authorization information present on the request.")
	token([]string{"Chat.Read"}, true)
	refused(http.StatusPreconditionFailed, "delegated")
	known := link
	link = messages("00000000-0000-0000-0000-000000000000")
	refused(http.StatusPreconditionFailed, "delegated") // who may not ask does not learn who exists
	token([]string{"Chat.ReadWrite.All"}, false)
	refused(http.StatusNotFound, "Resource not found.")
	link = messages("00000000-0000-0000-0000-000000000000", "$select=id")
	refused(http.StatusBadRequest, "not allowed")
	link = known
	refused(http.StatusOK, `"value"`)
	c.token = good
	for payment, words := range map[string]string{"subscription": "must be associated with an Azure subscription", "license": "the user needs a valid license", "tenant": "tenant needs a valid license"} {
		c.adjust(Settings{Payment: &payment})
		refused(http.StatusPaymentRequired, words)
	}
	evaluation := "evaluation"
	c.adjust(Settings{Payment: &evaluation})
	refused(http.StatusOK, `"value"`) // 10 were sent before, 20 after this
	refused(http.StatusPaymentRequired, "evaluation mode capacity has been exceeded")
	link += "model=B"
	refused(http.StatusOK, `"value"`)
	none := ""
	c.adjust(Settings{Payment: &none, Roles: []string{}})
	c.token = c.login()
	refused(http.StatusForbidden, "No authorization information")
}

func TestAccess_SharesOfUsers(t *testing.T) {
	c := start(t, Config{Seed: 53, Users: 300, Access: Access{Forbidden: 0.2, Unlicensed: 0.2, NoMailbox: 0.2}})
	count := map[string]int{}
	for _, user := range c.s.Users() {
		a := c.get(messages(user))
		var body struct{ Error struct{ Message string } }
		if err := json.Unmarshal(a.body, &body); err != nil {
			t.Fatal(err)
		}
		count[body.Error.Message]++
	}
	for _, e := range []graphError{errForbidden, errUnlicensed, errNoUser, {}} {
		if n := count[e.message]; n < 30 || n > 160 {
			t.Errorf("%d users get %q", n, e.message)
		}
	}
}

func TestConfig_ErrorsAreNamedTogether(t *testing.T) {
	err := Config{
		Users: -1, MaxMembers: -1, Rate: -1, Edits: 11, Lateness: Lateness{Max: 25 * time.Hour}, Access: Access{Payment: "cash"},
		Content: Content{HTML: 1.5}, Faults: EveryFault(0.5),
	}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range []string{"Users", "MaxMembers", "Rate", "Edits", "Lateness.Max", "Payment", "content-html", "add up"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not named in %v", word, err)
		}
	}
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	if _, err := Start(Config{Users: -1}); err == nil {
		t.Error("started all the same")
	}
}

func TestBehaviors_HaveNamesOfTheirOwn(t *testing.T) {
	var names []string
	for _, b := range Behaviors() {
		if b.Summary == "" || strings.Contains(b.Summary, "\n") || b.Default < 0 || b.Default > 1 {
			t.Errorf("%+v", b)
		}
		names = append(names, b.Name)
		cfg := Config{}
		if err := cfg.SetRate(b.Name, 0.5); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("%v", names)
	}
	cfg := Config{}
	if err := cfg.SetRate("quirk-unheard-of", 1); err == nil || !strings.Contains(err.Error(), "quirk-empty-page") {
		t.Errorf("%v", err)
	}
}
