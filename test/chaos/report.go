package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// report is what is left of a run.
type report struct {
	Seed     uint64         `json:"seed"`
	Versions int            `json:"versions"` // shown for certain
	Kills    int            `json:"kills"`
	Trouble  map[string]int `json:"trouble"` // by kind, kills included

	Missing    int `json:"missing"`
	Duplicated int `json:"duplicated"`
	Reordered  int `json:"reordered"`
	// MarksAhead are versions written after a position that stands for them; null if timestamps are the events'.
	MarksAhead *int `json:"marks_ahead"`
	EarlyPolls int  `json:"early_polls"`

	InTopic     int `json:"in_topic"`
	Superseded  int `json:"superseded"`
	Uncommitted int `json:"uncommitted"`
	DeadLetters int `json:"dead_letters"`
	Gaps        int `json:"gaps"` // stretches that Graph never answered for
	Unseen      int `json:"unseen"`
	Other       int `json:"other"` // unknown, undecodable, altered or contradicting records
	// Crashes are connectors that ended by themselves, and exit codes other than 0 after SIGTERM.
	Crashes []string `json:"crashes"`

	Takeovers   int     `json:"takeovers"`
	TakeoverP50 float64 `json:"takeover_p50_seconds"`
	TakeoverP99 float64 `json:"takeover_p99_seconds"`
	TakeoverMax float64 `json:"takeover_max_seconds"`
	// Stuck is how often the embedded Kafka's group had to be freed by a restart.
	Stuck   int     `json:"group_restarts"`
	Seconds float64 `json:"seconds"`

	examples map[judge.Finding][]string
}

func (r *report) take(v *judge.Verdict) {
	r.Versions, r.Missing, r.Duplicated, r.Reordered = v.Exposed, v.Missing, v.Duplicated, v.Reordered
	r.InTopic, r.Superseded, r.Uncommitted, r.DeadLetters, r.Gaps, r.Unseen = v.InTopic, v.Superseded, v.Uncommitted, v.DeadLetters, v.Gaps, v.Unseen
	r.Other = v.Unknown + v.Undecodable + v.BodyMismatch + v.Mismatched
	r.examples = v.Examples
}

func (r *report) measure(takeovers []time.Duration) {
	slices.Sort(takeovers)
	r.Takeovers = len(takeovers)
	if len(takeovers) == 0 {
		return
	}
	at := func(part float64) float64 { return takeovers[int(part*float64(len(takeovers)-1)+0.5)].Seconds() }
	r.TakeoverP50, r.TakeoverP99, r.TakeoverMax = at(0.5), at(0.99), at(1)
}

func (r *report) ok() bool {
	return r.Missing+r.Duplicated+r.Reordered+r.EarlyPolls+r.Other+r.Unseen == 0 && (r.MarksAhead == nil || *r.MarksAhead == 0) && len(r.Crashes) == 0
}

// String is the report for people.
func (r *report) String() string {
	var b strings.Builder
	for finding, lines := range r.examples {
		for _, line := range lines {
			fmt.Fprintf(&b, "%s: %s\n", finding, line)
		}
	}
	for _, crash := range r.Crashes {
		fmt.Fprintf(&b, "crashed: %s\n", crash)
	}
	fmt.Fprintf(&b, "seed %d: %d versions in %.0f s", r.Seed, r.Versions, r.Seconds)
	for _, kind := range slices.Sorted(maps.Keys(r.Trouble)) {
		fmt.Fprintf(&b, ", %s %d", kind, r.Trouble[kind])
	}
	ahead := "not looked for (event time)"
	if r.MarksAhead != nil {
		ahead = fmt.Sprint(*r.MarksAhead)
	}
	fmt.Fprintf(&b, "\nin topic %d · superseded %d (%d of windows that their reader did not commit) · dead letters %d · gaps %d · unseen %d\n",
		r.InTopic, r.Superseded, r.Uncommitted, r.DeadLetters, r.Gaps, r.Unseen)
	fmt.Fprintf(&b, "take-overs %d: p50 %.2f s, p99 %.2f s, max %.2f s (embedded Kafka's group stuck and restarted %d times)\n",
		r.Takeovers, r.TakeoverP50, r.TakeoverP99, r.TakeoverMax, r.Stuck)
	fmt.Fprintf(&b, "missing %d · duplicated %d · reordered %d · marks ahead %s · early polls %d · other faults %d · crashes %d\n",
		r.Missing, r.Duplicated, r.Reordered, ahead, r.EarlyPolls, r.Other, len(r.Crashes))
	return b.String()
}
