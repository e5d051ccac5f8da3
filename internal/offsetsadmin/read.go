package offsetsadmin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
)

// Config says whose positions to look at and how to reach them.
type Config struct {
	Kafka        []kgo.Opt // options that every client of the cluster shares
	Name         string    // the connector's name, which is also its consumer group
	Tenant       string
	OffsetsTopic string
	Patience     time.Duration // how long to wait for an open transaction that hides positions
	Writer       sink.WriterConfig
	// Start returns where a user without a position starts, in milliseconds, as of now.
	Start              func(now time.Time) int64
	SessionTimeout     time.Duration
	TransactionTimeout time.Duration
}

// Load reads all positions of the tenant. It returns [ErrRefused] if the topic does not exist.
func Load(ctx context.Context, cfg Config) (*offsets.Snapshot, error) {
	snapshot, err := offsets.Load(ctx, cfg.Kafka, cfg.OffsetsTopic, cfg.Name, cfg.Tenant, cfg.Patience)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, fmt.Errorf("%w: topic %s does not exist; check CONNECTOR_NAME and KAFKA_OFFSETS_TOPIC (\"connector run\" creates the topic): %w",
			ErrRefused, cfg.OffsetsTopic, err)
	}
	return snapshot, err
}

// Find returns the positions of users by their exact names. It returns [ErrRefused] if a user has no
// position.
func Find(stored *offsets.Snapshot, users []string) ([]offsets.Entry, error) {
	var found []offsets.Entry
	var missing []error
	for _, user := range users {
		entry, ok := stored.Entry(user)
		if ok {
			found = append(found, entry)
			continue
		}
		hint := ""
		for _, e := range stored.Entries() {
			if strings.EqualFold(e.User, user) {
				hint = fmt.Sprintf("; did you mean %s? (names are case-sensitive)", e.User)
			}
		}
		missing = append(missing, fmt.Errorf("user %s has no position%s", user, hint))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrRefused, errors.Join(missing...))
	}
	return found, nil
}

// Export writes all positions as JSON lines for [Import]. It writes nothing if a position cannot be
// read, because an export with gaps would look complete.
func Export(out io.Writer, cfg Config, stored *offsets.Snapshot) error {
	entries := stored.Entries()
	for _, e := range entries {
		if e.Err != nil {
			return fmt.Errorf("nothing exported: %w", e.Err)
		}
	}
	buffered := bufio.NewWriter(out)
	for _, e := range entries {
		key := offsets.Key{Connector: cfg.Name, Tenant: cfg.Tenant, User: e.User}
		if _, err := buffered.Write(offsets.AppendLine(nil, key, e.Position)); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}
