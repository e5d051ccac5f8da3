package worker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// tenantBalancer shares the partitions of the offsets topic out among the processes. Only those count that a tenant
// belongs to: tenants are spread evenly, and none is moved without making it more even. So a spare that joins takes
// nothing from anybody; Kafka's own assignors, for which each partition counts as much, would now and then move a tenant to it,
// which costs a rebuild.
type tenantBalancer struct {
	kgo.GroupBalancer // the cooperative-sticky one, for what members tell of themselves
	topic             string
	tenants           []string // ids
}

func newTenantBalancer(topic string, tenants []*Tenant) tenantBalancer {
	b := tenantBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), topic: topic}
	for _, t := range tenants {
		b.tenants = append(b.tenants, t.cfg.Tenant)
	}
	return b
}

// ProtocolName is what the members must agree on.
func (tenantBalancer) ProtocolName() string { return "tenant-sticky" }

// MemberBalancer is called on the group's leader.
func (t tenantBalancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(t, members)
	return b, b.MemberTopics(), err
}

// Balance makes the plan. What moves is taken from its owner first and given to its next owner in a second round, as
// the cooperative protocol wants.
func (t tenantBalancer) Balance(b *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	partitions := int(topics[t.topic])
	weights := make([]int, partitions)
	for _, tenant := range t.tenants {
		if partitions > 0 {
			weights[sink.PartitionOf([]byte(tenant), partitions)]++
		}
	}
	plan := b.NewPlan()
	for partition, member := range share(weights, owners(b, t.topic, partitions), len(b.Members())) {
		m, _ := b.MemberAt(member)
		plan.AddPartition(m, t.topic, int32(partition))
	}
	plan.AdjustCooperative(b)
	return plan
}

// nobody owns a partition.
const nobody = -1

// owners tells which member has each partition by now. Of two who claim it, the one that was in the later generation
// has it (KIP-792), and with equal claims nobody.
func owners(b *kgo.ConsumerBalancer, topic string, partitions int) []int {
	owners := slices.Repeat([]int{nobody}, partitions)
	generations := make([]int32, partitions)
	n := 0
	b.EachMember(func(_ *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		for _, owned := range meta.OwnedPartitions {
			if owned.Topic != topic {
				continue
			}
			for _, p := range owned.Partitions {
				switch {
				case p < 0 || int(p) >= partitions:
				case owners[p] == nobody && meta.Generation >= generations[p] || meta.Generation > generations[p]:
					owners[p], generations[p] = n, meta.Generation
				case meta.Generation == generations[p]:
					owners[p] = nobody
				}
			}
		}
		n++
	})
	return owners
}

// share says which member each partition is to belong to: weights are the tenants of each partition, owners who has it now.
func share(weights, owners []int, members int) []int {
	owners = slices.Clone(owners)
	if members == 0 {
		return nil
	}
	load, count := make([]int, members), make([]int, members)
	for p, m := range owners {
		if m != nobody {
			load[m] += weights[p]
			count[m]++
		}
	}
	least := func(of []int) int { return slices.Index(of, slices.Min(of)) }
	give := func(p, to int) {
		if from := owners[p]; from != nobody {
			load[from] -= weights[p]
			count[from]--
		}
		owners[p] = to
		load[to] += weights[p]
		count[to]++
	}
	for p, m := range owners {
		switch {
		case m != nobody:
		case weights[p] > 0:
			give(p, least(load))
		default:
			give(p, least(count))
		}
	}
	for {
		idle, moved := least(load), false
		for p, m := range owners {
			if weights[p] > 0 && load[idle]+weights[p] < load[m] {
				give(p, idle)
				moved = true
				break
			}
		}
		if !moved {
			return owners
		}
	}
}
