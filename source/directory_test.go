package source

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// inProcess is a Graph simulator and a client of it, without a network between them.
func inProcess(t *testing.T, cfg graphsim.Config, roles ...string) (*graphsim.Server, *Client) {
	t.Helper()
	sim, err := graphsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if roles != nil {
		if err := sim.Adjust(graphsim.Settings{Roles: roles}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := url.Parse(sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	http := &http.Client{Transport: sim.Transport(0)}
	tokens := NewTokens(Credentials{TenantID: sim.TenantID(), ClientID: sim.ClientID(),
		Kind: AuthSecret, Secret: sim.ClientSecret, Authority: sim.AuthorityURL(), Scope: "https://graph.microsoft.com/.default", HTTP: http})
	return sim, NewClient(root, http, tokens, NewGate(100_000), "test (instance 1)", NewMetrics(nil))
}

func TestDirectory_FindsTheUsersWithTeamsOnManyPages(t *testing.T) {
	cfg := graphsim.Defaults()
	cfg.Users = 2500
	sim, client := inProcess(t, cfg)
	d := Directory{Client: client, Everyone: true, Filter: DefaultUsersFilter}
	found, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// 5 % have no plan.
	if n := len(found.Users); n < 2300 || n >= 2500 {
		t.Errorf("%d users", n)
	}
	all := sim.Users()
	for user := range found.Users {
		if !slices.Contains(all, user) {
			t.Fatalf("%s is no user", user)
		}
	}
	if requests := sim.Stats().Requests; requests == 0 {
		t.Error("no request was made")
	}
}

func TestDirectory_UnionOfAllSourcesLessTheExclusions(t *testing.T) {
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Groups = 40, 2
	sim, client := inProcess(t, cfg)
	all := sim.Users()
	group := sim.Groups()[0]
	members, err := (&Directory{Client: client, Groups: []string{group}}).Discover(t.Context())
	if err != nil || len(members.Users) == 0 {
		t.Fatalf("members %v, %v", members.Users, err)
	}

	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("# people\n\n  Ada@Contoso.Example \n"+all[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	excludedByName := "USER7@contoso.example"
	d := Directory{Client: client, Listed: []string{"Grace@contoso.example", "user3@contoso.example"}, File: file, Everyone: true,
		Filter: "accountEnabled eq true", Groups: []string{group}, Exclude: []string{strings.ToUpper(all[0]), excludedByName}}
	found, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ada@contoso.example", "grace@contoso.example", "user3@contoso.example"} {
		if !found.Users[want] {
			t.Errorf("%s is missing", want)
		}
	}
	for _, not := range []string{all[0], all[6], strings.ToLower(excludedByName), all[2]} {
		if found.Users[not] {
			t.Errorf("%s was found", not)
		}
	}
	if !found.Excluded[all[6]] {
		t.Error("the id of who is excluded by name is not known")
	}
	for member := range members.Users {
		if member != all[0] && member != all[6] && member != all[2] && !found.Users[member] {
			t.Errorf("member %s is missing", member)
		}
	}
}

func TestDirectory_AMissingRoleOrGroupOrFileIsNamed(t *testing.T) {
	cfg := graphsim.Defaults()
	cfg.Users = 5
	_, client := inProcess(t, cfg, "Chat.Read.All")
	for name, d := range map[string]Directory{
		"users: graph: access denied: 403":     {Everyone: true, Filter: DefaultUsersFilter},
		"members of group 0b: graph: ":         {Groups: []string{"0b"}},
		"list of users: open /nowhere/at/all:": {File: "/nowhere/at/all"},
	} {
		d.Client = client
		found, err := d.Discover(t.Context())
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v and %d users, want %q", err, len(found.Users), name)
		}
	}
}

func TestDirectory_AListingThatBreaksOffIsNone(t *testing.T) {
	for name, second := range map[string]string{
		"cut":    `{"value":[{"id":"b"`,
		"loop":   `{"value":[{"id":"b"}],"@odata.nextLink":"https://graph.test/v1.0/next"}`,
		"abroad": `{"value":[{"id":"b"}],"@odata.nextLink":"https://evil.test/v1.0/next"}`,
		"noId":   `{"value":[{"userPrincipalName":"b"}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			g := &graph{answer: func(n int, r *http.Request) (int, http.Header, string) {
				if r.Header.Get("ConsistencyLevel") != "eventual" {
					return 400, nil, `{"error":{"code":"Request_UnsupportedQuery"}}`
				}
				if n == 1 {
					return 200, nil, `{"value":[{"id":"a"}],"@odata.nextLink":"https://graph.test/v1.0/next"}`
				}
				return 200, nil, second
			}}
			d := Directory{Client: g.client(), Everyone: true}
			found, err := d.Discover(context.Background())
			var failed *Error
			if !errors.As(err, &failed) || !reflect.DeepEqual(found, Found{}) {
				t.Errorf("%s: %v, %v", name, found, err)
			}
		})
	}
}
