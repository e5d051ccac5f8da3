package worker

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// roster is a session as far as enrol needs one.
func roster(t *testing.T, users ...string) *session {
	t.Helper()
	ladder, err := source.NewLadder(source.DefaultRungs, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{
		cfg: Config{Ladder: ladder, Start: config.Start{Back: 24 * time.Hour}, UsersRetention: 30 * 24 * time.Hour,
			Directory: &source.Directory{Everyone: true}, SourceMetrics: source.NewMetrics(nil), Metrics: NewMetrics(nil)},
		log:       slog.New(slog.DiscardHandler),
		positions: make(map[string]offsets.Position),
		dirty:     make(map[string]offsets.Position),
		resting:   make(map[string]bool),
	}
	for _, user := range users {
		s.positions[user] = offsets.Position{Start: 1}
	}
	return s
}

func found(users ...string) source.Found {
	f := source.Found{Users: make(map[string]bool), Excluded: make(map[string]bool)}
	for _, user := range users {
		f.Users[user] = true
	}
	return f
}

// names lists those who are polled.
func (s *session) names() []string { return slices.Sorted(maps.Keys(s.polled())) }

// read moves a user's marks to an instant.
func (s *session) read(user string, at time.Time) {
	p := s.positions[user]
	p.Marks = []offsets.Mark{{Rung: s.cfg.Ladder.Shortest(), At: at.UnixMilli()}}
	s.positions[user] = p
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestRoster_ANewUserStartsWhereThePreviousDiscoveryDidNotListIt(t *testing.T) {
	s := roster(t)
	s.enrol(found("a"), noon)
	if want := noon.Add(-24 * time.Hour).UnixMilli(); s.positions["a"].Start != want {
		t.Errorf("the first user starts at %d, want SOURCE_START, %d", s.positions["a"].Start, want)
	}
	// An hour later SOURCE_START, a day back, is the earlier.
	later := noon.Add(time.Hour)
	s.enrol(found("a", "b"), later)
	if want := later.Add(-24 * time.Hour).UnixMilli(); s.positions["b"].Start != want {
		t.Errorf("b starts at %d, want %d", s.positions["b"].Start, want)
	}
	// After three days without a discovery the previous discovery is.
	s.enrol(found("a", "b", "c"), later.Add(72*time.Hour))
	if s.positions["c"].Start != later.UnixMilli() {
		t.Errorf("c starts at %d, want the previous discovery, %d", s.positions["c"].Start, later.UnixMilli())
	}
	for user := range s.positions {
		if _, written := s.dirty[user]; !written {
			t.Errorf("the start of %s is not written", user)
		}
	}
}

func TestRoster_ARemovedUserDrainsRestsAndIsForgotten(t *testing.T) {
	s := roster(t)
	s.enrol(found("a", "b", "c"), noon)
	s.enrol(found("a", "b"), noon.Add(time.Hour))
	removed := noon.Add(time.Hour)
	if s.positions["c"].Removed != removed.UnixMilli() || s.dirty["c"].Removed == 0 {
		t.Fatalf("c is not noted as removed: %+v", s.positions["c"])
	}
	s.read("c", removed.Add(47*time.Hour))
	s.enrol(found("a", "b"), noon.Add(48*time.Hour))
	if !slices.Equal(s.names(), []string{"a", "b", "c"}) {
		t.Errorf("while it drains, c is not polled: %v", s.names())
	}
	s.read("c", removed.Add(48*time.Hour))
	s.enrol(found("a", "b"), noon.Add(49*time.Hour))
	if !slices.Equal(s.names(), []string{"a", "b"}) {
		t.Errorf("drained, c is still polled: %v", s.names())
	}
	if _, kept := s.positions["c"]; !kept {
		t.Error("the position of c is not kept")
	}
	s.enrol(found("a", "b"), removed.Add(31*24*time.Hour))
	if _, kept := s.positions["c"]; kept || !slices.Equal(s.forgotten, []string{"c"}) {
		t.Errorf("after the retention c is not forgotten: %v", s.forgotten)
	}
}

func TestRoster_AUserWhoComesBackGoesOnWhereItWas(t *testing.T) {
	s := roster(t)
	s.enrol(found("a", "b"), noon)
	s.read("b", noon)
	s.enrol(found("a"), noon.Add(time.Hour))
	s.read("b", noon.Add(60*time.Hour))
	s.enrol(found("a"), noon.Add(61*time.Hour))
	s.enrol(found("a", "b"), noon.Add(80*time.Hour))
	if p := s.positions["b"]; p.Removed != 0 || len(p.Marks) != 1 || s.dirty["b"].Removed != 0 {
		t.Errorf("position %+v", p)
	}
	if !slices.Equal(s.names(), []string{"a", "b"}) {
		t.Errorf("polled: %v", s.names())
	}
}

func TestRoster_AnExclusionTakesEffectAtOnceAndAnInclusionToo(t *testing.T) {
	s := roster(t)
	s.enrol(found("a", "b"), noon)
	f := found("a")
	f.Excluded["b"] = true
	s.enrol(f, noon.Add(time.Hour))
	if !slices.Equal(s.names(), []string{"a"}) {
		t.Errorf("polled: %v", s.names())
	}
	s.enrol(found("a", "b"), noon.Add(2*time.Hour))
	if !slices.Equal(s.names(), []string{"a", "b"}) || s.positions["b"].Removed != 0 {
		t.Errorf("polled: %v", s.names())
	}
}

func TestRoster_FarFewerUsersAreNotBelievedAtOnce(t *testing.T) {
	s := roster(t)
	s.enrol(found("a", "b", "c", "d", "e"), noon)
	for i := range 2 {
		s.enrol(found("a", "new"), noon.Add(time.Duration(i+1)*time.Hour))
		if len(s.names()) != 6 || s.positions["c"].Removed != 0 {
			t.Fatalf("discovery %d was believed: %v", i, s.names())
		}
	}
	// One that is plausible again ends the doubt,
	s.enrol(found("a", "b", "c", "d", "e", "new"), noon.Add(3*time.Hour))
	for i := range 2 {
		s.enrol(found("a"), noon.Add(time.Duration(i+4)*time.Hour))
	}
	if s.positions["b"].Removed != 0 {
		t.Fatal("doubt was not counted anew")
	}
	// and the third in a row is believed; even then everyone drains.
	s.enrol(found("a"), noon.Add(6*time.Hour))
	if s.positions["b"].Removed == 0 || len(s.names()) != 6 {
		t.Errorf("the third was not believed: %+v, %v", s.positions["b"], s.names())
	}

	// A list that somebody wrote is believed as it is.
	s = roster(t)
	s.cfg.Directory = &source.Directory{Listed: []string{"a"}}
	s.enrol(found("a", "b", "c"), noon)
	s.enrol(found("a"), noon.Add(time.Hour))
	if s.positions["b"].Removed == 0 {
		t.Error("a written list was doubted")
	}
}

func TestRoster_NobodyIsFoundAtAll(t *testing.T) {
	s := roster(t)
	s.enrol(found("a", "b"), noon)
	s.enrol(found(), noon.Add(time.Hour))
	if !slices.Equal(s.names(), []string{"a", "b"}) || s.positions["a"].Removed != 0 {
		t.Error("an empty discovery was believed at once")
	}
}

// The tombstone must stand where the position stands, or it only hides it; and who is found again before it is committed
// keeps the new position.
func TestSession_AForgottenUsersPositionEndsWhereItStands(t *testing.T) {
	users := []string{"a", "b", "c", "d", "e", "f", "g", "h"} // they are in all three partitions
	cfg := configuration(t, users...)
	cfg.Writer.Topics.Partitions = 3
	s := open(t, cfg)
	s.save(t)
	removed := time.Now()
	s.enrol(found(), removed)
	s.enrol(found(), removed.Add(cfg.UsersRetention+time.Hour))
	back := removed.Add(cfg.UsersRetention + 2*time.Hour)
	s.enrol(found("a", "b"), back)
	s.save(t)
	s.writer.Close()

	stored, err := offsets.Read(t.Context(), cfg.Writer.Client, cfg.Writer.Topics.Offsets, cfg.Name, cfg.Tenant, cfg.RebuildTimeout)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range stored.Losers {
		t.Errorf("partition %d still holds %s, beside its tombstone", r.Partition, r.Key)
	}
	if left := slices.Sorted(maps.Keys(stored.Positions)); !slices.Equal(left, []string{"a", "b"}) {
		t.Errorf("there are positions of %v, want those who came back, a and b", left)
	}
}

// A request that was under way when its user went brings something that nobody wants any more: an excluded user's messages are not
// written, and who was forgotten does not come back by it.
func TestSession_TakesNothingOfWhoIsNotPolledAnyMore(t *testing.T) {
	cfg := configuration(t, "excluded", "forgotten", "left")
	s := open(t, cfg)
	s.save(t)
	now := time.Now().Truncate(time.Millisecond)
	f := found("left")
	f.Excluded["excluded"] = true
	s.enrol(f, now)
	s.enrol(f, now.Add(cfg.UsersRetention+time.Hour))
	for _, user := range []string{"excluded", "forgotten", "stranger"} {
		p := offsets.Position{Start: 1, Marks: []offsets.Mark{{Rung: time.Minute, At: now.UnixMilli()}}}
		err := s.deliver(t.Context(), source.Delivery{User: user, Items: [][]byte{message("1", now)},
			From: now.Add(-time.Minute).UnixMilli(), To: now.Add(time.Minute).UnixMilli(), Position: &p})
		if !errors.Is(err, source.ErrRemoved) {
			t.Errorf("%s: got %v, want ErrRemoved", user, err)
		}
	}
	s.save(t)
	s.writer.Close()
	if cfg.count(outcomeWritten) != 0 {
		t.Errorf("%d messages were written", cfg.count(outcomeWritten))
	}
	stored, err := offsets.Read(t.Context(), cfg.Writer.Client, cfg.Writer.Topics.Offsets, cfg.Name, cfg.Tenant, cfg.RebuildTimeout)
	if err != nil {
		t.Fatal(err)
	}
	if left := slices.Collect(maps.Keys(stored.Positions)); !slices.Equal(left, []string{"left"}) {
		t.Errorf("there are positions of %v", left)
	}
}
