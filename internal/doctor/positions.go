package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
)

// positions compares where the users' streams stand with the timestamps that the output topic takes and
// keeps.
func (k *kafka) positions(ctx context.Context, t Tenant) Finding {
	if k.topics[k.cfg.Topics.Offsets].Missing {
		return skipped(k.cfg.Topics.Offsets + " does not exist yet, and nobody has been read")
	}
	stored, err := offsets.Read(ctx, k.cfg.Kafka, k.cfg.Topics.Offsets, k.cfg.Group, t.ID, sampleTimeout)
	if err != nil {
		return fail("the positions cannot be read: "+err.Error(), "see the checks access-topics and kafka-brokers")
	}
	if len(stored.Broken) > 0 {
		return warn(fmt.Sprintf("%d of %d positions cannot be read; their users are not polled", len(stored.Broken), len(stored.Broken)+len(stored.Positions)),
			"connector offsets list names them; replace them with connector offsets import, or delete them with connector offsets delete")
	}
	return k.compare(t, stored.Positions, time.Now())
}

// compare finds the users of whom something is still to be read that the topic does not take or keep with
// its own time.
func (k *kafka) compare(t Tenant, positions map[string]offsets.Position, now time.Time) Finding {
	var stamps sink.Stamps
	if !k.cfg.IngestTimestamp {
		stamps = k.topics[k.cfg.Topics.Output].Stamps
	}
	most, bound := stamps.Oldest()
	users, behind, oldest := 0, 0, now
	for _, p := range positions {
		if p.Excluded != 0 || t.Ladder.Drained(p) {
			continue // no longer read
		}
		users++
		next := p.Start
		if p.Window != nil {
			next = p.Window.Done
		} else if mark, read := p.Mark(t.Ladder.Shortest()); read {
			next = mark
		}
		from := time.UnixMilli(next)
		if from.Before(oldest) {
			oldest = from
		}
		if most > 0 && now.Sub(from) > most {
			behind++
		}
	}
	since := "nobody is behind"
	if users > 0 {
		since = "the furthest behind is at " + offsets.FormatTime(oldest.UnixMilli())
	}
	if behind > 0 {
		return warn(fmt.Sprintf("%d of %d users have not been read for longer than %s (%s), %s: records of what they are still to be read of get the time of writing as their timestamp",
			behind, users, most, bound, since), "none needed if readers go by ce_time; else raise retention.ms or the topic's bound of timestamps before the connector reads on")
	}
	return ok("%d users have positions; %s", users, since)
}
