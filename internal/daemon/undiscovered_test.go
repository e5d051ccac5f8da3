package daemon

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

// A stream that does not know its users, or does not know who is excluded, makes no progress, and says so by
// the cause of the discovery's failure. One that polls those it knows does.
func TestExamine_AStreamThatDoesNotKnowItsUsersIsStalled(t *testing.T) {
	refused := fmt.Errorf("users: %w", &source.Error{Status: 403, Action: source.StopTenant, Reason: source.ErrUnauthorized})
	file := errors.New("source: list of users: no such file")
	for name, test := range map[string]struct {
		unknown worker.Undiscovered
		reason  reason
		stalled bool
	}{
		"nobody is known":    {worker.Undiscovered{Err: refused}, stalledUnauthorized, true},
		"some wait":          {worker.Undiscovered{Err: refused, Polled: 5, Waiting: 2}, stalledUnauthorized, true},
		"no list":            {worker.Undiscovered{Err: file}, stalledUsers, true},
		"the known are read": {worker.Undiscovered{Err: refused, Polled: 5}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			test.unknown.Since = time.Now()
			s, stalled := examine(worker.State{Phase: worker.Polling, Undiscovered: &test.unknown})
			if stalled != test.stalled || s.reason != test.reason {
				t.Errorf("%v, reason %q, want %v, %q", stalled, s.reason, test.stalled, test.reason)
			}
			if stalled && (s.detail == "" || s.advice() == "" || s.since.IsZero()) {
				t.Errorf("%+v", s)
			}
		})
	}
}
