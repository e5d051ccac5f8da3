package main

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// On a terminal, `connector run` shows how far history has come, below its log.
func TestRun_OnATerminalShowsHowFarHistoryHasCome(t *testing.T) {
	tenant := stage.Tenant(3, 3, 1, 1)
	tenant.History = graphsim.History{Messages: 300, Reach: 700 * 24 * time.Hour}
	settings := stage.Start(t, stage.Options{Graph: tenant}).Settings
	settings.SourceStart, settings.RecordTimestamp, settings.SourceRate, settings.LogFormat = "16800h", "ingest", "10", "text"
	setEnvironment(t, settings)

	screen := openTerminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		ended <- executeOn(ctx, []string{"run"}, strings.NewReader(""), screen.screen, screen.screen)
	}()
	var shown stage.Log
	go func() { _, _ = io.Copy(&shown, screen.keyboard) }() // until the terminal is closed
	want := regexp.MustCompile(`\x1b\[J3 users · \d+ msg/s · furthest behind \d+d\S* · history of 3 users, about \S+ left`)
	for !want.MatchString(shown.String()) && ctx.Err() == nil {
		wait(ctx, 20*time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Errorf("the screen showed\n%q", shown.String())
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d\n%s", code, shown.String())
	}
}
