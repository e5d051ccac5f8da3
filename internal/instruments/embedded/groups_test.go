package embedded_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
)

// A spare worker takes a tenant over when its owner dies without a word. The group must allow session
// timeouts short enough that a test can watch that.
func TestGroup_HandsADeadMembersPartitionsOver(t *testing.T) {
	kafka := startKafka(t, embedded.KafkaOptions{})
	createTopic(t, kafka, "positions", 4, nil)

	join := func(instance string) (*kgo.Client, <-chan int) {
		assigned := make(chan int, 16)
		member := newClient(t, kafka,
			kgo.ConsumerGroup("workers"),
			kgo.ConsumeTopics("positions"),
			// A static member says nothing when it closes: to the group it has died.
			kgo.InstanceID(instance),
			kgo.SessionTimeout(300*time.Millisecond),
			kgo.HeartbeatInterval(50*time.Millisecond),
			kgo.RebalanceTimeout(2*time.Second),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
				assigned <- len(partitions["positions"])
			}),
		)
		return member, assigned
	}
	await := func(who string, assigned <-chan int, want int) {
		t.Helper()
		for got := 0; got != want; {
			select {
			case n := <-assigned:
				got += n
			case <-testContext(t).Done():
				t.Fatalf("%s: holds %d partitions, want %d", who, got, want)
			}
		}
	}
	first, owned := join("first")
	await("first", owned, 4)
	_, taken := join("second")
	await("second beside the first", taken, 2)
	first.Close()
	await("second after the first died", taken, 2)
}
