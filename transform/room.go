package transform

import "github.com/teams-kafka/connector/schema"

// room is the memory for the parts of one record. A record has some thirty strings and a dozen parts,
// each behind a pointer because it may be null. Taken from room they cost a few allocations for the
// first record and none for later ones.
type room struct {
	texts         pool[string]
	longs         pool[int64]
	ints          pool[int32]
	booleans      pool[bool]
	bodies        pool[schema.ItemBody]
	sets          pool[schema.IdentitySet]
	users         pool[schema.TeamworkUserIdentity]
	applications  pool[schema.TeamworkApplicationIdentity]
	identities    pool[schema.Identity]
	conversations pool[schema.TeamworkConversationIdentity]
	channels      pool[schema.ChannelIdentity]
	reactions     pool[schema.ChatMessageReaction]
	violations    pool[schema.ChatMessagePolicyViolation]
	tips          pool[schema.ChatMessagePolicyViolationPolicyTip]
	events        pool[schema.EventMessageDetail]
}

func (r *room) reset() {
	r.texts.reset()
	r.longs.reset()
	r.ints.reset()
	r.booleans.reset()
	r.bodies.reset()
	r.sets.reset()
	r.users.reset()
	r.applications.reset()
	r.identities.reset()
	r.conversations.reset()
	r.channels.reset()
	r.reactions.reset()
	r.violations.reset()
	r.tips.reset()
	r.events.reset()
}

// pool hands out zero values of one type until it is reset.
type pool[T any] struct{ block []T }

// The blocks double from the first size to the last, so that a small record does not pay for a large
// one and a huge one does not hold its memory forever.
const (
	firstBlock = 4
	lastBlock  = 256
)

func (p *pool[T]) next() *T {
	if len(p.block) == cap(p.block) {
		// Values already handed out stay where they are, because the record refers to them.
		p.block = make([]T, 0, min(max(firstBlock, 2*cap(p.block)), lastBlock))
	}
	var zero T
	p.block = append(p.block, zero)
	return &p.block[len(p.block)-1]
}

func (p *pool[T]) reset() { p.block = p.block[:0] }
