package worker

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/config"
	onstage "github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// testRoster is a roster of a session without Kafka and Graph.
func testRoster(t *testing.T) *roster {
	t.Helper()
	ladder, err := source.NewLadder(source.DefaultRungs, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Ladder: ladder, Start: config.Start{Back: 24 * time.Hour}, UsersRetention: 30 * 24 * time.Hour,
		Directory: &source.Directory{Everyone: true}, SourceMetrics: source.NewMetrics(nil), Metrics: NewMetrics(nil)}
	return newRoster(cfg, slog.New(slog.DiscardHandler), offsets.Stored{Positions: make(map[string]offsets.Position)}, newTransaction(cfg, nil, nil, nil))
}

func found(users ...string) source.Found {
	f := source.Found{Users: make(map[string]bool), Excluded: make(map[string]bool)}
	for _, user := range users {
		f.Users[user] = true
	}
	return f
}

// names lists those who are polled.
func (r *roster) names() []string { return slices.Sorted(maps.Keys(r.polled())) }

// read moves a user's marks to an instant.
func (r *roster) read(user string, at time.Time) {
	p := r.positions[user]
	p.Marks = []offsets.Mark{{Rung: r.cfg.Ladder.Shortest(), At: at.UnixMilli()}}
	r.positions[user] = p
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestRoster_ANewUserStartsWhereThePreviousDiscoveryDidNotListIt(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a"), noon)
	if want := noon.Add(-24 * time.Hour).UnixMilli(); r.positions["a"].Start != want {
		t.Errorf("the first user starts at %d, want SOURCE_START, %d", r.positions["a"].Start, want)
	}
	// An hour later SOURCE_START, a day back, is the earlier.
	later := noon.Add(time.Hour)
	r.enroll(found("a", "b"), later)
	if want := later.Add(-24 * time.Hour).UnixMilli(); r.positions["b"].Start != want {
		t.Errorf("b starts at %d, want %d", r.positions["b"].Start, want)
	}
	// After three days without a discovery the previous discovery is.
	r.enroll(found("a", "b", "c"), later.Add(72*time.Hour))
	if r.positions["c"].Start != later.UnixMilli() {
		t.Errorf("c starts at %d, want the previous discovery, %d", r.positions["c"].Start, later.UnixMilli())
	}
	for user := range r.positions {
		if _, written := r.transaction.dirty[user]; !written {
			t.Errorf("the start of %s is not written", user)
		}
	}
}

func TestRoster_ARemovedUserDrainsRestsAndIsForgotten(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a", "b", "c"), noon)
	r.enroll(found("a", "b"), noon.Add(time.Hour))
	removed := noon.Add(time.Hour)
	if r.positions["c"].Removed != removed.UnixMilli() || r.transaction.dirty["c"].Removed == 0 {
		t.Fatalf("c is not noted as removed: %+v", r.positions["c"])
	}
	r.read("c", removed.Add(47*time.Hour))
	r.enroll(found("a", "b"), noon.Add(48*time.Hour))
	if !slices.Equal(r.names(), []string{"a", "b", "c"}) {
		t.Errorf("while it drains, c is not polled: %v", r.names())
	}
	r.read("c", removed.Add(48*time.Hour))
	r.enroll(found("a", "b"), noon.Add(49*time.Hour))
	if !slices.Equal(r.names(), []string{"a", "b"}) {
		t.Errorf("drained, c is still polled: %v", r.names())
	}
	if _, kept := r.positions["c"]; !kept {
		t.Error("the position of c is not kept")
	}
	r.enroll(found("a", "b"), removed.Add(31*24*time.Hour))
	if _, kept := r.positions["c"]; kept || !slices.Equal(r.transaction.forgotten, []string{"c"}) {
		t.Errorf("after the retention c is not forgotten: %v", r.transaction.forgotten)
	}
}

func TestRoster_AUserWhoComesBackGoesOnWhereItWas(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a", "b"), noon)
	r.read("b", noon)
	r.enroll(found("a"), noon.Add(time.Hour))
	r.read("b", noon.Add(60*time.Hour))
	r.enroll(found("a"), noon.Add(61*time.Hour))
	r.enroll(found("a", "b"), noon.Add(80*time.Hour))
	if p := r.positions["b"]; p.Removed != 0 || len(p.Marks) != 1 || r.transaction.dirty["b"].Removed != 0 {
		t.Errorf("position %+v", p)
	}
	if !slices.Equal(r.names(), []string{"a", "b"}) {
		t.Errorf("polled: %v", r.names())
	}
}

func TestRoster_AnExclusionTakesEffectAtOnceAndAnInclusionToo(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a", "b"), noon)
	f := found("a")
	f.Excluded["b"] = true
	r.enroll(f, noon.Add(time.Hour))
	if !slices.Equal(r.names(), []string{"a"}) {
		t.Errorf("polled: %v", r.names())
	}
	r.enroll(found("a", "b"), noon.Add(2*time.Hour))
	if !slices.Equal(r.names(), []string{"a", "b"}) || r.positions["b"].Removed != 0 {
		t.Errorf("polled: %v", r.names())
	}
}

func TestRoster_FarFewerUsersAreNotBelievedAtOnce(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a", "b", "c", "d", "e"), noon)
	for i := range 2 {
		r.enroll(found("a", "new"), noon.Add(time.Duration(i+1)*time.Hour))
		if len(r.names()) != 6 || r.positions["c"].Removed != 0 {
			t.Fatalf("discovery %d was believed: %v", i, r.names())
		}
	}
	// One that is plausible again ends the doubt,
	r.enroll(found("a", "b", "c", "d", "e", "new"), noon.Add(3*time.Hour))
	for i := range 2 {
		r.enroll(found("a"), noon.Add(time.Duration(i+4)*time.Hour))
	}
	if r.positions["b"].Removed != 0 {
		t.Fatal("doubt was not counted anew")
	}
	// and the third in a row is believed; even then everyone drains.
	r.enroll(found("a"), noon.Add(6*time.Hour))
	if r.positions["b"].Removed == 0 || len(r.names()) != 6 {
		t.Errorf("the third was not believed: %+v, %v", r.positions["b"], r.names())
	}

	// A list that somebody wrote is believed as it is.
	r = testRoster(t)
	r.cfg.Directory = &source.Directory{Listed: []string{"a"}}
	r.enroll(found("a", "b", "c"), noon)
	r.enroll(found("a"), noon.Add(time.Hour))
	if r.positions["b"].Removed == 0 {
		t.Error("a written list was doubted")
	}
}

func TestRoster_NobodyIsFoundAtAll(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a", "b"), noon)
	r.enroll(found(), noon.Add(time.Hour))
	if !slices.Equal(r.names(), []string{"a", "b"}) || r.positions["a"].Removed != 0 {
		t.Error("an empty discovery was believed at once")
	}
	// When it is believed, because the ones before said the same, that is a warning.
	var log onstage.Log
	r.log = slog.New(slog.NewTextHandler(&log, nil))
	r.enroll(found(), noon.Add(2*time.Hour))
	r.enroll(found(), noon.Add(3*time.Hour))
	if r.positions["a"].Removed == 0 || !strings.Contains(log.String(), `level=WARN msg="users discovered" found=0`) ||
		!strings.Contains(log.String(), "implausible_but_confirmed=true") {
		t.Errorf("the third empty discovery: %+v\n%s", r.positions["a"], &log)
	}
}

// One user's position that somebody broke by hand suspends that user, by name, and nobody else; it is neither begun
// anew nor overwritten.
func TestSession_ABrokenPositionIsItsUsersTrouble(t *testing.T) {
	cfg := configuration(t, "a", "b", "c")
	s := open(t, cfg)
	s.save(t)
	s.transaction.writer.Close()
	cl, err := kgo.NewClient(cfg.Writer.Client...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	key := offsets.Key{Connector: cfg.Name, Tenant: cfg.Tenant, User: "b"}
	broken := &kgo.Record{Topic: cfg.Writer.Topics.Offsets, Key: key.Bytes(), Value: []byte(`{"marks":{"10m":"yesterday"`)}
	if err := cl.ProduceSync(t.Context(), broken).FirstErr(); err != nil {
		t.Fatal(err)
	}

	s = open(t, cfg)
	if polled := slices.Sorted(maps.Keys(s.roster.polled())); !slices.Equal(polled, []string{"a", "c"}) {
		t.Errorf("polled: %v", polled)
	}
	if u := s.roster.broken; len(u) != 1 || u[0].User != "b" || !errors.Is(u[0].Reason, source.ErrPosition) || !strings.Contains(u[0].Detail, "offset") || u[0].Remedy == "" {
		t.Errorf("suspended: %+v", u)
	}
	s.save(t)
	s.transaction.writer.Close()
	stored, err := offsets.Read(t.Context(), cfg.Writer.Client, cfg.Writer.Topics.Offsets, cfg.Name, cfg.Tenant, cfg.RebuildTimeout)
	if err != nil || stored.Broken["b"] == nil || len(stored.Positions) != 2 {
		t.Errorf("%d positions, broken: %v, %v", len(stored.Positions), stored.Broken, err)
	}
}

// The tombstone must be where the position is, or it only hides it; and who is found again before it is committed
// keeps the new position.
func TestSession_AForgottenUsersPositionEndsWhereItStands(t *testing.T) {
	users := []string{"a", "b", "c", "d", "e", "f", "g", "h"} // they are in all three partitions
	cfg := configuration(t, users...)
	cfg.Writer.Topics.Partitions = 3
	s := open(t, cfg)
	s.save(t)
	removed := time.Now()
	s.roster.enroll(found(), removed)
	s.roster.enroll(found(), removed.Add(cfg.UsersRetention+time.Hour))
	back := removed.Add(cfg.UsersRetention + 2*time.Hour)
	s.roster.enroll(found("a", "b"), back)
	s.save(t)
	s.transaction.writer.Close()

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
	s.roster.enroll(f, now)
	s.roster.enroll(f, now.Add(cfg.UsersRetention+time.Hour))
	for _, user := range []string{"excluded", "forgotten", "stranger"} {
		p := offsets.Position{Start: 1, Marks: []offsets.Mark{{Rung: time.Minute, At: now.UnixMilli()}}}
		err := s.deliver(t.Context(), source.Delivery{User: user, Items: [][]byte{message("1", now)},
			From: now.Add(-time.Minute).UnixMilli(), To: now.Add(time.Minute).UnixMilli(), Position: &p})
		if !errors.Is(err, source.ErrRemoved) {
			t.Errorf("%s: got %v, want ErrRemoved", user, err)
		}
	}
	s.save(t)
	s.transaction.writer.Close()
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

// Exclusions hold before the first discovery: nobody is polled who may be excluded.
func TestRoster_ExclusionsHoldBeforeTheFirstDiscovery(t *testing.T) {
	const a, b, c = "5f4d8c1e-0000-0000-0000-00000000000a", "5f4d8c1e-0000-0000-0000-00000000000b", "carol@contoso.com"
	for name, test := range map[string]struct {
		directory source.Directory
		flagged   string // whose position says that it is excluded
		want      []string
		waiting   int
	}{
		"nobody":                        {source.Directory{Everyone: true}, "", []string{a, b, c}, 0},
		"by id":                         {source.Directory{Everyone: true, Exclude: []string{strings.ToUpper(a)}}, "", []string{b}, 1},
		"by principal name":             {source.Directory{Everyone: true, Exclude: []string{"Carol@contoso.com"}}, "", nil, 2},
		"by principal name, of a group": {source.Directory{Groups: []string{"g"}, Exclude: []string{"x@contoso.com"}}, "", []string{c}, 2},
		"by both":                       {source.Directory{Everyone: true, Exclude: []string{a, "x@contoso.com"}}, "", nil, 2},
		"known from before":             {source.Directory{Everyone: true}, b, []string{a, c}, 0},
		"from a list that somebody wrote": {source.Directory{Listed: []string{a, b, c}, Exclude: []string{a, "x@contoso.com"}}, "",
			[]string{b, c}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRoster(t)
			r.cfg.Directory = &test.directory
			stored := offsets.Stored{Positions: make(map[string]offsets.Position)}
			for _, user := range []string{a, b, c} {
				p := offsets.Position{Start: 1, Removed: noon.UnixMilli()} // as those of excluded users are
				if user == test.flagged {
					p.Excluded = noon.UnixMilli()
				}
				stored.Positions[user] = p
			}
			r = newRoster(r.cfg, slog.New(slog.DiscardHandler), stored, r.transaction)
			if !slices.Equal(r.names(), test.want) || r.waiting != test.waiting {
				t.Errorf("polled: %v, waiting %d, want %v, %d", r.names(), r.waiting, test.want, test.waiting)
			}
			r.enroll(found(a, b, c), noon.Add(time.Hour))
			if !slices.Equal(r.names(), []string{a, b, c}) || r.waiting != 0 {
				t.Errorf("after a discovery of all: polled %v, waiting %d", r.names(), r.waiting)
			}
		})
	}
}

// An excluded user who leaves the directory is no longer listed, so that a discovery cannot tell that the
// id is the excluded one's. It is not read nevertheless.
func TestRoster_AnExcludedUserWhoLeavesIsNotRead(t *testing.T) {
	r := testRoster(t)
	r.enroll(found("a", "b"), noon)
	f := found("a")
	f.Excluded["b"] = true
	r.enroll(f, noon.Add(time.Hour))
	if r.transaction.dirty["b"].Excluded == 0 {
		t.Error("the position does not say that the user is excluded")
	}
	r.enroll(found("a"), noon.Add(2*time.Hour))
	if !slices.Equal(r.names(), []string{"a"}) {
		t.Errorf("polled: %v", r.names())
	}
	r.enroll(found("a", "b"), noon.Add(3*time.Hour)) // no longer excluded
	if !slices.Equal(r.names(), []string{"a", "b"}) || r.transaction.dirty["b"].Excluded != 0 {
		t.Errorf("polled: %v, position %+v", r.names(), r.transaction.dirty["b"])
	}
}
