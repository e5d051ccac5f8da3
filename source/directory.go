package source

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// DefaultUsersFilter finds the users who have Teams: those with the service plan TEAMS1 enabled. Other
// clouds and editions have other plans.
const DefaultUsersFilter = "assignedPlans/any(p:p/servicePlanId eq 57ff2da0-773e-42df-b2af-ffb7a2317929 and p/capabilityStatus eq 'Enabled')"

// usersPage is the page size of listings, the largest that Graph gives.
const usersPage = "999"

// Directory says who is polled: the union of all its sources, less the exclusions. Names are compared
// without regard to case and given in lower case.
type Directory struct {
	Client *Client
	// Log takes the progress of long listings; nil for none.
	Log *slog.Logger
	// Listed are ids or principal names. They are taken as they are: nothing is asked about them.
	Listed []string
	// File holds more of them, one a line; blank lines and lines that begin with # are passed over.
	// It is read again at each discovery.
	File string
	// Groups are the ids of groups whose members, also those of groups within them, are polled. Needs
	// the role GroupMember.Read.All.
	Groups []string
	// Everyone finds all users that match Filter. Needs the role User.Read.All.
	Everyone bool
	Filter   string
	// Exclude are ids or principal names of users who are never polled.
	Exclude []string
}

// Found is the outcome of a discovery.
type Found struct {
	Users    map[string]bool
	Excluded map[string]bool
}

// Asks reports whether a discovery asks Graph, and so can fail when Graph does.
func (d *Directory) Asks() bool { return d.Everyone || len(d.Groups) > 0 }

// Excludes reports whether a user is excluded. Until a discovery succeeds that is certain only of a user
// that is excluded by the name it has, or if no exclusion is of the other kind: a user that is known by
// its id may be excluded by its principal name.
func (d *Directory) Excludes(user string) (excluded, certain bool) {
	certain = true
	for _, name := range d.Exclude {
		if strings.EqualFold(name, user) {
			return true, true
		}
		if d.Asks() && strings.Contains(name, "@") != strings.Contains(user, "@") {
			certain = false
		}
	}
	return false, certain
}

// Discover finds the users. It gives all or an error: a listing that breaks off counts for nothing.
func (d *Directory) Discover(ctx context.Context) (Found, error) {
	excluded := make(map[string]bool, len(d.Exclude))
	for _, name := range d.Exclude {
		excluded[strings.ToLower(name)] = true
	}
	found := Found{Users: make(map[string]bool), Excluded: excluded}
	names, err := d.named()
	if err != nil {
		return Found{}, err
	}
	for _, name := range names {
		if !excluded[name] {
			found.Users[name] = true
		}
	}
	for _, group := range d.Groups {
		path := "groups/" + url.PathEscape(group) + "/transitiveMembers/microsoft.graph.user"
		if err := d.list(ctx, path, "", &found); err != nil {
			return Found{}, fmt.Errorf("members of group %s: %w", group, err)
		}
	}
	if d.Everyone {
		if err := d.list(ctx, "users", d.Filter, &found); err != nil {
			return Found{}, fmt.Errorf("users: %w", err)
		}
	}
	return found, nil
}

// named are the users that are named one by one.
func (d *Directory) named() ([]string, error) {
	names := make([]string, 0, len(d.Listed))
	for _, name := range d.Listed {
		names = append(names, strings.ToLower(name))
	}
	if d.File == "" {
		return names, nil
	}
	text, err := plaintext.Read(d.File)
	if err != nil {
		return nil, fmt.Errorf("source: list of users: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, strings.ToLower(line))
		}
	}
	return names, nil
}

// The bounds of a listing: pages in a row that list nobody new, and pages in all, of 999 users each. A
// listing with ever new links would otherwise never end.
const (
	maxIdlePages    = 20
	maxListingPages = 10_000
)

// reportListing is how often a long listing reports its progress.
const reportListing = 30 * time.Second

// list adds the users of one listing.
func (d *Directory) list(ctx context.Context, path, filter string, found *Found) error {
	link := d.Client.root.String() + "/v1.0/" + path + "?$select=id,userPrincipalName&$count=true&$top=" + usersPage
	if filter != "" {
		link += "&$filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
	}
	seen := make(map[string]bool) // links
	listed := make(map[string]bool)
	idle := 0
	report := time.Now().Add(reportListing)
	for link != "" {
		switch {
		case seen[link]:
			return loopingLink.fail("a page links back to one already read", nil)
		case idle >= maxIdlePages:
			return loopingLink.fail(fmt.Sprintf("the last %d pages list nobody who was not listed before", idle), nil)
		case len(seen) >= maxListingPages:
			return loopingLink.fail(fmt.Sprintf("the listing has more than %d pages", maxListingPages), nil)
		}
		seen[link] = true
		page, err := d.Client.page(ctx, link, usersRequest, requestTimeout)
		if err != nil {
			return err
		}
		before := len(listed)
		for _, item := range page.Items {
			var account struct {
				ID                string `json:"id"`
				UserPrincipalName string `json:"userPrincipalName"`
			}
			if err := json.Unmarshal(item, &account); err != nil || account.ID == "" {
				return noPage.fail("a user without an id", nil)
			}
			id := strings.ToLower(account.ID)
			listed[id] = true
			found.add(id, strings.ToLower(account.UserPrincipalName))
		}
		idle++
		if len(listed) > before {
			idle = 0
		}
		if now := time.Now(); d.Log != nil && now.After(report) {
			d.Log.Info("still listing users", "listing", path, "pages", len(seen), "users", len(listed))
			report = now.Add(reportListing)
		}
		link = page.NextLink
	}
	return nil
}

// add takes one account. One that is named by its principal name already keeps that name: its position
// has it.
func (f *Found) add(id, principalName string) {
	switch {
	case f.Excluded[id] || f.Excluded[principalName]:
		f.Excluded[id] = true
		delete(f.Users, id)
		delete(f.Users, principalName)
	case !f.Users[principalName]:
		f.Users[id] = true
	}
}
