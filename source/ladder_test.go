package source

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

const (
	minute = int64(time.Minute / time.Millisecond)
	hour   = 60 * minute
	day    = 24 * hour
)

func mustLadder(t testing.TB, interval time.Duration, rungs ...time.Duration) Ladder {
	t.Helper()
	l, err := NewLadder(rungs, interval)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func marks(l Ladder, at int64) []offsets.Mark {
	var m []offsets.Mark
	for _, r := range l.rungs {
		m = append(m, offsets.Mark{Rung: r, At: at})
	}
	return m
}

func TestNewLadder_RefusesByName(t *testing.T) {
	for _, rungs := range [][]time.Duration{nil, {0}, {time.Second - 1}, {time.Hour, time.Hour}, {time.Second + 1}} {
		if _, err := NewLadder(rungs, time.Minute); !errors.Is(err, ErrLadder) {
			t.Errorf("NewLadder(%v) = %v, want ErrLadder", rungs, err)
		}
	}
}

func TestLadder_FirstWindowStartsAtStart(t *testing.T) {
	l := mustLadder(t, time.Hour, DefaultRungs...)
	w, ok := l.Next(offsets.Position{Start: 1000}, 5*day)
	if want := (offsets.Window{From: 1000, To: 5 * day, Done: 1000}); !ok || w != want {
		t.Errorf("got %+v %v, want %+v", w, ok, want)
	}
}

func TestLadder_EmptyOrInvertedWindowIsNotSent(t *testing.T) {
	l := mustLadder(t, time.Minute, DefaultRungs...)
	for name, c := range map[string]struct {
		p   offsets.Position
		end int64
	}{
		"first window, start is now":       {offsets.Position{Start: 500}, 500},
		"first window, start lies ahead":   {offsets.Position{Start: 501}, 500},
		"nothing since the mark":           {offsets.Position{Marks: marks(l, 9*day)}, 9 * day},
		"the clock went back":              {offsets.Position{Marks: marks(l, 9*day)}, 9*day - 1},
		"the clock went back beyond rungs": {offsets.Position{Marks: marks(l, 9*day)}, 1},
	} {
		if w, ok := l.Next(c.p, c.end); ok {
			t.Errorf("%s: got window %+v", name, w)
		}
	}
}

func TestLadder_ServesTheRungsThatAreDue(t *testing.T) {
	l := mustLadder(t, 10*time.Minute, DefaultRungs...)
	now := 100 * day
	at := func(ages ...int64) offsets.Position {
		p := offsets.Position{}
		for i, age := range ages {
			p.Marks = append(p.Marks, offsets.Mark{Rung: l.rungs[i], At: now - age})
		}
		return p
	}
	for name, c := range map[string]struct {
		p    offsets.Position
		from int64
	}{
		"only the shortest":                {at(10*minute, hour, hour, hour), now - 20*minute},
		"two hours, a poll before its age": {at(10*minute, 111*minute, hour, hour), now - 231*minute},
		"two hours, not quite":             {at(10*minute, 109*minute, hour, hour), now - 20*minute},
		"all":                              {at(3*day, 3*day, 3*day, 3*day), now - 5*day},
		"not before the start":             {offsets.Position{Start: now - 30*minute, Marks: marks(l, now-25*minute)}, now - 30*minute},
	} {
		if w, ok := l.Next(c.p, now); !ok || w.From != c.from || w.To != now {
			t.Errorf("%s: from %v before now, want %v", name, now-w.From, now-c.from)
		}
	}
}

func TestLadder_MarksNeverGoBack(t *testing.T) {
	l := mustLadder(t, time.Minute, time.Minute, time.Hour)
	p := offsets.Position{Marks: []offsets.Mark{{Rung: time.Minute, At: 500 * minute}, {Rung: time.Hour, At: 900 * minute}}}
	w := offsets.Window{From: 0, To: 600 * minute, Done: 0}
	next := l.Advance(p, w, w.To)
	if m, _ := next.Mark(time.Hour); m != 900*minute {
		t.Errorf("the hour's mark went from %d to %d", 900*minute, m)
	}
	if m, _ := next.Mark(time.Minute); m != 600*minute {
		t.Errorf("the minute's mark is %d, want %d", m, 600*minute)
	}
}

func TestLadder_MarksStayUntilTheLastSlice(t *testing.T) {
	l := mustLadder(t, time.Hour, DefaultRungs...)
	p := offsets.Position{Start: 0}
	w, _ := l.Next(p, 10*day)
	slice := func() int64 { to, _ := l.Slice(p, w, 3*24*time.Hour); return to }
	for to := slice(); to < w.To; to = slice() {
		p = l.Advance(p, w, to)
		if len(p.Marks) != 0 || p.Window == nil || p.Window.Done != to {
			t.Fatalf("in the middle: %+v", p)
		}
		var ok bool
		if w, ok = l.Next(p, 11*day); !ok || w.To != 10*day || w.Done != to {
			t.Fatalf("not resumed where it was: %+v", w)
		}
	}
	p = l.Advance(p, w, w.To)
	if m, ok := p.Mark(10 * time.Minute); !ok || m != 10*day || p.Window != nil {
		t.Fatalf("at the end: %+v", p)
	}
}

func TestLadder_ReadsBoundaryInstantOnce(t *testing.T) {
	l := mustLadder(t, time.Hour, DefaultRungs...)
	w, _ := l.Next(offsets.Position{Start: 7}, 100)
	reads := make(map[int64]int)
	for w.Done < w.To {
		to, _ := l.Slice(offsets.Position{Start: 7}, w, 10*time.Millisecond)
		// As Graph is asked: both bounds exclusive, the lower one a millisecond earlier.
		for instant := w.Done - 1 + 1; instant < to; instant++ {
			reads[instant]++
		}
		w.Done = to
	}
	for instant := int64(7); instant < 100; instant++ {
		if reads[instant] != 1 {
			t.Errorf("instant %d was read %d times", instant, reads[instant])
		}
	}
	if len(reads) != 93 {
		t.Errorf("%d instants were read, want 93", len(reads))
	}
}

func TestLadder_NewRungTakesTheOldestMark(t *testing.T) {
	l := mustLadder(t, time.Minute, time.Hour, 48*time.Hour)
	p := offsets.Position{Marks: []offsets.Mark{{Rung: time.Hour, At: 90 * day}, {Rung: 2 * time.Hour, At: 80 * day}}}
	w, _ := l.Next(p, 90*day+hour)
	if want := 78 * day; w.From != want {
		t.Errorf("from %d, want %d", w.From, want)
	}
}

func TestLadder_MarkAheadOfGraphIsSetBack(t *testing.T) {
	l := mustLadder(t, time.Minute, time.Hour, 48*time.Hour)
	now := 50 * day
	p := offsets.Position{Marks: []offsets.Mark{{Rung: time.Hour, At: now + 1}, {Rung: 48 * time.Hour, At: now - hour}}}
	back, changed := l.Rewound(p, now)
	if m, _ := back.Mark(time.Hour); !changed || m != now-2*day {
		t.Errorf("mark %d changed %v, want %d", m, changed, now-2*day)
	}
	if m, _ := back.Mark(48 * time.Hour); m != now-hour {
		t.Errorf("the other mark moved to %d", m)
	}
	if _, changed := l.Rewound(back, now); changed {
		t.Error("set back twice")
	}
}

// A year of polling in virtual time. Every version that becomes visible at most 24 h after its
// modification must be read at least twice, so that one reading in which the live folder hid it (an edit
// of a neighbor between two pages) loses nothing; and the first time no later than the ladder says.
func TestLadder_AYearLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulated year")
	}
	intervals := []time.Duration{time.Minute, 7 * time.Minute, time.Hour, 5 * time.Hour, 13 * time.Hour, 23 * time.Hour, 24 * time.Hour}
	for i, interval := range intervals {
		for _, outages := range []bool{false, true} {
			t.Run(fmt.Sprintf("interval=%v,outages=%v", interval, outages), func(t *testing.T) {
				t.Parallel()
				year{interval: interval, outages: outages, seed: uint64(i)}.run(t)
			})
		}
	}
}

type year struct {
	interval time.Duration
	outages  bool
	seed     uint64
}

type version struct {
	modified, visible int64
	reads             int
	first             int64
}

func (y year) run(t *testing.T) {
	const (
		start  = 20000 * day
		length = 365 * day
		settle = 2000
	)
	l := mustLadder(t, y.interval, DefaultRungs...)
	rnd := rand.New(rand.NewPCG(y.seed, 1))
	interval := y.interval.Milliseconds()

	var versions []*version // by modification time
	for at := int64(start); at < start+length; at += 1 + rnd.Int64N(60*minute) {
		v := &version{modified: at}
		switch rnd.IntN(4) {
		case 0:
			v.visible = at
		case 1:
			v.visible = at + rnd.Int64N(10*minute)
		case 2:
			v.visible = at + rnd.Int64N(day)
		default:
			// The latest that is promised to be read twice: a rung may be served a hundredth
			// of an interval after its time.
			v.visible = at + day - interval/100 - 1 - settle
		}
		versions = append(versions, v)
	}

	stored := offsets.Position{Start: start} // what a restart finds
	p := stored.Clone()
	maxGap := int64(0)
	lastPoll := int64(start)
	for now := int64(start) + 1000; now < start+length+12*day; {
		maxGap = max(maxGap, now-lastPoll)
		lastPoll = now
		w, ok := l.Next(p, now-settle)
		for ok {
			to, twice := l.Slice(p, w, []time.Duration{7 * 24 * time.Hour, 36 * time.Hour, 90 * time.Minute}[rnd.IntN(3)])
			from, _ := slices.BinarySearchFunc(versions, w.Done, func(v *version, at int64) int { return int(v.modified - at) })
			for _, v := range versions[from:] {
				if v.modified >= to {
					break
				}
				if v.visible <= now {
					if v.reads == 0 {
						v.first = now
					}
					v.reads++
					if twice {
						v.reads++
					}
				}
			}
			now += 50 // a slice takes a while
			p = l.Advance(p, w, to)
			if rnd.IntN(3) > 0 {
				stored = p.Clone() // committed
			} else if rnd.IntN(20) == 0 {
				p = stored.Clone() // killed before the commit, and started again
				now += 10_000
			}
			if p.Window == nil {
				break
			}
			w, ok = l.Next(p, now-settle)
		}
		stored = p.Clone()
		next := l.Due(p, settle*time.Millisecond)
		if y.outages && now < start+length && rnd.IntN(int(30*day/max(interval, hour))) == 0 {
			next += rnd.Int64N(9 * day)
		}
		now = max(now+1, next)
	}

	for _, v := range versions {
		late := v.visible - v.modified
		if v.reads < 2 {
			t.Fatalf("a version visible %v after its modification was read %d times", time.Duration(late)*time.Millisecond, v.reads)
		}
		// A rung of length L catches what is up to L late, at most L plus one poll later.
		if y.outages {
			continue
		}
		rung := 10 * time.Minute
		for _, r := range DefaultRungs {
			if rung = r; r.Milliseconds() >= late {
				break
			}
		}
		if waited := v.first - v.visible; waited > rung.Milliseconds()+interval+interval/100+10_000+hour {
			t.Fatalf("a version %v late was first read %v after it became visible (rung %v, interval %v)",
				time.Duration(late)*time.Millisecond, time.Duration(waited)*time.Millisecond, rung, y.interval)
		}
	}
}

// What a copy of a message costs: how often it is read, once all rungs are served. docs/kubernetes.md has the numbers.
func TestLadder_ReadsEachCopyAFewTimes(t *testing.T) {
	for _, c := range []struct {
		interval time.Duration
		times    float64
	}{
		{time.Minute, 15.7}, {10 * time.Minute, 6.7}, {time.Hour, 5.4}, {6 * time.Hour, 4.0}, {24 * time.Hour, 3.0},
	} {
		l := mustLadder(t, c.interval, DefaultRungs...)
		p := offsets.Position{}
		var read int64
		const warm, end = 30 * day, 130 * day
		for now := c.interval.Milliseconds(); now <= end; now += c.interval.Milliseconds() {
			w, ok := l.Next(p, now)
			if !ok {
				t.Fatalf("%v: nothing to read at %d", c.interval, now)
			}
			if now > warm {
				read += w.To - w.From
			}
			p = l.Advance(p, w, w.To)
		}
		times := float64(read) / float64(end-warm)
		if math.Abs(times-c.times) > 0.05 {
			t.Errorf("polled every %v, each copy is read %.2f times, want %.1f", c.interval, times, c.times)
		}
	}
}
