package sink

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/teams-kafka/connector/transform"
)

func identity(chat, id string, at int64, etag string) transform.Identity {
	return transform.Identity{ChatID: chat, ID: id, Version: transform.Version{Time: at, ETag: etag}}
}

// Copies of one version may differ in time by milliseconds, and lie between edits: each version passes once
// (invariants 2, 3).
func TestIndex_OnlyAStrictlyNewerVersionPasses(t *testing.T) {
	x := NewIndex("tenant")
	k := x.MessageKey(identity("c", "1", 0, ""))
	for _, step := range []struct {
		at   int64
		etag string
		want Verdict
	}{
		{100, "100", New}, {100, "100", Seen}, {103, "100", Seen}, {99, "99", Superseded}, {101, "99", Superseded},
		// A copy's time may be later than the next version's.
		{102, "102", New}, {105, "100", Superseded}, {105, "102", Seen}, {104, "103", New}, {109, "102", Superseded},
		// Etags that are not numbers go by time, and a copy is known by its etag.
		{200, "x", New}, {205, "x", Seen}, {202, "y", New}, {205, "x", Seen}, {199, "y", Seen}, {201, "z", Superseded},
		{1, "203", New}, {205, "x", Seen}, {205, "y", Seen}, {202, "v", Superseded}, {204, "w", New}, {200, "200", Superseded},
		{1, "0205", New}, {1, "205", New}, {1, "0205", Superseded}, {9, "206", New}, {0, "18446744073709551616", New}, {9, "18446744073709551616", Seen}, {0, "18446744073709551615", Superseded},
	} {
		v := transform.Version{Time: step.at, ETag: step.etag}
		if got := x.Check(k, v); got != step.want {
			t.Fatalf("%d %q: %v, want %v", step.at, step.etag, got, step.want)
		}
		x.Put(k, v)
	}
	if x.Len() != 1 {
		t.Errorf("%d entries, want 1", x.Len())
	}
}

func TestIndex_KeysKeepMessagesApart(t *testing.T) {
	x, other := NewIndex("tenant"), NewIndex("other")
	other.seeds = x.seeds
	keys := map[Key]string{}
	for name, k := range map[string]Key{
		"ab|c": x.MessageKey(identity("ab", "c", 0, "")), "a|bc": x.MessageKey(identity("a", "bc", 0, "")),
		"letter": x.LetterKey("ab"), "tenant": other.MessageKey(identity("ab", "c", 0, "")), "|abc": x.MessageKey(identity("", "abc", 0, "")),
	} {
		if before, taken := keys[k]; taken {
			t.Errorf("%s and %s share a key", name, before)
		}
		keys[k] = name
	}
}

// sweep runs a whole round of Sweep, and returns how many steps it took.
func (x *Index) sweep(keep func(int64) bool) (steps int) {
	for steps = 1; x.Sweep(keep); steps++ {
	}
	return steps
}

// A sweep forgets exactly what is not to be kept, in small steps between which the index can be used.
func TestIndex_ASweepForgetsInSmallSteps(t *testing.T) {
	x := NewIndex("tenant")
	put := func(n int) {
		id := identity("c", strconv.Itoa(n), int64(n), strconv.Itoa(n))
		x.Put(x.MessageKey(id), id.Version)
	}
	for _, n := range rand.New(rand.NewPCG(1, 2)).Perm(10_000) {
		put(n)
	}
	keep := func(at int64) bool { return 1000 <= at && at < 2000 || at >= 8000 }
	most, before := 0, x.Len()
	for n := 20_000; x.Sweep(keep); n++ {
		most = max(most, before-x.Len())
		put(n) // by whoever comes between two steps
		before = x.Len()
	}
	if most > 400 {
		t.Errorf("one step forgot %d of 7000 versions, which is not a small part", most)
	}
	for n := range 10_000 {
		id := identity("c", strconv.Itoa(n), int64(n), strconv.Itoa(n))
		if known := x.Check(x.MessageKey(id), id.Version) == Seen; known != keep(int64(n)) {
			t.Fatalf("the version of %d is known: %v", n, known)
		}
	}
}

func TestIndex_TheMiddleOfAStretch(t *testing.T) {
	for _, size := range []int{1, 100, 200_000} {
		x := NewIndex("tenant")
		for _, n := range rand.New(rand.NewPCG(1, 2)).Perm(2 * size) {
			x.Put(x.MessageKey(identity("c", strconv.Itoa(n), 0, "")), transform.Version{Time: int64(n), ETag: "1"})
		}
		middle, versions := x.Middle(0, int64(size))
		if off := float64(middle)/float64(size) - 0.5; size > 1 && (off < -0.03 || off > 0.03) {
			t.Errorf("of %d versions %d is called the middle", size, middle)
		}
		if off := float64(versions)/float64(size) - 1; off < -0.1 || off > 0.1 {
			t.Errorf("%d versions are taken for %d", size, versions)
		}
	}
	if middle, versions := NewIndex("tenant").Middle(5, 9); middle != 5 || versions != 0 {
		t.Errorf("of nothing %d is the middle, and there are %d", middle, versions)
	}
}

func TestLetter_IsWrittenOnce(t *testing.T) {
	x := NewIndex("tenant")
	l := Letter{Raw: []byte(`{"id":`)}
	if x.CheckLetter(x.LetterKey(l.Name())) {
		t.Fatal("seen before it was written")
	}
	x.PutLetter(x.LetterKey(l.Name()), 1)
	if !x.CheckLetter(x.LetterKey(l.Name())) || x.CheckLetter(x.LetterKey(Letter{Raw: []byte(`{"id"`)}.Name())) {
		t.Error("a letter is not told from another")
	}
	x.PutLetter(x.LetterKey("old"), 0)
	x.SweepLetters(1)
	if x.CheckLetter(x.LetterKey("old")) || !x.CheckLetter(x.LetterKey(l.Name())) {
		t.Error("not just the old letter was swept")
	}
}
