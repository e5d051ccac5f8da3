package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/sink"
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
		err = sink.Explained(described[group].Err, described[group].ErrMessage)
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

// Owner is a process of the group and the tenants that belong to it.
type Owner struct {
	Member, Host string
	Tenants      []string // ids; none for a spare
}

// Owners tells which process of the group each of the tenants belongs to, as the group's coordinator knows it.
func Owners(ctx context.Context, client []kgo.Opt, group, topic string, tenants []string) ([]Owner, error) {
	cl, err := kgo.NewClient(client...)
	if err != nil {
		return nil, fmt.Errorf("worker: describe group %s: %w", group, err)
	}
	defer cl.Close()
	count, err := partitionCount(ctx, cl, topic)
	if err != nil {
		return nil, fmt.Errorf("worker: count the partitions of %s: %w", topic, err)
	}
	described, err := kadm.NewClient(cl).DescribeGroups(ctx, group)
	if err == nil {
		err = sink.Explained(described[group].Err, described[group].ErrMessage)
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("worker: describe group %s: %w", group, err)
	}
	owners := []Owner{}
	for _, m := range described[group].Members {
		owner := Owner{Member: m.MemberID, Host: m.ClientHost, Tenants: []string{}}
		assigned := make(map[int32]bool)
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range a.Topics {
				if t.Topic != topic {
					continue
				}
				for _, partition := range t.Partitions {
					assigned[partition] = true
				}
			}
		}
		for _, tenant := range tenants {
			if assigned[int32(sink.PartitionOf([]byte(tenant), count))] {
				owner.Tenants = append(owner.Tenants, tenant)
			}
		}
		owners = append(owners, owner)
	}
	return owners, nil
}
