package worker

import (
	"testing"

	"github.com/teams-kafka/connector/sink"
)

// What a broker was found to refuse holds for its topic, whichever of the three it is, until that topic's configuration changes. But a
// position can go nowhere else, so its limit is never lowered to where one might not fit any more.
func TestFoundLimits_HoldForEachTopicUntilItsConfigurationChanges(t *testing.T) {
	topics := sink.Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "positions"}
	told := sink.Limits{OutputBytes: 1000, LetterBytes: 2000, PositionBytes: 3000}
	found := &foundLimits{}
	if got := found.apply(topics, told); got != told {
		t.Fatalf("nothing was refused, and the limits are %+v", got)
	}
	for _, refused := range []sink.TooLargeError{{Topic: "out", Below: 10}, {Topic: "out.dlq", Below: 20}, {Topic: "positions", Below: 30}} {
		found.lower(&refused)
	}
	for range 2 {
		if got, want := found.apply(topics, told), (sink.Limits{OutputBytes: 10, LetterBytes: 20, PositionBytes: 4096}); got != want {
			t.Errorf("after refusals the limits are %+v, want %+v", got, want)
		}
	}
	told.PositionBytes = 3001
	if got, want := found.apply(topics, told), (sink.Limits{OutputBytes: 10, LetterBytes: 20, PositionBytes: 3001}); got != want {
		t.Errorf("after one topic's configuration changed the limits are %+v, want %+v", got, want)
	}
}
