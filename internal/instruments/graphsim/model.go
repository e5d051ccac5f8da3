package graphsim

import (
	"math"
	"slices"
	"sync"
)

// maxSkewMillis bounds how far the times of two copies of one version lie apart.
const maxSkewMillis = 5

// recentMessages is how far back, in messages, a change may reach.
const recentMessages = 2048

// model is the tenant: who is in which chat, what was said, and what each mailbox shows by now. Times are Unix ms of
// Graph's clock.
type model struct {
	cfg     Config
	userIDs []guid
	byID    map[guid]uint32

	mu        sync.Mutex
	now       int64
	chats     []chat
	messages  []message
	mailboxes []mailbox
	pending   arrivals
	recent    [recentMessages]uint32
	made      int // messages ever put into recent
	traffic   dice
	nextAt    float64 // time of the next live change, Unix ms
	stopped   bool
	ledger    ledger
	written   map[writtenKey]*writtenText
	orders    folderOrders
}

func newModel(cfg Config, now int64) *model {
	m := &model{cfg: cfg, now: now, traffic: dice{mix(cfg.Seed, purposeTraffic)}}
	m.userIDs = make([]guid, cfg.Users)
	m.byID = make(map[guid]uint32, cfg.Users)
	for i := range m.userIDs {
		id := newGUID(cfg.Seed, purposeUser, uint64(i))
		m.userIDs[i] = id
		m.byID[id] = uint32(i)
	}
	m.mailboxes = make([]mailbox, cfg.Users)
	m.makeChats()
	m.orders.init()
	m.ledger.overtaken = map[uint32]int64{}
	m.makeHistory()
	m.nextAt = float64(now) + m.untilNext()
	return m
}

// makeChats deals the users out to the chats in shuffled rounds, so that everybody is in some chat as long as there are
// seats enough. A pair has its own chat, as in Teams, where its id is made of theirs: dealt again, the pair gets a
// group chat.
func (m *model) makeChats() {
	d := dice{mix(m.cfg.Seed, purposeChat)}
	round := make([]uint32, m.cfg.Users)
	for i := range round {
		round[i] = uint32(i)
	}
	dealt := len(round)
	deal := func() uint32 {
		if dealt == len(round) {
			for i := len(round) - 1; i > 0; i-- {
				j := d.below(i + 1)
				round[i], round[j] = round[j], round[i]
			}
			dealt = 0
		}
		dealt++
		return round[dealt-1]
	}
	m.chats = make([]chat, m.cfg.Chats)
	paired := make(map[[2]uint32]bool)
	for i := range m.chats {
		form, size := formOneOnOne, min(2, m.cfg.MaxMembers)
		if d.chance(0.6) && m.cfg.MaxMembers > 2 {
			form, size = formGroup, 2+d.below(m.cfg.MaxMembers-1)
			if d.chance(0.3) {
				form = formMeeting
			}
		}
		size = min(size, m.cfg.Users)
		members := make([]uint32, 0, size)
		for len(members) < size {
			u := deal()
			for slices.Contains(members, u) { // the end of one round and the start of the next may meet
				u = uint32(d.below(m.cfg.Users))
			}
			members = append(members, u)
		}
		if form == formOneOnOne && size == 2 {
			pair := [2]uint32{min(members[0], members[1]), max(members[0], members[1])}
			if paired[pair] {
				form = formGroup
			}
			paired[pair] = true
		}
		m.chats[i] = chat{members: members, form: form}
	}
}

func (m *model) makeHistory() {
	n := m.cfg.History.Messages
	if n == 0 {
		return
	}
	m.messages = make([]message, 0, n+n/8)
	reach := float64(m.cfg.History.Reach.Milliseconds())
	start := float64(m.now) - reach
	step := reach / float64(n)
	for i := range n {
		at := start + (float64(i)+m.traffic.unit())*step
		m.create(int64(at))
		for _, change := range [...]struct {
			mean float64
			op   operation
		}{{m.cfg.Edits, opEdit}, {m.cfg.Reactions, opReact}, {m.cfg.Deletions, opDelete}} {
			whole, part := math.Modf(change.mean)
			for range int(whole) {
				m.modify(int64(at), change.op)
			}
			if m.traffic.chance(part) {
				m.modify(int64(at), change.op)
			}
		}
	}
}

// perSecond is the rate of all live changes.
func (m *model) perSecond() float64 {
	return m.cfg.Rate * (1 + m.cfg.Edits + m.cfg.Reactions + m.cfg.Deletions)
}

// untilNext draws the time to the next live change, in ms.
func (m *model) untilNext() float64 {
	rate := m.perSecond()
	if rate == 0 {
		return math.Inf(1)
	}
	return m.traffic.exponential(1000 / rate)
}

// advance brings the model up to now: changes that were due have happened, copies that were due are visible. Time
// never goes back.
func (m *model) advance(now int64) {
	m.now = max(m.now, now)
	for !m.stopped && m.nextAt <= float64(m.now) {
		at := int64(m.nextAt)
		switch pick := m.traffic.unit() * (1 + m.cfg.Edits + m.cfg.Reactions + m.cfg.Deletions); {
		case pick < 1:
			m.create(at)
		case pick < 1+m.cfg.Edits:
			m.modify(at, opEdit)
		case pick < 1+m.cfg.Edits+m.cfg.Reactions:
			m.modify(at, opReact)
		default:
			m.modify(at, opDelete)
		}
		m.nextAt += m.untilNext()
	}
	for len(m.pending) > 0 && m.pending[0].at <= m.now {
		a := m.pending.pop()
		m.show(a.user, a.message, a.seq)
	}
}

// create adds a message to a chat; some chats are much busier than others.
func (m *model) create(at int64) {
	which := m.traffic.unit()
	i := uint32(which * which * float64(len(m.chats)))
	kind := kindOrdinary
	switch pick := m.traffic.unit(); {
	case pick < m.cfg.Content.BadItems:
		kind = kindNoID + messageKind(m.traffic.below(int(kindRawControl-kindNoID)))
	case pick < m.cfg.Content.BadItems+m.cfg.Content.System:
		kind = kindSystem
	case pick < m.cfg.Content.BadItems+m.cfg.Content.System+m.cfg.Content.Unparsable:
		kind = kindRawControl + messageKind(m.traffic.below(int(kindEnd-kindRawControl)))
	}
	m.add(i, kind, at, asConfigured)
}

// add appends a message to chat i and sends it on its way to the members.
func (m *model) add(i uint32, kind messageKind, at int64, late delays) uint32 {
	c := &m.chats[i]
	c.lastID = max(at, c.lastID+1)
	index := uint32(len(m.messages))
	m.messages = append(m.messages, message{chat: i, kind: kind, id: c.lastID, created: at})
	if kind == kindOrdinary {
		m.recent[m.made%recentMessages] = index
		m.made++
	}
	m.deliver(index, 1, late)
	return index
}

// modify applies a change to a recent message, more likely a very recent one. Some choices do not fit (the message is
// deleted); then nothing happens.
func (m *model) modify(at int64, op operation) {
	n := min(m.made, recentMessages)
	if n == 0 {
		return
	}
	back := m.traffic.unit()
	index := m.recent[(m.made-1-int(back*back*float64(n)))%recentMessages]
	if op == opReact && m.traffic.chance(0.25) && len(m.messages[index].reactionsAt(m.messages[index].versions(), nil)) > 0 {
		op = opUnreact
	}
	m.change(index, op, at, asConfigured)
}

// change appends a version, unless the message is deleted or was changed so shortly before that skewed copies of two
// versions could change places. It reports whether it did.
func (m *model) change(index uint32, op operation, at int64, late delays) bool {
	msg := &m.messages[index]
	last := msg.newest()
	if last.op == opDelete || m.cfg.Quirks.TimeSkew > 0 && at <= last.at+maxSkewMillis {
		return false
	}
	at = max(at, last.at)
	msg.later = append(msg.later, version{at: at, etag: max(at, last.etag+1), op: op})
	m.deliver(index, msg.versions(), late)
	return true
}

// deliver sends a version to the mailboxes that have a copy.
func (m *model) deliver(index, seq uint32, late delays) {
	msg := &m.messages[index]
	members := m.chats[msg.chat].members
	if msg.kind.bad() != "" {
		owner := mix(m.cfg.Seed, purposeOwner, uint64(index)) % uint64(len(members))
		members = members[owner : owner+1]
	}
	for _, user := range members {
		delay, given := late.of(user)
		if !given {
			delay = m.delay(user, index, seq)
		}
		visible := m.modifiedIn(user, index, seq) + delay
		if visible <= m.now {
			m.show(user, index, seq)
		} else {
			m.pending.push(arrival{at: visible, message: index, seq: seq, user: user})
		}
	}
}

func (m *model) show(user, index, seq uint32) {
	box := &m.mailboxes[user]
	old := box.put(index, seq, m.messages[index].versions(), func(s uint32) int64 { return m.modifiedIn(user, index, s) })
	if old.seq > 0 && (old.shown == old.seq || old.cut == old.seq) {
		box.asked.replaced.add(old.modified)
	}
}

// modifiedIn is the lastModifiedDateTime of a version as one user's copy has it. Copies of a version without one are the
// same everywhere, and so are bad items, of which the ledger names the hash.
func (m *model) modifiedIn(user, index, seq uint32) int64 {
	msg := &m.messages[index]
	at := msg.version(seq).at
	if rate := m.cfg.Quirks.TimeSkew; rate > 0 && msg.kind.bad() == "" && !(renderer{cfg: &m.cfg}).nullModified(index, seq, msg) {
		h := mix(m.cfg.Seed, purposeSkew, uint64(user), uint64(index), uint64(seq))
		if toUnit(h) < rate {
			at += 1 + int64(scramble(h)%maxSkewMillis)
		}
	}
	return at
}

// delay is how late one copy of a version is, in ms.
func (m *model) delay(user, index, seq uint32) int64 {
	var late float64
	if l := m.cfg.Lateness; l.Max > 0 {
		h := mix(m.cfg.Seed, purposeDelay, uint64(user), uint64(index), uint64(seq))
		if toUnit(h) < l.Share {
			late = math.Pow(toUnit(scramble(h)), l.Shape) * float64(l.Max.Milliseconds())
		}
	}
	if rate := m.cfg.Quirks.LaggingCopy; rate > 0 && seq > 1 {
		if toUnit(mix(m.cfg.Seed, purposeLag, uint64(user), uint64(index))) < rate {
			late += float64(m.cfg.Quirks.LagFor.Milliseconds())
		}
	}
	// No copy is later than Graph documents.
	return min(int64(late), maxLateness.Milliseconds())
}

// quietAt is when the last copy becomes visible, and whether that is settled because the traffic has stopped.
func (m *model) quietAt() (at int64, settled bool) {
	at = m.now
	for _, a := range m.pending {
		at = max(at, a.at)
	}
	return at, m.stopped || m.cfg.Rate == 0
}
