package main

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// On a terminal of any width, and in one whose window changes, the demo keeps one line up to date.
func TestDemo_KeepsOneLineThatFitsTheTerminal(t *testing.T) {
	screen := openTerminal(t)
	resize := func(columns uint16) {
		if err := unix.IoctlSetWinsize(int(screen.screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			t.Error(err)
		}
	}
	resize(80)
	var shown stage.Log
	go func() {
		_, _ = io.Copy(&shown, screen.keyboard) // until the terminal is closed
	}()
	live := regexp.MustCompile(`\x1b\[J([^\r\n\x1b]+)`)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		ended <- executeOn(ctx, []string{"demo", "--duration", "4s", "--users", "4", "--chats", "4"}, strings.NewReader(""), screen.screen, screen.screen)
	}()
	for _, columns := range []int{80, 200, 120} {
		resize(uint16(columns))
		from, lines := len(shown.String()), [][]string{}
		for len(lines) < 3 && ctx.Err() == nil {
			wait(ctx, 20*time.Millisecond)
			lines = live.FindAllStringSubmatch(shown.String()[from:], -1)
		}
		if len(lines) < 3 {
			t.Fatalf("at %d columns the screen showed\n%q", columns, shown.String())
		}
		// The first may have been drawn before the change.
		line := lines[2][1]
		if n := utf8.RuneCountInString(line); n >= columns {
			t.Errorf("%d characters at %d columns: %q", n, columns, line)
		}
		if whole := strings.Contains(line, "seen before"); whole != (columns >= 120) || !strings.Contains(line, "written") || !strings.Contains(line, "lag") {
			t.Errorf("at %d columns: %q", columns, line)
		}
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d\n%s", code, shown.String())
	}
	wait(ctx, 50*time.Millisecond)
	if got := shown.String(); !strings.Contains(got, "None is missing.") {
		t.Errorf("the screen showed\n%q", got)
	}
}

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
