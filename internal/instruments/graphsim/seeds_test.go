package graphsim

import (
	"testing"
	"time"
)

// anySeed is a small and busy tenant whose numbers follow from the seed: few people, so that pairs meet again and again, and
// many messages a millisecond in the busiest chats.
func anySeed(seed uint64) Config {
	d := dice{seed}
	cfg := Config{
		Seed: seed, Users: 1 + d.below(6), Chats: 1 + d.below(40), MaxMembers: 1 + d.below(6), Rate: 5000, Edits: 1, Reactions: 1, Deletions: 0.1,
		History: History{Messages: d.below(500), Reach: 100 * time.Millisecond},
		Content: Defaults().Content,
	}
	cfg.Content.BadItems = 0.05
	if d.chance(0.5) {
		cfg.Quirks.TimeSkew = 0.5
	}
	if d.chance(0.5) {
		cfg.Quirks.LaggingCopy, cfg.Quirks.LagFor = 0.3, 50*time.Millisecond
	}
	return cfg
}

// What a client goes by, whatever the seed: a message is named by its chat and its id, also of two in one millisecond, and its
// versions are ordered by time and etag.
func TestSeeds_NameEachMessageOnce(t *testing.T) {
	const start = 1_772_445_600_000
	crowded := 0
	for seed := range uint64(300) {
		m := newModel(anySeed(seed).withDefaults(), start)
		m.advance(start + 200)
		r := renderer{cfg: &m.cfg, userIDs: m.userIDs}
		chats := map[string]uint32{}
		for i, c := range m.chats {
			id := string(r.appendChatID(nil, uint32(i), c))
			if first, ok := chats[id]; ok {
				t.Errorf("seed %d: chats %d and %d are both %s", seed, first, i, id)
			}
			chats[id] = uint32(i)
		}
		type name struct {
			chat uint32
			id   int64
		}
		named, at := map[name]bool{}, map[name]bool{}
		for i := range m.messages {
			msg := &m.messages[i]
			if n := (name{msg.chat, msg.id}); named[n] {
				t.Errorf("seed %d: two messages of chat %d have the id %d", seed, msg.chat, msg.id)
			}
			named[name{msg.chat, msg.id}] = true
			if at[name{msg.chat, msg.created}] {
				crowded++
			}
			at[name{msg.chat, msg.created}] = true
			for seq := uint32(2); seq <= msg.versions(); seq++ {
				if a, b := msg.version(seq-1), msg.version(seq); b.at < a.at || b.etag <= a.etag || b.at > m.now {
					t.Errorf("seed %d: message %d has the version %+v after %+v, at %d", seed, i, b, a, m.now)
				}
			}
		}
		if len(m.messages) < 500 {
			t.Errorf("seed %d: only %d messages", seed, len(m.messages))
		}
	}
	if crowded < 1000 {
		t.Errorf("only %d messages share chat and millisecond with another", crowded)
	}
}
