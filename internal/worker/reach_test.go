package worker

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// copyOf is another mailbox's copy of a version: the same etag, a time that differs.
func copyOf(id string, at time.Time, by time.Duration) []byte {
	seen := at.Add(by).UTC().Format(time.RFC3339Nano)
	return fmt.Appendf(nil, `{"id":%q,"chatId":"19:a@thread.v2","etag":"%d","messageType":"message","createdDateTime":%q,"lastModifiedDateTime":%q,"body":{"contentType":"text","content":"x"}}`,
		id, at.UnixMilli(), seen, seen)
}

// Two mailboxes' copies of one version can lie some milliseconds apart, so the index must know a version for a
// little longer than its own time is asked for (invariant 2).
func TestSession_ACopyThatIsMillisecondsYoungerThanASweptVersionIsKnown(t *testing.T) {
	cfg := configuration(t, "u")
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	s.current(t, "u", now)
	edge := s.horizonOf(now)
	s.take(t, "u", edge, now, copyOf("1", edge.Add(-2*time.Millisecond), 0))
	s.save(t)
	s.sweep()
	s.take(t, "u", edge, now, copyOf("1", edge.Add(-2*time.Millisecond), 4*time.Millisecond))
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}

// horizonOf is the first instant that the only user's next window asks for.
func (s *session) horizonOf(now time.Time) time.Time {
	oldest := now.UnixMilli()
	for _, p := range s.roster.positions {
		oldest = min(oldest, s.cfg.Ladder.Oldest(p))
	}
	return time.UnixMilli(oldest)
}

// While a history is read, what was written of it stays known as long as somebody is before it, and no
// longer.
func TestSession_TheIndexKnowsHistoryFromTheUserFurthestBehindOn(t *testing.T) {
	cfg := configuration(t, "u", "v")
	now := time.Now().Truncate(time.Millisecond)
	from := now.Add(-60 * 24 * time.Hour)
	s := open(t, cfg)
	for user, p := range s.roster.positions {
		p.Start = from.UnixMilli()
		s.roster.positions[user] = p
	}
	window := offsets.Window{From: from.UnixMilli(), To: now.UnixMilli(), Done: from.Add(24 * time.Hour).UnixMilli()}
	through := offsets.Position{Start: from.UnixMilli(), Window: &window}
	item := message("1", from.Add(time.Hour))
	s.take(t, "u", from, from.Add(24*time.Hour), item)
	s.deliverPosition(t, "u", through)
	s.save(t)
	s.sweep()
	s.take(t, "v", from, from.Add(24*time.Hour), item)
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
	s.deliverPosition(t, "v", through)
	s.reach.lease = span{} // which is for others who may come back
	s.sweep()
	if s.admission.index.Len() != 0 {
		t.Errorf("%d messages stay in the index although all users have passed them", s.admission.index.Len())
	}
}

func (s *session) deliverPosition(t *testing.T, user string, p offsets.Position) {
	t.Helper()
	if err := s.deliver(t.Context(), source.Delivery{User: user, Position: &p}); err != nil {
		t.Fatal(err)
	}
}

// people are the needs of users in a test of reach, by how far back each reads and whether it is suspended.
type people []person

type person struct {
	need    int64
	reading bool
}

func (p people) needs(yield func(int64, bool) bool) {
	for _, each := range p {
		if !yield(each.need, each.reading) {
			return
		}
	}
}

const (
	testNow = int64(1_800_000_000_000)
	testDay = int64(24 * time.Hour / time.Millisecond)
	// testBack is the regular reach of a day's interval with the default ladder.
	testBack = 126 * time.Hour
)

func TestReach_OnlyUsersWithinTheRegularReachHoldTheFloor(t *testing.T) {
	regular := person{testNow - 3*testDay, true}
	for name, c := range map[string]struct {
		users   people
		start   int64 // a new session's floor,
		running int64 // and what one that knew everything keeps
	}{
		"nobody":                          {nil, testNow, testNow},
		"a regular user":                  {people{regular}, testNow - 3*testDay, testNow - 3*testDay},
		"suspended for a day":             {people{regular, {testNow - 5*testDay, false}}, testNow - 5*testDay, testNow - 5*testDay},
		"suspended for 15 days":           {people{regular, {testNow - 15*testDay, false}}, testNow - 3*testDay, testNow - 3*testDay},
		"reading history":                 {people{regular, {testNow - 15*testDay, true}}, testNow - 3*testDay, testNow - 15*testDay},
		"history behind a suspended user": {people{{testNow - 20*testDay, false}, {testNow - 15*testDay, true}}, testNow, testNow - 15*testDay},
	} {
		t.Run(name, func(t *testing.T) {
			if floor := start(testNow, testBack, c.users.needs); floor != c.start-copySkew {
				t.Errorf("a new session knows the last %v, want %v", time.Duration(testNow-floor)*time.Millisecond, time.Duration(testNow-c.start+copySkew)*time.Millisecond)
			}
			r := newReach(0)
			r.advance(testNow, testBack, c.users.needs)
			if r.floor != c.running-copySkew {
				t.Errorf("a running session keeps the last %v, want %v", time.Duration(testNow-r.floor)*time.Millisecond, time.Duration(testNow-c.running+copySkew)*time.Millisecond)
			}
		})
	}
}

// 200 users come back from an outage one by one, suspended until then: the topic is read once for all of them.
func TestReach_OneOutageIsOnePass(t *testing.T) {
	users := people{{testNow - 3*testDay, true}}
	for i := range int64(200) { // out for 9 to 10 days, as they were polled a day apart
		users = append(users, person{testNow - 14*testDay + i*testDay/200, false})
	}
	r := newReach(start(testNow, testBack, users.needs))
	passes := 0
	for i := 1; i <= 200; i++ {
		now := testNow + int64(i)*2*60_000 // over six hours
		u := &users[200-(i*77)%200]
		u.reading = true
		if !r.compares(u.need, now, true) {
			r.ask(u.need)
		}
		if r.plan(now, users.needs) != nil {
			passes++
			r.finish(now)
		}
		if !r.compares(u.need, now, true) {
			t.Fatalf("user %d still waits", i)
		}
		u.need = now - 3*testDay // caught up
		r.advance(now, testBack, users.needs)
	}
	if passes != 1 {
		t.Errorf("the topic was read %d times, want once", passes)
	}
	r.advance(testNow+2*testDay, testBack, users.needs)
	if reach := testNow + 2*testDay - r.floor; reach > 6*testDay {
		t.Errorf("the index still reaches %v back", time.Duration(reach)*time.Millisecond)
	}
}

// A user who is suspended at the beginning of history, of which memory holds little, does not make the
// others wait for ever: each pass of the topic makes known what somebody waits for.
func TestReach_APassReachesThoseWhoWait(t *testing.T) {
	users := people{{testNow - 20*testDay, false}, {testNow - 15*testDay, true}}
	r := newReach(start(testNow, testBack, users.needs))
	for passes := 0; users[1].need < testNow-4*testDay; passes++ {
		if passes > 600 {
			t.Fatalf("after %d passes the user is at %v before now", passes, time.Duration(testNow-users[1].need)*time.Millisecond)
		}
		r.ask(users[1].need)
		if r.plan(testNow, users.needs) == nil {
			t.Fatal("nothing is read for a user who waits")
		}
		// Memory allows an hour.
		middle := func(from, to int64) (int64, int) {
			if to-from <= testDay/24 {
				return from, 0
			}
			return from + (to-from)/2, 1000
		}
		for r.narrow(testNow, testBack, users.needs, middle, 100) {
		}
		r.finish(testNow)
		end := r.end(users[1].need)
		if end <= users[1].need {
			t.Fatalf("after a pass the user still waits: %+v", r)
		}
		users[1].need = min(end, testNow)
		r.advance(testNow, testBack, users.needs)
	}
}

// Whatever comes, in whatever order: what the index says it can compare it knows, it holds little more than
// it has room for, and everybody gets through.
func TestReach_KnowsWhatItSaysItKnows(t *testing.T) {
	for seed := range uint64(200) {
		m := &reachModel{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: testNow, index: make(map[int64]bool)}
		m.run(seed)
	}
}

// reachModel is a topic, an index and users who read, as far as reach sees of them.
type reachModel struct {
	t     *testing.T
	rnd   *rand.Rand
	r     reach
	now   int64
	topic []int64        // times of versions
	index map[int64]bool // those of them that the index knows
	users people
	room  int
}

func (m *reachModel) run(seed uint64) {
	m.room = 50 + m.rnd.IntN(500)
	for range m.rnd.IntN(2000) {
		m.topic = append(m.topic, m.now-m.rnd.Int64N(90*testDay))
	}
	for range 1 + m.rnd.IntN(12) {
		m.users = append(m.users, person{m.now - m.rnd.Int64N(90*testDay), m.rnd.IntN(4) > 0})
	}
	m.r = newReach(start(m.now, testBack, m.users.needs))
	m.scan(m.r.floor)
	for step := 0; ; step++ {
		if step > 100_000 {
			m.t.Fatalf("seed %d: users still wait: %+v, %+v", seed, m.users, m.r)
		}
		m.now += 1 + m.rnd.Int64N(20*60_000)
		done := true
		for i := range m.users {
			u := &m.users[i]
			if m.rnd.IntN(200) == 0 && step < 50_000 {
				u.reading = !u.reading // suspended, or back
			}
			if u.reading && u.need < m.now-4*testDay {
				done = false
				m.read(u)
			}
			if m.rnd.IntN(2000) == 0 {
				m.stray()
			}
		}
		m.check(seed)
		if m.r.plan(m.now, m.users.needs) != nil {
			m.scan(m.r.pass.since())
			m.r.finish(m.now)
		}
		m.relieve()
		if m.rnd.IntN(3) == 0 {
			m.r.advance(m.now, testBack, m.users.needs)
			m.forget()
		}
		if done {
			return
		}
	}
}

// read reads the user's next stretch, and writes what the topic does not hold.
func (m *reachModel) read(u *person) {
	to := min(u.need+1+m.rnd.Int64N(3*testDay), m.r.end(u.need))
	if to <= u.need {
		m.r.ask(u.need)
		return
	}
	for range m.rnd.IntN(4) {
		at := u.need + m.rnd.Int64N(to-u.need)
		if !m.r.compares(at, m.now, true) {
			m.t.Fatalf("%d cannot be compared, although the reach ends at %d", at, to)
		}
		if !slices.Contains(m.topic, at) {
			m.topic = append(m.topic, at)
			m.index[at] = true
		}
	}
	u.need = to
}

func (m *reachModel) stray() {
	if at := m.now - m.rnd.Int64N(90*testDay); !m.r.compares(at, m.now, false) {
		m.r.askStray(at)
	}
}

// scan reads the topic back.
func (m *reachModel) scan(since int64) {
	for _, at := range m.topic {
		if at >= since && m.r.knows(at) {
			m.index[at] = true
			m.relieve()
		}
	}
}

func (m *reachModel) relieve() {
	middle := func(from, to int64) (int64, int) {
		var in []int64
		for at := range m.index {
			if from <= at && at < to {
				in = append(in, at)
			}
		}
		if len(in) == 0 {
			return from, 0
		}
		slices.Sort(in)
		return in[len(in)/2], len(in)
	}
	if len(m.index) > m.room && m.r.narrow(m.now, testBack, m.users.needs, middle, m.room/8) {
		m.forget()
	}
}

func (m *reachModel) forget() {
	maps.DeleteFunc(m.index, func(at int64, _ bool) bool { return !m.r.knows(at) })
}

// check compares what the index says with what it knows.
func (m *reachModel) check(seed uint64) {
	for _, at := range m.topic {
		if !m.index[at] && m.r.pass == nil && (m.r.compares(at, m.now, true) || m.r.compares(at, m.now, false)) {
			m.t.Fatalf("seed %d: a version of %v before now is not known, although it is called so: %+v", seed, time.Duration(m.now-at)*time.Millisecond, m.r)
		}
	}
}

// What was written a moment ago may be on its way to the broker. If memory makes the index forget it at
// once, a read-back finds it all the same (invariant 2).
func TestReach_AReadBackFindsWhatIsOnItsWay(t *testing.T) {
	cfg := configuration(t, "u", "v")
	s := open(t, cfg)
	from := time.Now().Add(-20 * 24 * time.Hour).Truncate(time.Millisecond)
	item := message("1", from.Add(time.Hour))
	s.take(t, "u", from, from.Add(24*time.Hour), item)
	s.reach.floor, s.reach.band, s.reach.lease = time.Now().UnixMilli(), span{}, span{}
	s.forget()
	if n := s.admission.index.Len(); n != 0 {
		t.Fatalf("%d messages are still known", n)
	}
	s.take(t, "v", from, from.Add(24*time.Hour), item)
	if cfg.count(outcomeWritten) != 1 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 1 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}
