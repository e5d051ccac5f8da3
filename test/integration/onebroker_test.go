//go:build integration

package integration

import (
	"testing"

	"github.com/teams-kafka/connector/test/kafka"
)

// TestOneBroker runs what one broker is enough for; each part has its own tenant, topics and group.
func TestOneBroker(t *testing.T) {
	cluster := kafka.Start(t, kafka.Options{})
	for name, part := range map[string]func(*testing.T, *kafka.Cluster){
		"judged with Graph's faults":        judgedWithFaults,
		"connector killed":                  connectorKilled,
		"spare takes over":                  spareTakesOver,
		"member died between join and sync": memberDiedBetweenJoinAndSync,
		"transaction expired":               transactionExpired,
		"zombie is fenced":                  zombieIsFenced,
		"timestamps too old":                timestampsTooOld,
		"message too large":                 messageTooLarge,
		"output topic recreated":            outputTopicRecreated,
		"offsets topic recreated":           offsetsTopicRecreated,
		"doctor beside the connector":       doctorBesideTheConnector,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, cluster)
		})
	}
}
