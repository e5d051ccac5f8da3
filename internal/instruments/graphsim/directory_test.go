package graphsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type directoryPage struct {
	Context string            `json:"@odata.context"`
	Count   *int              `json:"@odata.count"`
	Link    string            `json:"@odata.nextLink"`
	Value   []json.RawMessage `json:"value"`
}

// listAll follows a listing and returns the ids, the first page and how many pages there were.
func (c *client) listAll(link string) (ids []string, first directoryPage, pages int) {
	c.t.Helper()
	for link != "" {
		a := c.get(link)
		var p directoryPage
		if err := json.Unmarshal(a.body, &p); err != nil || a.status != http.StatusOK {
			c.t.Fatalf("%s: %d %s", link, a.status, a.body)
		}
		if pages++; pages == 1 {
			first = p
		} else if p.Count != nil {
			c.t.Error("@odata.count after the first page")
		}
		for _, raw := range p.Value {
			var u struct{ ID string }
			if err := json.Unmarshal(raw, &u); err != nil {
				c.t.Fatal(err)
			}
			ids = append(ids, u.ID)
		}
		link = p.Link
	}
	return ids, first, pages
}

func TestDirectory_UsersInPages(t *testing.T) {
	c := start(t, Config{Users: 250, Chats: 1})
	ids, first, pages := c.listAll("/v1.0/users")
	if !slices.Equal(ids, c.s.Users()) || pages != 3 || len(first.Value) != 100 || first.Context != "https://graph.microsoft.com/v1.0/$metadata#users" {
		t.Errorf("%d users in %d pages", len(ids), pages)
	}
	if _, _, pages := c.listAll("/v1.0/users?$top=999&$select=id"); pages != 1 {
		t.Errorf("%d pages with $top=999", pages)
	}
	var user map[string]any
	if err := json.Unmarshal(first.Value[0], &user); err != nil || len(user) != defaultUserProperties || user["userType"] != nil {
		t.Errorf("user %v", user)
	}
	a := c.get("/v1.0/users/user7@contoso.example?$select=id,userType,accountEnabled,assignedPlans")
	if err := json.Unmarshal(a.body, &user); err != nil || user["id"] != c.s.Users()[6] || user["userType"] != "Member" {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.change(`{"do":"remove","user":"` + c.s.Users()[6] + `"}`)
	if ids, _, _ := c.listAll("/v1.0/users?$top=50"); len(ids) != 249 || slices.Contains(ids, c.s.Users()[6]) {
		t.Errorf("%d users after one was removed", len(ids))
	}
	if a := c.get(messages(c.s.Users()[6])); a.status != http.StatusOK {
		t.Errorf("%d for a removed user's messages", a.status)
	}
	c.change(`{"do":"restore","user":"user7@contoso.example"}`)
	if ids, _, _ := c.listAll("/v1.0/users"); len(ids) != 250 {
		t.Errorf("%d users after one was restored", len(ids))
	}
}

func TestDirectory_AdvancedQueriesNeedHeaderAndCountOnEachPage(t *testing.T) {
	c := start(t, Config{Users: 300, Chats: 1, Directory: Directory{Disabled: 0.3, Guests: 0.3, NoPlan: 0.3}})
	filter := "$filter=" + url.QueryEscape("accountEnabled eq true and assignedPlans/any(p:p/servicePlanId eq "+teamsPlan+" and p/capabilityStatus eq 'Enabled')")
	link := "/v1.0/users?$count=true&$top=20&$select=id,accountEnabled,assignedPlans&" + filter
	unsupported := func(link string) {
		t.Helper()
		if a := c.get(link); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "Request_UnsupportedQuery") {
			t.Errorf("%s: %d %s", link, a.status, a.body)
		}
	}
	unsupported(link) // no header
	c.header.Set("ConsistencyLevel", "eventual")
	unsupported(strings.Replace(link, "$count=true&", "", 1))
	ids, first, pages := c.listAll(link)
	if first.Count == nil || *first.Count != len(ids) || pages < 3 || len(ids) < 100 || len(ids) > 200 {
		t.Errorf("%d users in %d pages, count %v", len(ids), pages, first.Count)
	}
	for _, raw := range first.Value {
		if !strings.Contains(string(raw), `"accountEnabled":true`) || !strings.Contains(string(raw), teamsPlan) {
			t.Errorf("%s", raw)
		}
	}
	c.header.Del("ConsistencyLevel")
	unsupported(first.Link) // links carry no headers
	enabled, _, _ := c.listAll("/v1.0/users?$filter=accountEnabled%20eq%20true")
	disabled, _, _ := c.listAll("/v1.0/users?$filter=accountEnabled%20eq%20false")
	if len(enabled)+len(disabled) != 300 || len(disabled) < 50 {
		t.Errorf("%d enabled, %d disabled", len(enabled), len(disabled))
	}
	for _, query := range []string{"$top=1000", "$orderby=displayName", "$filter=department%20eq%20'x'", "$skip=1"} {
		unsupported("/v1.0/users?" + query)
	}
}

func TestDirectory_GroupMembers(t *testing.T) {
	c := start(t, Config{Users: 200, Chats: 1})
	group := c.s.Groups()[0]
	path := "/v1.0/groups/" + group + "/transitiveMembers"
	ids, first, _ := c.listAll(path)
	if len(ids) < 60 || len(ids) > 140 || !strings.HasPrefix(string(first.Value[0]), `{"@odata.type":"#microsoft.graph.user"`) {
		t.Errorf("%d members, %s", len(ids), first.Value[0])
	}
	if a := c.get(path + "/microsoft.graph.user?$count=true"); a.status != http.StatusBadRequest {
		t.Errorf("%d for a cast without the header", a.status)
	}
	c.header.Set("ConsistencyLevel", "eventual")
	cast, _, pages := c.listAll(path + "/microsoft.graph.user?$count=true&$top=30")
	if !slices.Equal(cast, ids) || pages < 3 {
		t.Errorf("%d members in %d pages, want %d", len(cast), pages, len(ids))
	}
	if a := c.get("/v1.0/groups/11111111-1111-4111-8111-111111111111/transitiveMembers"); a.status != http.StatusNotFound {
		t.Errorf("%d for an unknown group", a.status)
	}
	token, err := c.s.AccessToken([]string{"Chat.Read.All"}, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.token = token
	for _, link := range []string{path, "/v1.0/users"} {
		if a := c.get(link); a.status != http.StatusForbidden || !strings.Contains(string(a.body), "Authorization_RequestDenied") {
			t.Errorf("%s: %d %s", link, a.status, a.body)
		}
	}
}

func TestDirectory_DeletedUsersAreExportedFor30Days(t *testing.T) {
	c := start(t, Config{Users: 30, Chats: 20, History: History{Messages: 100}, Access: Access{TokenLifetime: 40 * 24 * time.Hour}})
	gone := c.s.Users()[3]
	const deleted = "/v1.0/directory/deletedItems/microsoft.graph.user?$top=1"
	if ids, _, _ := c.listAll(deleted); len(ids) != 0 {
		t.Errorf("deleted users %v", ids)
	}
	c.change(`{"do":"remove","user":"` + gone + `"}`)
	c.clock.Add(time.Hour)
	c.change(`{"do":"remove","user":"` + gone + `"}`) // changes nothing
	c.change(`{"do":"remove","user":"` + c.s.Users()[4] + `"}`)
	if ids, _, pages := c.listAll(deleted); !slices.Equal(ids, c.s.Users()[3:5]) || pages != 2 {
		t.Errorf("deleted users %v in %d pages", ids, pages)
	}
	if a := c.get("/v1.0/users/" + gone); a.status != http.StatusNotFound {
		t.Errorf("%d for a deleted user", a.status)
	}
	c.clock.Add(30*24*time.Hour - time.Hour - time.Second)
	if a := c.get(messages(gone)); a.status != http.StatusOK {
		t.Errorf("%d for the messages of a user deleted less than 30 days ago", a.status)
	}
	c.clock.Add(time.Second)
	if a := c.get(messages(gone)); a.status != http.StatusNotFound {
		t.Errorf("%d after 30 days", a.status)
	}
	if ids, _, _ := c.listAll(deleted); !slices.Equal(ids, c.s.Users()[4:5]) {
		t.Errorf("deleted users after 30 days: %v", ids)
	}
}
