package offsets

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/tail"
)

// Stored is what the offsets topic says of one tenant.
type Stored struct {
	// Positions holds the users that have one.
	Positions map[string]Position
	// Losers are keys that say the same as another key and lost against it. They are to be
	// tombstoned, so that no reader can take them for the truth.
	Losers []*kgo.Record
	// Broken holds the users whose position cannot be read, as after an edit by hand; each error wraps
	// ErrFormat. Nothing is known of where their streams ended.
	Broken map[string]error
}

// Read reads the positions of one connector and tenant from the offsets topic.
//
// A user can stand under several keys: other writers space their JSON differently, and when
// partitions are added the same key moves. Of those the record with the newest timestamp wins,
// tombstones included.
func Read(ctx context.Context, client []kgo.Opt, topic, connector, tenant string, patience time.Duration) (Stored, error) {
	users, err := scan(ctx, client, topic, connector, tenant, patience)
	if err != nil {
		return Stored{}, err
	}
	stored := Stored{Positions: make(map[string]Position), Broken: make(map[string]error)}
	for user, slots := range users {
		winner := slots.winner()
		for _, r := range slots {
			if r != winner && r.Value != nil {
				stored.Losers = append(stored.Losers, tombstone(r))
			}
		}
		if winner.Value == nil {
			continue
		}
		p, err := parseRecord(user, winner)
		if err != nil {
			stored.Broken[user] = err
			continue
		}
		stored.Positions[user] = p
	}
	// Some broken positions are their users' trouble. If most are, another version of the connector wrote them.
	if len(stored.Broken) > len(stored.Positions) && len(stored.Broken) > 1 {
		for _, err := range stored.Broken {
			return Stored{}, fmt.Errorf("%d of %d positions cannot be read, for instance: %w",
				len(stored.Broken), len(stored.Broken)+len(stored.Positions), err)
		}
	}
	return stored, nil
}

// slots are the newest records of all places that hold one user. Compaction keeps a record for each partition and key.
type slots []*kgo.Record

// put takes a record that follows those that are there. It keeps nothing of the batch that the record came in.
func (s *slots) put(r *kgo.Record) {
	r = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
	for i, old := range *s {
		if old.Partition == r.Partition && bytes.Equal(old.Key, r.Key) {
			(*s)[i] = r
			return
		}
	}
	*s = append(*s, r)
}

// scan reads what is in the topic for each user of one connector and tenant.
func scan(ctx context.Context, client []kgo.Opt, topic, connector, tenant string, patience time.Duration) (map[string]slots, error) {
	users := make(map[string]slots)
	_, err := tail.Read(ctx, tail.Config{Client: client, Topics: []tail.Topic{{Name: topic}}, Patience: patience},
		func(r *kgo.Record) error {
			key, err := ParseKey(r.Key)
			if err != nil || key.Connector != connector || key.Tenant != tenant {
				return nil //nolint:nilerr // The topic belongs to several connectors: their keys are skipped.
			}
			found := users[key.User]
			found.put(r)
			users[key.User] = found
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("offsets: read positions: %w", err)
	}
	return users, nil
}

// winner is the record that counts.
func (s slots) winner() *kgo.Record {
	var winner *kgo.Record
	for _, r := range s {
		if winner == nil || r.Timestamp.After(winner.Timestamp) ||
			r.Timestamp.Equal(winner.Timestamp) && later(r, winner) {
			winner = r
		}
	}
	return winner
}

// later breaks a tie of timestamps in a way that every reader repeats.
func later(a, b *kgo.Record) bool {
	if a.Partition != b.Partition {
		return a.Partition > b.Partition
	}
	return a.Offset > b.Offset
}

// tombstone clears a place. It is older than the record it clears, which is enough to clear it, because
// there the offset decides; a newer one would win over what is in the user's other places.
func tombstone(r *kgo.Record) *kgo.Record {
	return &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Timestamp: r.Timestamp.Add(-time.Millisecond)}
}

func parseRecord(user string, r *kgo.Record) (Position, error) {
	p, err := ParseValue(r.Value)
	if err != nil {
		return Position{}, fmt.Errorf("offsets: position of user %s (partition %d, offset %d): %w",
			user, r.Partition, r.Offset, err)
	}
	return p, nil
}

// Record makes the record that stores a position.
func Record(topic string, key Key, p Position) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: key.Bytes(), Value: p.Value()}
}
