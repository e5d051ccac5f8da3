package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// Mailboxes lists the users who are polled now and those who have a position from before, without those who
// are excluded.
func Mailboxes(ctx context.Context, directory *source.Directory, stored *offsets.Snapshot) ([]string, error) {
	found, err := directory.Discover(ctx)
	if err != nil {
		return nil, fmt.Errorf("discover the users: %w", err)
	}
	for _, e := range stored.Entries() {
		if !found.Excluded[e.User] && e.Position.Excluded == 0 {
			found.Users[e.User] = true
		}
	}
	return slices.Sorted(maps.Keys(found.Users)), nil
}
