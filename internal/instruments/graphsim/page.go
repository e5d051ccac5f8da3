package graphsim

import "sync/atomic"

// pageRequest is one page of a user's folder.
type pageRequest struct {
	query
	offset int
	pass   int // how many empty pages came before at this offset
	limit  int
	cut    bool // the response will be spoiled
	poison *poisoned
}

// page is what the folder held at the time of the request.
type page struct {
	items  []item
	more   bool        // more items follow in the folder
	failed *graphError // the page touches poison: nothing is shown
}

// read computes a page and enters what it shows into the ledger, before anything is sent.
func (m *model) read(now int64, req pageRequest) page {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(now)
	matching := m.matching(req.query)
	start := min(req.offset, len(matching))
	end := min(start+req.limit, len(matching))
	if failed := m.fails(req, start, matching[start:end]); failed != nil {
		return page{failed: failed}
	}
	p := page{items: make([]item, 0, end-start), more: end < len(matching)}
	copies := m.mailboxes[req.user].copies
	to, at := req.win.upperMillis(), m.cfg.Now().UnixNano()
	asked, render := &m.mailboxes[req.user].asked, renderer{cfg: &m.cfg, userIDs: m.userIDs}
	m.ledger.ask(asked, req, p.more, at)
	for _, i := range matching[start:end] {
		c := &copies[i]
		it := m.item(c.message, c.seq)
		it.user, it.modified = req.user, c.modified
		p.items = append(p.items, it)
		last := lastShown(asked.number, req.offset)
		if c.shown >= c.seq || req.cut && c.cut >= c.seq {
			shown := m.ledger.entry(c.entry)
			if shown.missed == 0 {
				if at := asked.missed(render, &it, shown.last); at != 0 {
					atomic.StoreInt64(&shown.missed, at)
				}
			}
			atomic.StoreUint64(&shown.last, last)
			continue
		}
		var overtaken int64
		if c.cut < c.seq {
			overtaken = asked.overtaken(render, &it)
		}
		if req.cut {
			c.cut = c.seq
		} else {
			c.shown = c.seq
		}
		c.entry = m.ledger.enter(showing{message: c.message, seq: c.seq, user: req.user, cut: req.cut, at: at, to: to, last: last})
		if overtaken != 0 {
			m.ledger.overtaken[c.entry] = overtaken
		}
	}
	return p
}

// fails returns the error of a page that touches poison. The caller holds mu.
func (m *model) fails(req pageRequest, offset int, indexes []uint32) *graphError {
	if req.poison == nil {
		return nil
	}
	copies := m.mailboxes[req.user].copies
	if len(copies) > 0 {
		if failed := req.poison.window(req.win, copies[0].modified, m.now); failed != nil {
			return failed
		}
	}
	return req.poison.page(offset, copies, indexes)
}

// item returns a version with all that is needed to render it.
func (m *model) item(index, seq uint32) item {
	msg := m.messages[index]
	it := item{index: index, seq: seq, modified: msg.version(seq).at, msg: msg, chat: m.chats[msg.chat]}
	if len(m.written) > 0 {
		it.text = m.written[writtenKey{index, msg.editionAt(seq)}]
	}
	return it
}
