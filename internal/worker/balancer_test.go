package worker

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

func TestShare_MovesATenantOnlyToMakeItMoreEven(t *testing.T) {
	for _, c := range []struct {
		name            string
		weights, owners []int
		members         int
		want            []int
	}{
		{"a spare joins", []int{0, 1, 0, 0}, []int{0, 0, 0, 0}, 2, []int{0, 0, 0, 0}},
		{"the owner is gone", []int{0, 1, 0, 0}, []int{nobody, nobody, 1, 1}, 2, []int{0, 0, 1, 1}},
		{"a second process joins two tenants", []int{1, 1, 0}, []int{0, 0, 0}, 2, []int{1, 0, 0}},
		{"two tenants in one partition stay together", []int{2, 0}, []int{0, 0}, 2, []int{0, 0}},
		{"three tenants over two", []int{1, 1, 1}, []int{0, 0, 0}, 2, []int{1, 0, 0}},
		{"nobody has anything", []int{1, 0, 1, 0}, []int{nobody, nobody, nobody, nobody}, 2, []int{0, 1, 1, 0}},
		{"nobody is there", []int{1}, []int{nobody}, 0, nil},
	} {
		if got := share(c.weights, c.owners, c.members); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// Whatever is there, every partition belongs to somebody, no move would make it more even, and sharing again changes nothing.
func TestShare_IsEvenAndStable(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		members := 1 + rnd.IntN(6)
		weights, owners := make([]int, 1+rnd.IntN(12)), make([]int, 0)
		for p := range weights {
			weights[p] = max(0, rnd.IntN(4)-1)
			owners = append(owners, rnd.IntN(members+1)-1)
		}
		got := share(weights, owners, members)
		load := make([]int, members)
		for p, m := range got {
			if m < 0 || m >= members {
				t.Fatalf("partition %d belongs to %d", p, m)
			}
			load[m] += weights[p]
		}
		for p, m := range got {
			if weights[p] > 0 && slices.Min(load)+weights[p] < load[m] {
				t.Fatalf("%v of %v: moving partition %d would be more even: %v", got, weights, p, load)
			}
		}
		if again := share(weights, got, members); !slices.Equal(again, got) {
			t.Fatalf("%v becomes %v", got, again)
		}
	}
}

// A process that was away and still claims what another has by now does not get it back.
func TestTenantBalancer_TheLaterGenerationOwns(t *testing.T) {
	const tenant = "3f0c1d52-0000-4000-8000-00000000cafe"
	partition := int32(sink.PartitionOf([]byte(tenant), 4))
	b := newTenantBalancer("positions", []*Tenant{{cfg: Config{Tenant: tenant}}})
	member := func(id string, generation int32, owned ...int32) kmsg.JoinGroupResponseMember {
		return kmsg.JoinGroupResponseMember{MemberID: id, ProtocolMetadata: b.JoinGroupMetadata([]string{"positions"}, map[string][]int32{"positions": owned}, generation)}
	}
	assigned := func(members ...kmsg.JoinGroupResponseMember) map[string][]int32 {
		t.Helper()
		balancer, _, err := b.MemberBalancer(members)
		if err != nil {
			t.Fatal(err)
		}
		into, err := balancer.(kgo.GroupMemberBalancerOrError).BalanceOrError(map[string]int32{"positions": 4})
		if err != nil {
			t.Fatal(err)
		}
		found := make(map[string][]int32)
		for _, a := range into.IntoSyncAssignment() {
			parsed, err := b.ParseSyncAssignment(a.MemberAssignment)
			if err != nil {
				t.Fatal(err)
			}
			found[a.MemberID] = parsed["positions"]
		}
		return found
	}
	if got := assigned(member("a", 3, 0, 1, 2, 3), member("b", 5, 0, 1, 2, 3)); !slices.Contains(got["b"], partition) || slices.Contains(got["a"], partition) {
		t.Errorf("the stale claim won: %v", got)
	}
	if got := assigned(member("a", -1), member("b", 5, 0, 1, 2, 3)); !slices.Equal(got["b"], []int32{0, 1, 2, 3}) {
		t.Errorf("a spare took something: %v", got)
	}
	if got := assigned(member("a", -1), member("b", -1)); len(got["a"])+len(got["b"]) != 4 {
		t.Errorf("at first: %v", got)
	}
}
