package offsetsadmin

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

// Change is what happens to one user's position. A nil position means that the user has none.
type Change struct {
	User          string
	Before, After *offsets.Position
	Unreadable    bool // this version cannot read the position before
	// CanLose means that the position after counts something as read that would still have been
	// read, so messages can be lost.
	CanLose bool
}

// Plan is the difference between what an operator asked for and what is stored.
type Plan struct {
	Changes      []Change
	Consequences []string // sentences for the operator
}

// add adds a change unless it changes nothing.
func (p *Plan) add(c Change) {
	if c.Before != nil && c.After != nil && c.Before.Equal(*c.After) {
		return
	}
	p.Changes = append(p.Changes, c)
}

// Planner compares what an operator asked for with what is stored.
type Planner func(cfg Config, stored *offsets.Snapshot, now time.Time) (Plan, error)

// Rewind moves positions back, so that everything modified at or after the time to (in milliseconds)
// is read again. Without users it covers all positions.
//
// A user who has not been read up to that time has nothing to rewind. Without users, such positions
// stay as they are. If the user is named, or if loss is allowed, the position moves forward to it.
func Rewind(to int64, users []string, allowLoss bool) Planner {
	return func(cfg Config, stored *offsets.Snapshot, now time.Time) (Plan, error) {
		entries, err := readable(stored, users)
		if err != nil {
			return Plan{}, err
		}
		var plan Plan
		behind := 0
		for _, e := range entries {
			before, after := e.Position, e.Position.Rewound(to)
			if before.ReadUpTo() < to {
				if len(users) == 0 && !allowLoss {
					behind++
					continue
				}
				after = before.Skipped(to)
			}
			plan.add(Change{User: e.User, Before: &before, After: &after, CanLose: before.Skips(after)})
		}
		plan.Consequences = append(plan.Consequences,
			fmt.Sprintf("Everything modified since %s is read again, and some earlier messages, because each rung looks back from its mark.", offsets.FormatTime(to)),
			"Versions that the topic holds are recognized and not written again. What the topic has deleted since is written again, with the same ce_id.")
		if behind > 0 {
			plan.Consequences = append(plan.Consequences, fmt.Sprintf("Users not read up to that time yet: %d. Their positions stay as they are.", behind))
		}
		return plan, nil
	}
}

// Delete deletes positions, also those that this version cannot read. Without users it deletes all.
func Delete(users []string) Planner {
	return func(cfg Config, stored *offsets.Snapshot, now time.Time) (Plan, error) {
		entries := stored.Entries()
		if len(users) > 0 {
			var err error
			if entries, err = Find(stored, users); err != nil {
				return Plan{}, err
			}
		}
		fresh := offsets.Position{Start: cfg.Start(now)}
		var plan Plan
		for _, e := range entries {
			c := Change{User: e.User, Unreadable: e.Err != nil, CanLose: true}
			if e.Err == nil {
				c.Before, c.CanLose = &e.Position, e.Position.Skips(fresh)
			}
			plan.add(c)
		}
		plan.Consequences = append(plan.Consequences,
			fmt.Sprintf("Users who are still polled start over at SOURCE_START, which is now %s.", offsets.FormatTime(fresh.Start)))
		return plan, nil
	}
}

// Import sets the positions of an export. Users who are not in it keep their positions.
func Import(in io.Reader) Planner {
	return func(cfg Config, stored *offsets.Snapshot, now time.Time) (Plan, error) {
		positions, err := offsets.ParseLines(in, cfg.Name, cfg.Tenant, now)
		if err != nil {
			return Plan{}, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		var plan Plan
		for user, after := range positions {
			c := Change{User: user, After: &after}
			if e, ok := stored.Entry(user); ok {
				c.Unreadable, c.CanLose = e.Err != nil, true
				if e.Err == nil {
					c.Before, c.CanLose = &e.Position, e.Position.Skips(after)
				}
			}
			plan.add(c)
		}
		slices.SortFunc(plan.Changes, func(a, b Change) int { return strings.Compare(a.User, b.User) })
		kept := 0
		for _, e := range stored.Entries() {
			if _, ok := positions[e.User]; !ok {
				kept++
			}
		}
		plan.Consequences = append(plan.Consequences,
			fmt.Sprintf("The connector continues from these positions. Users who are not in the file and keep their position: %d.", kept))
		return plan, nil
	}
}

// readable returns the positions of the users, or all without users. It refuses a position that
// cannot be read.
func readable(stored *offsets.Snapshot, users []string) ([]offsets.Entry, error) {
	entries := stored.Entries()
	if len(users) > 0 {
		var err error
		if entries, err = Find(stored, users); err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		if e.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, e.Err)
		}
	}
	return entries, nil
}
