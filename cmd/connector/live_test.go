package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

func screenSize(width, height int) func() (int, int, error) {
	return func() (int, int, error) { return width, height, nil }
}

// visible is what a terminal shows after all of text, line by line. It knows as much of terminals as live uses.
func visible(text string) []string {
	lines, row := []string{""}, 0
	for text != "" {
		up := 0
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			lines, text = append(lines[:row], ""), text[3:]
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &up); err != nil {
				panic("unknown sequence " + text)
			}
			row -= up
			text = text[strings.Index(text, "A")+1:]
		case text[0] == '\r':
			text = text[1:]
		case text[0] == '\n':
			row++
			if row == len(lines) {
				lines = append(lines, "")
			}
			text = text[1:]
		default:
			lines[row] += text[:1]
			text = text[1:]
		}
	}
	return lines
}

func TestLive_TheLinesStayBelowWhatIsWritten(t *testing.T) {
	var out strings.Builder
	l := newLive(&out)
	l.size = screenSize(12, 24)
	check := func(want ...string) {
		t.Helper()
		if got := visible(out.String()); !slices.Equal(got, want) {
			t.Errorf("the screen shows %q, want %q", got, want)
		}
	}
	write := func(text string) {
		t.Helper()
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	l.show("one: 1", "two: 1")
	write("log 1\n")
	check("log 1", "one: 1", "two: 1")
	l.show("one: 2, and more than fits", "two: 2")
	check("log 1", "one: 2, and", "two: 2")
	write("log 2\n")
	l.show("only one")
	check("log 1", "log 2", "only one")
	l.clear()
	write("log 3\n")
	check("log 1", "log 2", "log 3", "")
	l.size = screenSize(12, 3)
	l.show("a", "b", "c", "d")
	check("log 1", "log 2", "log 3", "a", "b")
}

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
	state.Source = source.Status{Stopped: errors.New("no licence")}
	if line = p.line(now, state); line != "0 users · 0 msg/s · stopped: no licence" {
		t.Error(line)
	}
	state.Phase = worker.Idle
	if line = p.line(now, state); line != "idle" {
		t.Error(line)
	}
}
