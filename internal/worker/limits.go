package worker

import "github.com/teams-kafka/connector/sink"

// foundLimits are sizes that brokers were found to refuse although the topics' configuration allows them. Each holds until
// that configuration changes, or the process ends.
type foundLimits struct {
	told  sink.Limits      // what the configuration said last
	found map[string]int32 // by topic, in bytes
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
