package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The chaos run in short: three connectors, six kills and what comes along with them.
func TestRun_NothingIsLostTwiceOrOutOfOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	log := filepath.Join(t.TempDir(), "log")
	r, err := run(t.Context(), options{versions: 10_000, kills: 6, seed: 3, rate: 300, log: log, evidence: os.Getenv("CHAOS_EVIDENCE"), progress: t.Output()})
	if err != nil {
		tail(t, log)
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
	if !r.ok() {
		tail(t, log)
		t.Error("see the report above")
	}
	if r.Versions < 4000 || r.Takeovers == 0 || r.Trouble[kill] != 6 {
		t.Errorf("%d versions, %d take-overs, %v: the run shows nothing", r.Versions, r.Takeovers, r.Trouble)
	}
}

// tail prints the end of the log of all processes.
func tail(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	t.Logf("the end of the log:\n%s", text[max(0, len(text)-20_000):])
}

func TestSequence_IsTheSeeds(t *testing.T) {
	first := sequence(7, 200, time.Second)
	if again := sequence(7, 200, time.Second); !slices.Equal(first, again) {
		t.Error("the same seed gives another sequence")
	}
	if other := sequence(8, 200, time.Second); slices.Equal(first, other) {
		t.Error("another seed gives the same sequence")
	}
	count := make(map[string]int)
	for _, one := range first {
		count[one.kind]++
		if one.pause < time.Second/2 || one.pause >= 3*time.Second/2 || one.place < 0 || one.place >= connectors || one.lasts < 0 {
			t.Errorf("%+v", one)
		}
	}
	if count[kill] != 200 {
		t.Errorf("%d kills, want 200", count[kill])
	}
	for _, w := range weights {
		if count[w.kind] == 0 {
			t.Errorf("%s never comes", w.kind)
		}
	}
}
