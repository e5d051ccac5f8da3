package graphsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// poison is a place in a mailbox that Graph cannot read. Exactly one of its kinds is set.
type poison struct {
	stretch bool
	span    span // a stretch of lastModifiedDateTime
	item    bool
	message uint32
	offset  int // a place in any window, -1 for none
	status  int // 0: the seed decides
}

// place finds what a setting names.
func (s *Server) place(p Poison) (poison, error) {
	found := poison{offset: -1, status: p.Status}
	kinds := 0
	if p.From != 0 || p.To != 0 {
		if p.From >= p.To {
			return found, fmt.Errorf("poison from %d to %d: the stretch is empty", p.From, p.To)
		}
		kinds++
		found.stretch, found.span = true, span{p.From, p.To - 1, true}
	}
	if p.ChatID != "" || p.ID != "" {
		kinds++
		m := s.model
		m.mu.Lock()
		index, err := m.messageByID(p.ChatID, p.ID, s.renderer)
		m.mu.Unlock()
		if err != nil {
			return found, err
		}
		found.item, found.message = true, index
	}
	if p.Place != 0 {
		kinds++
		found.offset = p.Place - 1
	}
	if kinds != 1 || found.offset < -1 {
		return found, fmt.Errorf("poison must be one of a stretch, a message and a place of at least 1")
	}
	if p.Status != 0 && (p.Status < 400 || p.Status > 599) {
		return found, fmt.Errorf("poison with status %d, must be 400..599", p.Status)
	}
	return found, nil
}

// messageByID finds a message by the ids of its chat and its own. The caller holds mu.
func (m *model) messageByID(chatID, id string, r renderer) (uint32, error) {
	chat, ok := m.chatByID(chatID, r)
	if !ok {
		return 0, fmt.Errorf("%w: no chat %q", ErrChange, chatID)
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err == nil {
		for i, msg := range slices.Backward(m.messages) {
			if msg.chat == chat && msg.id == number {
				return uint32(i), nil
			}
		}
	}
	return 0, fmt.Errorf("%w: no message %q in chat %q", ErrChange, id, chatID)
}

// poisoned is everything in one user's mailbox that fails for ever.
type poisoned struct {
	user   uint32
	seed   uint64
	rates  Mailboxes
	placed []poison
}

// poisonOf returns what fails for ever in a user's mailbox; nil if nothing does.
func (s *Server) poisonOf(now *state, user uint32) *poisoned {
	p := &poisoned{user: user, seed: s.cfg.Seed, rates: now.cfg.Mailboxes}
	if o := now.users[user]; o != nil {
		p.rates, p.placed = o.cfg.Mailboxes, o.poison
	}
	r := &p.rates
	if r.PoisonPage > 0 && toUnit(mix(p.seed, purposePoison, uint64(user))) < r.PoisonPage {
		p.placed = append(slices.Clip(p.placed), poison{offset: r.PoisonOffset})
	}
	if len(p.placed) == 0 && r.PoisonStretch == 0 && r.PoisonItem == 0 {
		return nil
	}
	return p
}

// error is the answer for a poisoned request: the same one for the same user, unless the setting names another.
func (p *poisoned) error(status int) *graphError {
	if status == 0 {
		status = [...]int{
			http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}[mix(p.seed, purposePoison, uint64(p.user), 1)%4]
	}
	return &graphError{status: status, code: "UnknownError"}
}

// window returns the error of a window, if it touches a poisoned stretch. What lies outside of the bounds of the mailbox's own
// time, in Unix ms, is never poisoned by a rate.
func (p *poisoned) window(w window, first, last int64) *graphError {
	if p == nil {
		return nil
	}
	// Both bounds are exclusive: these are the first and the last whole millisecond that the window holds.
	from, to := floorMillis(w.from)+1, floorMillis(w.to-1)
	for _, one := range p.placed {
		if one.stretch && from <= one.span.last && one.span.first <= to {
			return p.error(one.status)
		}
	}
	if p.rates.PoisonStretch == 0 {
		return nil
	}
	length := p.rates.PoisonFor.Milliseconds()
	for n := max(from, first) / length; n <= min(to, last)/length; n++ {
		if p.stretch(n) {
			return p.error(0)
		}
	}
	return nil
}

// stretch reports whether a stretch is poisoned by the rate; they are counted from 1970.
func (p *poisoned) stretch(n int64) bool {
	return toUnit(mix(p.seed, purposePoison, uint64(p.user), 2, uint64(n))) < p.rates.PoisonStretch
}

// page returns the error of a page that holds the copies from a place of its window on.
func (p *poisoned) page(offset int, copies []copyOf, indexes []uint32) *graphError {
	if p == nil {
		return nil
	}
	for _, one := range p.placed {
		if one.offset >= offset && one.offset < offset+len(indexes) {
			return p.error(one.status)
		}
	}
	for _, i := range indexes {
		if status, yes := p.item(&copies[i]); yes {
			return p.error(status)
		}
	}
	return nil
}

// item reports whether a copy itself is poisoned, and with what status.
func (p *poisoned) item(c *copyOf) (status int, yes bool) {
	for _, one := range p.placed {
		if one.item && one.message == c.message {
			return one.status, true
		}
	}
	rate := p.rates.PoisonItem
	return 0, rate > 0 && toUnit(mix(p.seed, purposePoison, uint64(p.user), 3, uint64(c.message), uint64(c.seq))) < rate
}

// hides reports whether no client can read a copy, given that the shortest window a client asks for holds one millisecond: the
// copy is in a poisoned stretch, or such a window holds a poisoned item too. The caller holds the model's mu.
func (p *poisoned) hides(m *model, box *mailbox, at int64) bool {
	shortest := window{from: (at - 1) * ticksPerMilli, to: (at + 1) * ticksPerMilli}
	if p.window(shortest, 0, at) != nil {
		return true
	}
	lo, hi := box.between(at-1, at)
	for i := lo; i < hi; i++ {
		c := &box.copies[i]
		if c.modified < at && m.fraction(c.message, c.seq) == 0 {
			continue // on the excluded bound
		}
		if _, yes := p.item(c); yes {
			return true
		}
	}
	return false
}

// hidden returns, for each message whose newest visible version no client can read anywhere, where its copies are. The caller
// holds mu.
func (s *Server) hidden(now *state, newest []uint32) map[uint32][]Hidden {
	m := s.model
	found := map[uint32][]Hidden{}
	if !now.poisons() {
		return found
	}
	readable := make(map[uint32]bool)
	for i := range m.mailboxes {
		user, box := uint32(i), &m.mailboxes[i]
		if s.unreadable(now, user) != nil {
			continue
		}
		p := s.poisonOf(now, user)
		for _, c := range box.copies {
			switch {
			case c.seq != newest[c.message]:
			case p != nil && p.hides(m, box, c.modified):
				found[c.message] = append(found[c.message], Hidden{User: m.userIDs[user].String(), Time: c.modified})
			default:
				readable[c.message] = true
			}
		}
	}
	for message := range readable {
		delete(found, message)
	}
	return found
}

// poisons reports whether anything is poisoned in any mailbox.
func (n *state) poisons() bool {
	some := func(r *Mailboxes) bool { return r.PoisonStretch+r.PoisonItem+r.PoisonPage > 0 }
	if some(&n.cfg.Mailboxes) {
		return true
	}
	for _, o := range n.users {
		if len(o.poison) > 0 || some(&o.cfg.Mailboxes) {
			return true
		}
	}
	return false
}

// appendHidden appends the member of a ledger's line.
func appendHidden(b []byte, copies []Hidden) []byte {
	b = append(b, `,"unreadable":[`...)
	for i, c := range copies {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"user":"`...)
		b = append(b, c.User...)
		b = append(b, `","time":`...)
		b = strconv.AppendInt(b, c.Time, 10)
		b = append(b, '}')
	}
	return append(b, ']')
}
