package worker

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
)

// The first builds wrote a key's members in the other order. The connector continues from what is there, under the present key, and clears it
// at the next start.
func TestSession_APositionUnderTheFormerKeyIsReadAndCleared(t *testing.T) {
	users := []string{"a", "b", "c", "d", "e", "f"}
	cfg := configuration(t, users...)
	cfg.Writer.Topics.Partitions = 3
	if _, err := EnsureTopics(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(cfg.Writer.Client...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i, user := range users {
		former := &kgo.Record{Topic: cfg.Writer.Topics.Offsets, Key: fmt.Appendf(nil, `["teams",{"tenant":%q,"user":%q}]`, cfg.Tenant, user),
			Value: offsets.Position{Start: int64(1000 + i)}.Value()}
		if err := cl.ProduceSync(t.Context(), former).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().Truncate(time.Millisecond)
	for start := range 3 {
		s := open(t, cfg)
		if len(s.roster.positions) != len(users) {
			t.Fatalf("start %d: %d positions, want %d", start, len(s.roster.positions), len(users))
		}
		for i, user := range users {
			if p := s.roster.positions[user]; start == 0 && p.Start != int64(1000+i) || start > 0 && len(p.Marks) == 0 {
				t.Errorf("start %d: the position of %s is %+v", start, user, p)
			}
			s.current(t, user, now)
		}
		s.save(t)
		s.transaction.writer.Close()
	}
	stored, err := offsets.Read(t.Context(), cfg.Writer.Client, cfg.Writer.Topics.Offsets, cfg.Name, cfg.Tenant, cfg.RebuildTimeout)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored.Losers) != 0 || len(stored.Positions) != len(users) {
		t.Errorf("%d former keys are left, %d positions", len(stored.Losers), len(stored.Positions))
	}
}
