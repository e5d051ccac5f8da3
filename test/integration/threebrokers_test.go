//go:build integration

package integration

import (
	"testing"

	"github.com/teams-kafka/connector/test/kafka"
)

// TestThreeBrokers runs what takes three brokers, replication 3 and two replicas in sync; each part has its own tenant,
// topics and group. The parts that leave the brokers alone share the cluster; each of the others has it to itself.
func TestThreeBrokers(t *testing.T) {
	cluster := kafka.Start(t, kafka.Options{Brokers: 3})
	t.Run("brokers stay", func(t *testing.T) {
		for name, part := range map[string]func(*testing.T, *kafka.Cluster){
			"judged with Graph's faults": judgedWithFaults,
			"spare takes over":           spareTakesOver,
			"connectors are replaced":    connectorsAreReplaced,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				part(t, cluster)
			})
		}
	})
	t.Run("brokers are killed", func(t *testing.T) { brokersAreKilled(t, cluster) })
	t.Run("a broker freezes", func(t *testing.T) { brokerFreezes(t, cluster) })
	t.Run("brokers are restarted", func(t *testing.T) { brokersAreRestarted(t, cluster) })
	t.Run("two of three are down", func(t *testing.T) { twoOfThreeAreDown(t, cluster) })
}
