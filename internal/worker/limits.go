package worker

import (
	"log/slog"

	"github.com/teams-kafka/connector/sink"
)

// foundLimits are sizes that brokers were found to refuse although the topics' configuration allows them. Each holds until
// that configuration changes, or the process ends.
type foundLimits struct {
	told  sink.Limits      // what the configuration said last
	found map[string]int32 // by topic, in bytes
	// misstamped reports that the broker refused a timestamp that the configuration allows.
	misstamped bool
}

// leastPositionBytes is room for several positions, each of some hundred bytes. A record that is too large goes to the dead letters, and a
// position nowhere: a limit below it would end the stream for good.
const leastPositionBytes = 4096

// apply lowers what the topics' configuration tells to what was found.
func (f *foundLimits) apply(t sink.Topics, told sink.Limits) sink.Limits {
	if f == nil {
		return told
	}
	last := f.told
	f.told = told
	f.misstamped = f.misstamped && told.Stamps == last.Stamps
	told.Stamps.Present = f.misstamped
	for _, topic := range []struct {
		name       string
		told, last *int32
		least      int32
	}{
		{t.Output, &told.OutputBytes, &last.OutputBytes, 0},
		{t.DeadLetters, &told.LetterBytes, &last.LetterBytes, 0},
		{t.Offsets, &told.PositionBytes, &last.PositionBytes, leastPositionBytes},
	} {
		if *topic.told != *topic.last {
			delete(f.found, topic.name)
		}
		if bytes, ok := f.found[topic.name]; ok {
			*topic.told = max(bytes, topic.least)
		}
	}
	return told
}

// lower takes note of a refusal.
func (f *foundLimits) lower(e *sink.TooLargeError) {
	if f.found == nil {
		f.found = make(map[string]int32)
	}
	f.found[e.Topic] = e.Below
}

// restamped returns what counts the records that get the time of writing, and logs the first for each
// reason. The writer calls it, from one goroutine at a time.
func restamped(m *Metrics, stamps sink.Stamps, log *slog.Logger) func(sink.Restamped) {
	said := make(map[sink.Restamped]bool)
	return func(why sink.Restamped) {
		m.restamped.WithLabelValues(string(why)).Inc()
		if said[why] {
			return
		}
		said[why] = true
		log.Warn("records get the time of writing as their timestamp, ce_time keeps the event's", "reason", why,
			"retention", stamps.Retention, "timestamp_before_max", stamps.Before, "timestamp_after_max", stamps.After,
			"refused_by_broker", stamps.Present)
	}
}
