package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

func TestRun_AVersionIsPresentSupersededDifferentOrMissing(t *testing.T) {
	s := newStage(t, 3)
	there, newer, older, lost := made("c1", "1", noon), made("c1", "2", noon), made("c2", "3", noon+5), made("c3", "4", noon)
	s.show("ada", there, newer, older)
	s.show("grace", there, newer, older, lost) // the same versions from another mailbox count once
	s.commit(there, made("c1", "2", noon+1), made("c2", "3", noon))
	s.write(kgo.TryAbort, record(lost, transform.TypeCreated)) // what was aborted is not there
	r := s.expect(counts{shown: 4, present: 1, superseded: 1, differs: 1, missing: 1, replaced: 1, extra: 1})
	if f := r.Findings[KindMissing]; len(f) != 1 || f[0].ChatID != "c3" || f[0].ID != "4" || f[0].ETag != fmt.Sprint(noon) || f[0].Why != "" ||
		f[0].Time.UnixMilli() != noon {
		t.Errorf("missing: %+v", f)
	}
	if f := r.Findings[KindVersionDiffers]; len(f) != 1 || f[0].ID != "3" || f[0].TopicETag != fmt.Sprint(noon) {
		t.Errorf("version differs: %+v", f)
	}
}

// What only the topic holds is not a fault.
func TestRun_WhatOnlyTheTopicHoldsIsReplacedPurgedOrExtra(t *testing.T) {
	s := newStage(t, 1)
	s.cfg.From, s.cfg.To = time.UnixMilli(noon-24*30*hour), time.UnixMilli(noon+hour)
	s.show("ada", made("c", "1", noon+2))
	old := record(made("c", "gone", noon-24*25*hour), transform.TypeDeleted)
	recent := record(made("c", "deleted", noon), transform.TypeDeleted)
	s.write(kgo.TryCommit, old, recent)
	s.commit(
		made("c", "1", noon), made("c", "1", noon+1), made("c", "1", noon+2), // edited twice: the first two are replaced
		made("c", "2", noon), made("c", "2", noon+2*hour), // modified after the range
		made("c", "3", noon),        // nobody knows why Graph does not show it
		made("c", "4", noon+2*hour), // not of the range at all
	)
	r := s.expect(counts{shown: 1, present: 1, replaced: 3, purged: 1, extra: 2})
	if f := r.Findings[KindExtra]; len(f) != 2 || f[0].ID != "3" || f[1].ID != "deleted" {
		t.Errorf("extra: %+v", f)
	}
}

func TestRun_TwoMailboxesCopiesOfOneVersionMayDifferInTime(t *testing.T) {
	s := newStage(t, 1)
	v := made("c", "1", noon+hour-1) // the last millisecond of the range
	late := v
	late.Version.Time += 3
	s.show("ada", v)
	s.show("grace", late)
	s.commit(late)
	s.expect(counts{shown: 1, present: 1})
}

func TestRun_DeadLettersCountAsPresent(t *testing.T) {
	s := newStage(t, 1)
	unfit := made("c", "1", noon)
	nameless, lostNameless := []byte(`{"chatId":"c","body":"canary"}`), []byte(`{"chatId":"c","body":"lost"}`)
	badTime := []byte(`{"chatId":"c","id":"7","etag":"8","lastModifiedDateTime":"soon"}`)
	s.show("ada", unfit)
	s.graph.items["ada"] = append(s.graph.items["ada"], nameless, lostNameless, badTime)
	s.write(kgo.TryCommit, s.letter(item(unfit)), s.letter(nameless), s.letter(badTime))
	r := s.expect(counts{shown: 4, present: 3, letters: 3, missing: 1})
	if f := r.Findings[KindMissing]; len(f) != 1 || !strings.HasPrefix(f[0].Name, "sha256:") || strings.Contains(fmt.Sprint(r), "canary") {
		t.Errorf("missing: %+v", f)
	}
}

func TestRun_ThePolicyAndOtherTenantsAreLeftOut(t *testing.T) {
	s := newStage(t, 1)
	s.cfg.Policy.ExcludeChats = map[string]struct{}{"secret": {}}
	s.show("ada", made("secret", "1", noon), made("c", "2", noon))
	foreign := record(made("c", "2", noon), transform.TypeCreated)
	for i, h := range foreign.Headers {
		if h.Key == transform.HeaderSource {
			foreign.Headers[i].Value = []byte(transform.Source("another"))
		}
	}
	s.write(kgo.TryCommit, foreign, &kgo.Record{Topic: "out", Key: []byte("c"), Value: []byte("somebody else's")})
	s.expect(counts{shown: 1, missing: 1, excluded: 1})
}

// An absent version that a later window asks for again, that no position covers, or that lies before a stream's start
// is told from one that is lost.
func TestRun_AnAbsentVersionHasAnExcuseOrNone(t *testing.T) {
	s := newStage(t, 1)
	s.cfg.Users = []string{"ada", "grace", "new", "young"}
	s.cfg.Positions["grace"] = offsets.Position{Start: noon - 1000*hour, Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: noon + 40*hour}, {Rung: 48 * time.Hour, At: noon + 40*hour}}}
	s.cfg.Positions["young"] = offsets.Position{Start: noon + 1}
	s.show("ada", made("c", "lost", noon))
	s.show("grace", made("c", "lost", noon), made("c", "late", noon), made("c", "both", noon))
	s.show("new", made("c", "both", noon), made("c", "new", noon))
	s.show("young", made("c", "history", noon))
	r := s.expect(counts{shown: 5, missing: 5, still: 2, unpolled: 1, before: 1})
	if f := r.Findings[KindMissing]; len(f) != 5 || f[0].ID != "lost" || f[0].Why != "" {
		t.Errorf("missing: %+v", f)
	}
	s.cfg.Examples = 2
	if f := s.run().Findings[KindMissing]; len(f) != 2 || f[0].ID != "lost" {
		t.Errorf("two examples: %+v", f)
	}
}

// What users wrote who left or are excluded is not missed, and a mailbox that went with its user is not
// either: an audit can pass in a tenant that people leave.
func TestRun_WhatNobodyReadsIsNotMissed(t *testing.T) {
	s := newStage(t, 1)
	s.cfg.Users = []string{"ada", "gone", "left", "excluded", "leaving"}
	marks := func(at int64) []offsets.Mark {
		return []offsets.Mark{{Rung: 10 * time.Minute, At: at}, {Rung: 48 * time.Hour, At: at}}
	}
	begin := noon - 1000*hour
	s.cfg.Positions["gone"] = offsets.Position{Start: begin, Marks: marks(noon), Removed: noon - 60*hour}
	s.cfg.Positions["left"] = offsets.Position{Start: begin, Marks: marks(noon + 48*hour), Removed: noon - 5}
	s.cfg.Positions["excluded"] = offsets.Position{Start: begin, Marks: marks(noon), Removed: noon, Excluded: noon}
	s.cfg.Positions["leaving"] = offsets.Position{Start: begin, Marks: marks(noon), Removed: noon - hour}
	s.graph.fail = func(user string, _, _ int64, _, _ int) error {
		if user == "gone" {
			return &source.Error{Status: 404, Action: source.Suspend, Reason: source.ErrUserGone}
		}
		return nil
	}
	s.show("left", made("c", "afterwards", noon))
	s.show("excluded", made("c", "private", noon))
	r := s.expect(counts{shown: 2, missing: 2, left: 2})
	if len(r.Gone) != 1 || !strings.Contains(r.Verdict(), "2 of users who left") {
		t.Errorf("gone %v, verdict %s", r.Gone, r.Verdict())
	}
	s.show("left", made("c", "before", noon-10)) // when it was still read
	s.show("leaving", made("c", "soon", noon))
	s.expect(counts{shown: 4, missing: 4, left: 2, still: 1})
}

// Record timestamps of the time of writing lie after the versions' own; a letter's always do.
func TestRun_RecordTimestampsMayBeOfTheWriting(t *testing.T) {
	s := newStage(t, 1)
	v := made("c", "1", noon)
	s.show("ada", v)
	before := record(made("c", "0", noon-10*hour), transform.TypeCreated)
	before.Timestamp = time.UnixMilli(noon - 9*hour)
	r := record(v, transform.TypeCreated)
	r.Timestamp = time.Now()
	s.write(kgo.TryCommit, before, r)
	s.expect(counts{shown: 1, present: 1})
	// By a clock that is slow, it was written before it was made.
	s2 := newStage(t, 1)
	s2.show("ada", v)
	r = record(v, transform.TypeCreated)
	r.Timestamp = time.UnixMilli(noon - hour - 30*minute)
	s2.write(kgo.TryCommit, r)
	s2.expect(counts{shown: 1, present: 1})
}

func TestRun_ATopicThatLostItsBeginningIsSaidNotToCoverTheRange(t *testing.T) {
	s := newStage(t, 1)
	for i := range 10 {
		s.show("ada", made("c", fmt.Sprint(i), noon+int64(i)))
		s.commit(made("c", fmt.Sprint(i), noon+int64(i)))
	}
	remove := func(topic string, before int64) {
		t.Helper()
		gone := make(kadm.Offsets)
		gone.Add(kadm.Offset{Topic: topic, Partition: 0, At: before})
		if _, err := kadm.NewClient(s.client).DeleteRecords(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
	}
	remove("out", 8) // four records, each followed by the marker of its transaction
	r := s.expect(counts{shown: 10, present: 6, missing: 4, uncovered: 1})
	if u := r.Uncovered[0]; u.Topic != "out" || u.Offset != 8 || u.Begins == nil || u.Begins.UnixMilli() != noon+4 {
		t.Errorf("uncovered: %+v", u)
	}
	s.cfg.From = time.UnixMilli(noon + 4)
	s.expect(counts{shown: 6, present: 6, uncovered: 1}) // deleted records may have been as late as that

	// A beginning that lies before the range is not missed.
	old := newStage(t, 1)
	s = old
	s.commit(made("c", "a", noon-20*hour))
	s.commit(made("c", "b", noon-19*hour))
	s.commit(made("c", "1", noon))
	s.show("ada", made("c", "1", noon))
	remove("out", 2)
	s.expect(counts{shown: 1, present: 1})
	remove("out", 6)
	r = s.expect(counts{shown: 1, missing: 1, uncovered: 1})
	if u := r.Uncovered[0]; u.Begins != nil {
		t.Errorf("an empty partition begins at %v", u.Begins)
	}
}

// The topic holds the chats of many users; what is asked of a few says nothing of the others' chats.
func TestRun_WithSomeUsersOnlyTheirChatsAreLookedAt(t *testing.T) {
	s := newStage(t, 1)
	s.commit(made("theirs", "1", noon), made("ours", "2", noon), made("ours", "3", noon))
	s.show("ada", made("ours", "2", noon))
	s.cfg.Users, s.cfg.SomeUsers = []string{"ada"}, true
	s.expect(counts{shown: 1, present: 1, extra: 1})
	s.cfg.SomeUsers = false
	s.expect(counts{shown: 1, present: 1, extra: 2})
}

func TestRun_OutsideItemsAreCountedAndOddWordsAreKept(t *testing.T) {
	s := newStage(t, 1)
	odd := transform.Identity{ChatID: "c", ID: "AAMk/007", Version: transform.Version{Time: noon, ETag: `W/"007"`}}
	zero := transform.Identity{ChatID: "c", ID: "007", Version: transform.Version{Time: noon, ETag: "007"}} // no plain decimal
	plain := transform.Identity{ChatID: "c", ID: "7", Version: transform.Version{Time: noon, ETag: "7"}}
	s.show("ada", odd, zero, plain)
	s.commit(odd, plain)
	r := s.expect(counts{shown: 3, present: 2, missing: 1})
	if f := r.Findings[KindMissing]; len(f) != 1 || f[0].ID != "007" || f[0].ETag != "007" {
		t.Errorf("missing: %+v", f)
	}
	// Graph can be wrong about its own filter.
	a := &audit{cfg: s.cfg, from: noon, to: noon + 1, versions: newVersions(), nameless: map[string]flags{}, report: &Report{}}
	a.take("ada", [][]byte{item(made("c", "9", noon-1)), item(made("c", "9", noon+1)), item(made("c", "9", noon))})
	if a.report.Outside != 2 || len(a.versions.seen) != 1 {
		t.Errorf("outside %d, seen %d", a.report.Outside, len(a.versions.seen))
	}
}

func TestRun_AMissingTopicIsNamedAndMissingDeadLettersAreNone(t *testing.T) {
	s := newStage(t, 1)
	s.cfg.DeadLetters = "none.dlq"
	s.expect(counts{})
	s.cfg.Topic = "none"
	if _, err := Run(t.Context(), s.cfg); !errors.Is(err, ErrNoTopic) || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
}

// graphOnly is an audit that only reads Graph, in virtual time.
func graphOnly(m *mailboxes) *audit {
	return &audit{cfg: Config{Graph: m, Users: []string{"ada", "grace"}, PageSize: 4, InFlight: 2}, from: noon - 24*30*hour, to: noon + hour,
		versions: newVersions(), nameless: map[string]flags{}, report: &Report{}}
}

func TestReadGraph_WhatPassesIsTriedAgain(t *testing.T) {
	for name, first := range map[string]*source.Error{
		"unavailable":  {Action: source.Retry, Reason: source.ErrUnavailable},
		"throttled":    {Action: source.Hold, Reason: source.ErrThrottled},
		"a stale link": {Action: source.Restart, Reason: source.ErrStaleLink},
		"too large":    {Action: source.Shrink, Reason: source.ErrUnavailable},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &mailboxes{items: map[string][][]byte{}}
			for i := range 20 {
				m.items["ada"] = append(m.items["ada"], item(made("c", fmt.Sprint(i), noon-int64(i)*24*hour)))
			}
			failures := 3
			m.fail = func(user string, _, _ int64, top, page int) error {
				if user == "ada" && failures > 0 && (page > 0 || first.Action != source.Restart) {
					failures--
					return first
				}
				if first.Action == source.Shrink && user == "ada" && top > 1 {
					return errors.New("the pages were not made smaller")
				}
				return nil
			}
			a := graphOnly(m)
			if first.Action == source.Shrink {
				failures = 2 // 4, 2, 1
			}
			if err := a.readGraph(t.Context()); err != nil || len(a.report.Unreadable) > 0 || len(a.versions.seen) != 20 || failures != 0 {
				t.Errorf("%s: %v, unreadable %v, %d versions, %d failures left", name, err, a.report.Unreadable, len(a.versions.seen), failures)
			}
		})
	}
}

func TestReadGraph_WhatDoesNotPassIsTheUsersOwnOrTheTenants(t *testing.T) {
	for name, c := range map[string]struct {
		failure    error
		unreadable int
	}{
		"a user who is gone":        {&source.Error{Action: source.Suspend, Reason: source.ErrUserGone, Status: 404}, 1},
		"down for good":             {&source.Error{Action: source.Retry, Reason: source.ErrUnavailable}, 1},
		"throttled for good":        {&source.Error{Action: source.Hold, Reason: source.ErrThrottled}, 1},
		"links that never are good": {&source.Error{Action: source.Restart, Reason: source.ErrStaleLink}, 1},
		"too large for good":        {&source.Error{Action: source.Shrink, Reason: source.ErrUnavailable}, 1},
		"not let in":                {&source.Error{Action: source.StopTenant, Reason: source.ErrUnauthorized}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &mailboxes{items: map[string][][]byte{"ada": {item(made("c", "1", noon))}, "grace": {item(made("c", "2", noon))}}}
			m.fail = func(user string, _, _ int64, _, _ int) error {
				if user == "ada" {
					return c.failure
				}
				return nil
			}
			a := graphOnly(m)
			err := a.readGraph(t.Context())
			if len(a.report.Unreadable) != c.unreadable || (err != nil) != (c.unreadable == 0) {
				t.Errorf("%s: %v, unreadable %+v", name, err, a.report.Unreadable)
			}
			if c.unreadable == 0 {
				if !errors.Is(err, source.ErrUnauthorized) {
					t.Errorf("%s: %v", name, err)
				}
				return
			}
			if u := a.report.Unreadable[0]; u.User != "ada" || u.Error == "" || len(a.versions.seen) != 1 {
				t.Errorf("%s: unreadable %+v, %d versions", name, u, len(a.versions.seen))
			}
		})
	}
}

func TestReadGraph_LinksThatNeverEndAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := graphOnly(nil)
		a.cfg.Graph = &looping{}
		if err := a.readGraph(t.Context()); err != nil || len(a.report.Unreadable) != 2 || !strings.Contains(a.report.Unreadable[0].Error, "no end") {
			t.Errorf("%v, %+v", err, a.report.Unreadable)
		}
	})
}

// looping is a Graph whose only page links to itself.
type looping struct{ mailboxes }

func (*looping) Page(_ context.Context, link string) (source.Page, error) {
	return source.Page{NextLink: link}, nil
}

// What is kept of a version stays below what is promised.
func TestVersions_TakeNoMoreMemoryThanPromised(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what the tests before have left, finalizers included
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, n := range []int{350_000, 460_000} { // somewhere between, and just after the maps have grown, which is the worst
		before := heap()
		s := newVersions()
		for i := range n {
			chat := fmt.Sprintf("19:%032x@thread.v2", i/100)
			id := made(chat, fmt.Sprint(noon+int64(i)), noon+int64(i))
			s.show(id, read)
			s.store(id, 0, true)
		}
		each := float64(heap()-before) / float64(n)
		t.Logf("%d versions take %.0f bytes each, chat ids of every hundred included", n, each)
		if each > VersionBytes {
			t.Errorf("%d versions take %.0f bytes each, promised are %d", n, each, VersionBytes)
		}
		if len(s.seen) != n || len(s.newest) != n {
			t.Errorf("%d versions and %d messages of %d", len(s.seen), len(s.newest), n)
		}
	}
}
