package offsets_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

var rungs = []time.Duration{10 * time.Minute, 2 * time.Hour, 48 * time.Hour}

const day = int64(24 * 60 * 60 * 1000)

// positions draws positions as a ladder makes them, between two and nine days.
func positions(t *rapid.T) offsets.Position {
	p := offsets.Position{Start: rapid.Int64Range(day, 2*day).Draw(t, "start")}
	if rapid.Bool().Draw(t, "marked") {
		for _, rung := range rungs {
			p.Marks = append(p.Marks, offsets.Mark{Rung: rung, At: rapid.Int64Range(p.Start, 9*day).Draw(t, "mark")})
		}
	}
	if rapid.Bool().Draw(t, "window in progress") {
		from := rapid.Int64Range(p.Start, 8*day).Draw(t, "from")
		done := rapid.Int64Range(from, 9*day).Draw(t, "done")
		p.Window = &offsets.Window{From: from, Done: done, To: 9 * day}
	}
	return p
}

// A rewind reads everything again since the instant asked for, and leaves out nothing that would have been
// read without it (invariant 1).
func TestRewound_ReadsAllSinceThenAndSkipsNothing(t *testing.T) {
	ladder, err := source.NewLadder(rungs, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		p := positions(t)
		at := rapid.Int64Range(1, 9*day).Draw(t, "at")
		back := p.Rewound(at)
		if p.Skips(back) {
			t.Errorf("%+v rewound to %d is %+v, which skips", p, at, back)
		}
		if got, before := ladder.Oldest(back), ladder.Oldest(p); got > before {
			t.Errorf("needs only %d of what needed %d", got, before)
		}
		window, ok := ladder.Next(back, 10*day)
		if !ok || window.Done > at {
			t.Errorf("%+v rewound to %d goes on with %+v %v", p, at, window, ok)
		}
		if again := back.Rewound(at); !again.Equal(back) {
			t.Errorf("rewound twice it is %+v, once %+v", again, back)
		}
	})
}

// Whatever is skipped is called so; what stays or goes back is not.
func TestSkips_TellsForwardFromBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := positions(t)
		if p.Skips(p.Clone()) {
			t.Errorf("%+v skips itself", p)
		}
		at := rapid.Int64Range(p.ReadUpTo()+1, 10*day).Draw(t, "at")
		if skipped := p.Skipped(at); !p.Skips(skipped) || skipped.ReadUpTo() != at {
			t.Errorf("%+v skipped to %d is %+v, read up to %d, skips: %v", p, at, skipped, skipped.ReadUpTo(), p.Skips(skipped))
		}
	})
	marked := offsets.Position{Start: 5, Marks: []offsets.Mark{{Rung: time.Minute, At: 10 * day}, {Rung: 48 * time.Hour, At: 9 * day}}}
	for name, q := range map[string]offsets.Position{
		"a later start than the longest rung still asks for": {Start: 8 * day},
		"one mark of two":                     {Start: 5, Marks: []offsets.Mark{{Rung: time.Minute, At: 10 * day}, {Rung: 48 * time.Hour, At: 9*day + 1}}},
		"a rung more, marked":                 {Start: 5, Marks: []offsets.Mark{{Rung: time.Minute, At: 10 * day}, {Rung: time.Hour, At: 9*day + 1}, {Rung: 48 * time.Hour, At: 9 * day}}},
		"a window that counts a part as read": {Start: 5, Marks: marked.Marks, Window: &offsets.Window{From: 3 * day, Done: 4 * day, To: 9 * day}},
	} {
		if !marked.Skips(q) {
			t.Errorf("%s: not called skipping", name)
		}
	}
	for name, q := range map[string]offsets.Position{
		"an earlier start":                       {Start: 5},
		"a later start that no rung goes before": {Start: 6 * day, Marks: marked.Marks},
		"a window of which nothing is read":      {Start: 5, Marks: marked.Marks, Window: &offsets.Window{From: 3 * day, Done: 3 * day, To: 9 * day}},
	} {
		if marked.Skips(q) {
			t.Errorf("%s: called skipping", name)
		}
	}
}
