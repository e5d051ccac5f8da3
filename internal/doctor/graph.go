package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/source"
)

// graph looks at one tenant's Graph.
type graph struct {
	tenant Tenant
	roles  []string // of the token; nil while they are not known
	users  []string // discovered, in order
}

func (g *graph) checks() []check {
	return []check{
		{name: "token", run: g.token},
		{name: "users", needs: []string{"token"}, run: g.discovery},
		{name: "messages", needs: []string{"token", "users"}, run: g.messages},
		{name: "clock", needs: []string{"token"}, run: g.clock},
	}
}

// token asks for a token and looks at what it allows.
func (g *graph) token(ctx context.Context) Finding {
	var info source.TokenInfo
	err := persist(ctx, func() (err error) {
		info, err = g.tenant.Client.Inspect(ctx)
		return err
	})
	if err != nil {
		return failed(err)
	}
	seen := fmt.Sprintf("%s of application %s, valid until %s", info.Kind, orNone(info.ClientID),
		info.Expires.UTC().Format(time.RFC3339))
	if info.Opaque {
		return warn(seen+"; it cannot be looked into, so its roles are not known", "the checks below tell whether they suffice")
	}
	g.roles = info.Roles
	return ok("%s, roles: %s", seen, strings.Join(info.Roles, ", "))
}

// Roles that let an application list users, and members of groups; the first is the least. Source: the permission tables of
// list users and list group transitive members.
var (
	userRoles  = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	groupRoles = []string{"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All",
		"Directory.Read.All", "Directory.ReadWrite.All"}
)

// discovery finds the users as the connector does.
func (g *graph) discovery(ctx context.Context) Finding {
	var found source.Found
	err := persist(ctx, func() (err error) {
		found, err = g.tenant.Directory.Discover(ctx)
		return err
	})
	if err != nil {
		f := failed(err)
		for _, need := range g.needs() {
			if g.roles != nil && !slices.ContainsFunc(need, func(role string) bool { return slices.Contains(g.roles, role) }) {
				f.Remedy = "grant `" + need[0] + "` as an application permission, with admin consent, or list the users in SOURCE_USERS"
			}
		}
		return f
	}
	g.users = slices.Sorted(maps.Keys(found.Users))
	if len(g.users) == 0 {
		return fail(fmt.Sprintf("nobody is found to be polled (%d excluded)", len(found.Excluded)),
			"check SOURCE_USERS, SOURCE_USERS_FILE, SOURCE_GROUPS, SOURCE_USERS_FILTER and SOURCE_EXCLUDE_USERS")
	}
	how := "as they are listed; whether they exist is not asked"
	if g.tenant.Directory.Asks() {
		how = "by asking Graph"
	}
	return ok("%d users are found %s", len(g.users), how)
}

// needs are the roles that discovery takes: of each list one.
func (g *graph) needs() (needs [][]string) {
	if g.tenant.Directory.Everyone {
		needs = append(needs, userRoles)
	}
	if len(g.tenant.Directory.Groups) > 0 {
		needs = append(needs, groupRoles)
	}
	return needs
}

// usersTried is how many users are tried when the trouble is the user's own.
const usersTried = 3

// messages makes the request that the connector lives on, for one user and one message.
func (g *graph) messages(ctx context.Context) Finding {
	var refused []string
	var last error
	for _, user := range g.users[:min(usersTried, len(g.users))] {
		err := persist(ctx, func() error {
			now := time.Now()
			_, err := g.tenant.Client.Page(ctx, g.tenant.Client.MessagesURL(user,
				now.Add(-time.Hour).UnixMilli(), now.Add(-time.Minute).UnixMilli(), 1, g.tenant.Query))
			return err
		})
		if err == nil {
			if len(refused) > 0 {
				return warn(fmt.Sprintf("getAllMessages answers for user %s, but not for: %s", user, strings.Join(refused, "; ")),
					remedyOf(last, "exclude these users with SOURCE_EXCLUDE_USERS, or leave it: they are suspended and the others are still polled"))
			}
			return ok("getAllMessages answers for user %s", user)
		}
		last = err
		own := errors.Is(err, source.ErrDenied) || errors.Is(err, source.ErrUnlicensed) || errors.Is(err, source.ErrUserGone)
		if !own {
			return failed(err)
		}
		refused = append(refused, user+": "+err.Error())
	}
	return fail("getAllMessages refuses each user that was tried: "+strings.Join(refused, "; "), remedyOf(last, ""))
}

// Bounds of how far our clock may be off. Windows end by the slower of both clocks, so a small difference costs nothing;
// beyond five minutes Entra ID refuses what is signed with a time.
const skewWarn, skewFail = 5 * time.Second, 5 * time.Minute

// clock compares our clock with Graph's.
func (g *graph) clock(context.Context) Finding {
	ahead, known := g.tenant.Client.Skew()
	if !known {
		return skipped("Graph has answered nothing that shows its clock")
	}
	seen := fmt.Sprintf("this machine's clock is %v ahead of Graph's", ahead.Round(time.Second))
	if ahead < 0 {
		seen = fmt.Sprintf("this machine's clock is %v behind Graph's", -ahead.Round(time.Second))
	}
	const remedy = "synchronize the machine's clock (NTP, chrony); windows end by the slower clock, so messages come later by as much"
	switch off := ahead.Abs(); {
	case off > skewFail:
		return fail(seen, remedy)
	case off > skewWarn:
		return warn(seen, remedy)
	default:
		return ok("%s", seen)
	}
}

// tries is how often a request is made that fails for a reason that may pass.
const tries = 3

// persist repeats what fails for a reason that may pass. It returns the last failure of Graph's, not that time was up.
func persist(ctx context.Context, try func() error) error {
	pauses := backoff.WithContext(backoff.WithMaxRetries(backoff.NewExponentialBackOff(backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0)), tries-1), ctx)
	var last error
	err := backoff.Retry(func() error {
		err := try()
		var answered *source.Error
		if !errors.As(err, &answered) {
			if err == nil || ctx.Err() == nil {
				return permanent(err)
			}
			return backoff.Permanent(err)
		}
		last = err
		if answered.Action == source.Suspend || answered.Action == source.StopTenant {
			return backoff.Permanent(err)
		}
		return err
	}, pauses)
	if err != nil && last != nil {
		return last
	}
	return err
}

func permanent(err error) error {
	if err == nil {
		return nil
	}
	return backoff.Permanent(err)
}

// failed is the finding of a request that failed. A tenant that is throttled lets us in, only not now.
func failed(err error) Finding {
	if errors.Is(err, source.ErrThrottled) {
		return warn(err.Error(), remedyOf(err, "try again later"))
	}
	return fail(err.Error(), remedyOf(err, "see docs/errors.md"))
}

func remedyOf(err error, otherwise string) string {
	var answered *source.Error
	if errors.As(err, &answered) && answered.Remedy != "" {
		return answered.Remedy
	}
	return otherwise
}

func orNone(id string) string {
	if id == "" {
		return "without an id"
	}
	return id
}
