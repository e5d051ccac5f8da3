package daemon

import (
	"fmt"

	"github.com/teams-kafka/connector/internal/worker"
)

// NotReady lists why this process does not do its part. A spare does: it waits.
func (d *Daemon) NotReady() (reasons []string) {
	select {
	case <-d.started:
	default:
		if reason := d.waiting.Load(); reason != nil {
			return []string{"starting: " + *reason}
		}
		return []string{"starting: topics and schema are not ready yet"}
	}
	if err := d.group.Err(); err != nil {
		reasons = append(reasons, err.Error())
	} else if !d.group.Joined() {
		reasons = append(reasons, "not a member of the consumer group yet")
	}
	for _, stream := range d.streams {
		state := stream.State()
		switch {
		case state.Phase == worker.Starting || state.Phase == worker.Failing:
			reason := fmt.Sprintf("tenant %s: %s", state.Name(), state.Phase)
			if state.Err != nil {
				reason += ": " + state.Err.Error()
			}
			if state.Trouble != nil {
				reason += ": " + state.Trouble.Error()
			}
			reasons = append(reasons, reason)
		case state.Trouble != nil:
			reasons = append(reasons, fmt.Sprintf("tenant %s: %v", state.Name(), state.Trouble))
		case state.Source.Stopped != nil:
			reasons = append(reasons, fmt.Sprintf("tenant %s: polling is stopped: %v", state.Name(), state.Source.Stopped))
		}
	}
	return reasons
}
