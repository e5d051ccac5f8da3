package daemon

import (
	"errors"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

func TestProgress_SaysHowFarItHasCome(t *testing.T) {
	now := time.Now()
	p := progress{rates: make(map[string]*itemRate)}
	state := worker.State{Phase: worker.Polling, Source: source.Status{
		Users: 7, Oldest: now.Add(-50 * time.Hour).UnixMilli(), Items: 100, History: 3, HistoryLeft: -1,
	}}
	line := p.line(now, state)
	if want := "7 users · 0 msg/s · furthest behind 2d2h · history of 3 users, time left not known yet"; line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	now = now.Add(4 * time.Second)
	state.Source.Items, state.Source.HistoryLeft = 300, 90*time.Minute
	state.Source.Suspended = []source.SuspendedUser{{User: "u"}}
	state.Source.Held = now.Add(7 * time.Second)
	line = p.line(now, state)
	if want := "7 users (1 suspended) · 50 msg/s · furthest behind 2d2h · history of 3 users, about 1h30m left · Graph asks to wait 7s"; line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	state.Source = source.Status{Stopped: errors.New("no license")}
	if line = p.line(now, state); line != "0 users · 0 msg/s · stopped: no license" {
		t.Error(line)
	}
	state.Phase = worker.Idle
	if line = p.line(now, state); line != "idle" {
		t.Error(line)
	}
}
