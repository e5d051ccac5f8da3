package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Members lists the processes that are in the group at present, running a tenant or waiting as a spare,
// each as its member id and the host it connects from. A group that does not exist has none. A process
// that is cut off or paused counts until its session times out.
func Members(ctx context.Context, client []kgo.Opt, group string) ([]string, error) {
	cl, err := kgo.NewClient(client...)
	if err != nil {
		return nil, fmt.Errorf("worker: describe group %s: %w", group, err)
	}
	defer cl.Close()
	described, err := kadm.NewClient(cl).DescribeGroups(ctx, group)
	if err == nil {
		err = described[group].Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("worker: describe group %s: %w", group, err)
	}
	var members []string
	for _, m := range described[group].Members {
		members = append(members, fmt.Sprintf("%s at %s", m.MemberID, m.ClientHost))
	}
	return members, nil
}
