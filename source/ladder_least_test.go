package source

import (
	"testing"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

// With polls a day apart, as Microsoft's rule has it, each stretch of time is read three times. This is the
// least, which the schedules themselves show: of all that repeat after up to five polls, each of which reads
// one to six days back, none that keeps the promises reads less. docs/polling.md has the argument.
func TestLadder_NoScheduleOfDailyPollsReadsLess(t *testing.T) {
	least := 1e9
	var schedule []int // days that each poll reads back
	valid := 0
	var try func(polls int)
	try = func(polls int) {
		if len(schedule) < polls {
			for days := 1; days <= 6; days++ {
				schedule = append(schedule, days)
				try(polls)
				schedule = schedule[:len(schedule)-1]
			}
			return
		}
		if !promptAndTwice(schedule) {
			return
		}
		valid++
		sum := 0
		for _, days := range schedule {
			sum += days
		}
		least = min(least, float64(sum)/float64(polls))
	}
	for polls := 1; polls <= 5; polls++ {
		try(polls)
	}
	if least != 3 || valid == 0 {
		t.Errorf("of %d schedules the cheapest reads each stretch %.2f times, want 3", valid, least)
	}

	l := mustLadder(t, 24*time.Hour, DefaultRungs...)
	p := offsets.Position{}
	var ladder []int
	for now := int64(day); now <= 60*day; now += day {
		w, _ := l.Next(p, now)
		if now > 40*day {
			ladder = append(ladder, int((w.To-w.From)/day))
		}
		p = l.Advance(p, w, w.To)
	}
	if ladder[0]+ladder[1] != 6 || !promptAndTwice(ladder[:2]) {
		t.Errorf("the ladder reads back %v days", ladder)
	}
}

// promptAndTwice reports whether a schedule of daily polls, repeated for ever, keeps two promises for what is
// modified on any day: the next poll reads that day, so that what is visible at once is at most a day
// old; and two polls read it after it has become visible, which is up to a day after it was modified.
func promptAndTwice(schedule []int) bool {
	reads := func(poll, today int) bool { return schedule[poll%len(schedule)] >= poll-today }
	for today := range len(schedule) {
		// The day ends with the poll of the next. What was modified just after it began can become visible just
		// after that poll.
		visible := 0
		for poll := today + 2; poll <= today+2+6; poll++ {
			if reads(poll, today) {
				visible++
			}
		}
		if !reads(today+1, today) || visible < 2 {
			return false
		}
	}
	return true
}
