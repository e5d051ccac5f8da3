package offsets

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Snapshot is what the offsets topic says of one tenant, for somebody who wants to look at it or change
// it: with the positions that cannot be read, and with every place that holds a user.
type Snapshot struct {
	topic, connector, tenant string
	users                    map[string]slots
}

// Entry is one user's position.
type Entry struct {
	User     string
	Position Position
	// Written is the timestamp of the record that holds it.
	Written time.Time
	// Err is why the position cannot be read; it wraps ErrFormat and says where it is.
	Err error
}

// Load reads a snapshot.
func Load(ctx context.Context, client []kgo.Opt, topic, connector, tenant string, patience time.Duration) (*Snapshot, error) {
	users, err := scan(ctx, client, topic, connector, tenant, patience)
	if err != nil {
		return nil, err
	}
	return &Snapshot{topic: topic, connector: connector, tenant: tenant, users: users}, nil
}

// Entries lists the users that have a position, in the order of their names.
func (s *Snapshot) Entries() []Entry {
	var all []Entry
	for _, user := range slices.Sorted(maps.Keys(s.users)) {
		if entry, ok := s.Entry(user); ok {
			all = append(all, entry)
		}
	}
	return all
}

// Entry returns a user's position; ok is false if there is none.
func (s *Snapshot) Entry(user string) (entry Entry, ok bool) {
	winner := s.users[user].winner()
	if winner == nil || winner.Value == nil {
		return Entry{}, false
	}
	p, err := parseRecord(user, winner)
	return Entry{User: user, Position: p, Written: winner.Timestamp, Err: err}, true
}

// Put makes the records that give a user a position: the position, and a tombstone for every other
// spelling of the user's key. now is by the writer's clock; if another writer's was ahead of it, the
// record is dated after what it replaces, because the newest counts.
func (s *Snapshot) Put(user string, p Position, now time.Time) []*kgo.Record {
	record := Record(s.topic, Key{Connector: s.connector, Tenant: s.tenant, User: user}, p)
	record.Timestamp = now
	var records []*kgo.Record
	for _, r := range s.users[user] {
		if next := r.Timestamp.Add(time.Millisecond); next.After(record.Timestamp) {
			record.Timestamp = next
		}
		if r.Value != nil && string(r.Key) != string(record.Key) {
			records = append(records, tombstone(r))
		}
	}
	return append(records, record)
}

// Delete makes the records that leave a user without a position: a tombstone in every place.
func (s *Snapshot) Delete(user string) []*kgo.Record {
	var records []*kgo.Record
	for _, r := range s.users[user] {
		if r.Value != nil {
			records = append(records, tombstone(r))
		}
	}
	return records
}
