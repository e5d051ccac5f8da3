package worker

import "github.com/teams-kafka/connector/sink"

// foundLimits are sizes that brokers were found to refuse although the topics' configuration allows them. Each holds until
// that configuration changes, or the process ends.
type foundLimits struct {
	told  sink.Limits      // what the configuration said last
	found map[string]int32 // by topic, in bytes
}

// apply lowers what the topics' configuration tells to what was found.
func (f *foundLimits) apply(t sink.Topics, told sink.Limits) sink.Limits {
	if f == nil {
		return told
	}
	if told.OutputBytes != f.told.OutputBytes {
		delete(f.found, t.Output)
	}
	if told.LetterBytes != f.told.LetterBytes {
		delete(f.found, t.DeadLetters)
	}
	f.told = told
	if bytes, ok := f.found[t.Output]; ok {
		told.OutputBytes = bytes
	}
	if bytes, ok := f.found[t.DeadLetters]; ok {
		told.LetterBytes = bytes
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
