package graphsim

import (
	"slices"
	"testing"
)

// Two people have one chat of their own in Teams, so its id names the two. A tenant that dealt a pair twice would show
// two chats under one id, and the order of one would look broken by the other.
func TestModel_NoTwoChatsShareAnID(t *testing.T) {
	for seed := range uint64(20) {
		m := newModel(Config{Seed: seed, Users: 12, Chats: 150, MaxMembers: 4}.withDefaults(), 0)
		r := renderer{cfg: &m.cfg, userIDs: m.userIDs}
		seen := map[string]uint32{}
		oneOnOne := 0
		for i, c := range m.chats {
			id := string(r.appendChatID(nil, uint32(i), c))
			if first, ok := seen[id]; ok {
				t.Errorf("seed %d: chats %d and %d are both %s", seed, first, i, id)
			}
			seen[id] = uint32(i)
			if c.form == formOneOnOne {
				oneOnOne++
			}
			slices.Sort(c.members)
			if len(slices.Compact(slices.Clone(c.members))) != len(c.members) {
				t.Errorf("seed %d: chat %d has a member twice", seed, i)
			}
		}
		if oneOnOne == 0 {
			t.Errorf("seed %d: no one-on-one chat at all", seed)
		}
	}
}

func TestModel_EverybodyAlone(t *testing.T) {
	m := newModel(Config{Users: 10, Chats: 40, MaxMembers: 1}.withDefaults(), 0)
	for i, c := range m.chats {
		if len(c.members) != 1 {
			t.Errorf("chat %d has %d members", i, len(c.members))
		}
	}
}
