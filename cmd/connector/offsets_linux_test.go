package main

import (
	"strings"
	"testing"

	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/sink"
)

// Asked on a terminal, only yes changes anything.
func TestOffsets_OnATerminalOnlyYesChangesAnything(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	for _, c := range []struct {
		answer  string
		changed bool
	}{{"", false}, {"no", false}, {"yess", false}, {"y", true}, {"YES", true}} {
		s.store("ada", adaAtNoon)
		screen := openTerminal(t)
		if err := screen.typeLine(c.answer); err != nil {
			t.Fatal(err)
		}
		r := s.runWith(screen.screen, "offsets", "rewind", "--users", "ada", "--to", morning)
		if r.code != exitOK || !strings.Contains(r.err, "Change 1 positions? [y/N]") {
			t.Errorf("%q: exit code %d\n%s", c.answer, r.code, r.err)
		}
		if changed := !s.position("ada").Equal(adaAtNoon); changed != c.changed {
			t.Errorf("%q: changed %v, want %v", c.answer, changed, c.changed)
		}
	}
}

// A connector that starts while the operator thinks about the answer takes the tenant over; the change is refused by
// Kafka itself.
func TestOffsets_AConnectorThatStartsMeanwhileWins(t *testing.T) {
	s := newOffsetsStage(t, "exactly-once")
	s.store("ada", adaAtNoon)
	screen := openTerminal(t)
	ended := make(chan ran, 1)
	var asked stage.Log
	go func() {
		code := executeOn(t.Context(), []string{"offsets", "rewind", "--users", "ada", "--to", morning}, screen.screen, &asked, &asked)
		ended <- ran{code: code, err: asked.String()}
	}()
	s.until("the question is asked", func() bool { return strings.Contains(asked.String(), "[y/N]") })
	writer, err := sink.OpenWriter(t.Context(), s.writerConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := screen.typeLine("yes"); err != nil {
		t.Fatal(err)
	}
	if r := <-ended; r.code != exitUsage || !strings.Contains(r.err, "a connector was started meanwhile") {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
	if p := s.position("ada"); !p.Equal(adaAtNoon) {
		t.Errorf("the position was changed: %+v", p)
	}
}
