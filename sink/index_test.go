package sink

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/teams-kafka/connector/transform"
)

func identity(chat, id string, at int64, etag string) transform.Identity {
	return transform.Identity{ChatID: chat, ID: id, Version: transform.Version{Time: at, ETag: etag}}
}

// Copies of one version may differ in time by milliseconds, and lie between edits: each version passes once
// (invariants 2, 3).
func TestIndex_OnlyAStrictlyNewerVersionPasses(t *testing.T) {
	x := NewIndex("tenant", 1000)
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
	x, other := NewIndex("tenant", 10), NewIndex("other", 10)
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

func TestIndex_SweepAndEvictionForgetTheOldest(t *testing.T) {
	x := NewIndex("tenant", 1000)
	order := rand.New(rand.NewPCG(1, 2)).Perm(1500)
	for _, n := range order {
		id := identity("c", strconv.Itoa(n), int64(n), strconv.Itoa(n))
		x.Put(x.MessageKey(id), id.Version)
	}
	if x.Len() > 1000 || x.Evicted() < 500 {
		t.Fatalf("%d entries, %d evicted", x.Len(), x.Evicted())
	}
	if x.Evicted() > 600 {
		t.Errorf("%d were evicted of 500 too many: room is made for a sixteenth at a time", x.Evicted())
	}
	for n := 600; n < 1500; n++ { // of whom less than fifteen sixteenths of the bound are newer
		id := identity("c", strconv.Itoa(n), int64(n), strconv.Itoa(n))
		if x.Check(x.MessageKey(id), id.Version) != Seen {
			t.Fatalf("%d was forgotten although older ones were there", n)
		}
	}
	left := x.Len()
	if swept := x.Sweep(1400); x.Len() != left-swept || x.Len() > 100 || x.Len() == 0 {
		t.Errorf("%d of %d swept", swept, left)
	}
}

func TestLetter_IsWrittenOnce(t *testing.T) {
	x := NewIndex("tenant", 1000)
	l := Letter{Raw: []byte(`{"id":`)}
	if x.CheckLetter(l.Name()) {
		t.Fatal("seen before it was written")
	}
	x.PutLetter(l.Name(), time.Now())
	if !x.CheckLetter(l.Name()) || x.CheckLetter(Letter{Raw: []byte(`{"id"`)}.Name()) {
		t.Error("a letter is not told from another")
	}
}
