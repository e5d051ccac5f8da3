package judge_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The dead letter of a gap is counted and no fault; one that says nothing of a gap is one.
func TestRun_AGapIsCounted(t *testing.T) {
	stack := newStack(t)
	for name, test := range map[string]struct {
		value string
		gaps  int
	}{
		"a gap":     {`{"user":"u","from":"2026-03-02T12:00:00Z","to":"2026-03-02T12:00:00.001Z"}`, 1},
		"no time":   {`{"user":"u","from":"2026-03-02T12:00:00Z","to":"2026-03-02T12:00:00Z"}`, 0},
		"no user":   {`{"from":"2026-03-02T12:00:00Z","to":"2026-03-02T13:00:00Z"}`, 0},
		"no object": {`not JSON`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, stack, 1)
			shown := made("c1", "m1", 1)
			s.shown(shown, to(alice, noon+1000))
			letter := s.letter(test.value)
			letter.Headers = append(letter.Headers, kgo.RecordHeader{Key: "dlq_stage", Value: []byte("fetch")})
			s.commit(s.record(shown, 0), s.mark(alice, noon+1100, noon+1000), letter)
			if v := s.judge(); v.Gaps != test.gaps || v.OK() != (test.gaps == 1) {
				t.Errorf("%d gaps, OK %v", v.Gaps, v.OK())
			}
		})
	}
}
