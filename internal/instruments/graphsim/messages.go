package graphsim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// foreignRoot is a host that is not Graph; the name is reserved and leads nowhere.
const foreignRoot = "https://graph.elsewhere.invalid"

// maxEmptyPages in a row, so that every reading comes to an end.
const maxEmptyPages = 3

// getAllMessages answers GET /users/{id}/chats/getAllMessages.
func (s *Server) getAllMessages(x *exchange, key string) {
	quirks := &x.cfg.Quirks
	req, refused := parseMessagesQuery(x.r.URL.RawQuery, tolerance{skip: quirks.SkipLink > 0, filter: x.dice.chance(quirks.LenientFilter)})
	if refused != nil {
		x.fail(*refused)
		return
	}
	user, refused := s.access(x, key, req)
	if refused != nil {
		x.fail(*refused)
		return
	}
	if timeout := s.cfg.Limits.TopTimeout; timeout > 0 && req.top >= timeout {
		x.fail(errGatewayTimeout)
		return
	}
	if req.paged && x.dice.chance(quirks.StaleToken) {
		x.fail(errBadToken)
		return
	}
	req.bareLink = x.dice.chance(quirks.BareLink)
	req.skipLink = x.dice.chance(quirks.SkipLink)
	req.spaceLink = x.dice.chance(quirks.SpaceLink)

	ask := pageRequest{
		query:  query{user: user, win: req.win, clauses: req.clauses, created: x.dice.chance(quirks.FilterCreated)},
		offset: req.token.offset, pass: req.token.pass, limit: req.top, cut: x.fault.spoils(),
		poison: s.poisonOf(x.state, user),
	}
	next := skipToken{offset: ask.offset}
	switch {
	case req.token.pass < maxEmptyPages && x.dice.chance(quirks.EmptyPage):
		ask.limit = 0
		next.pass = req.token.pass + 1
	case req.top > 1 && x.dice.chance(quirks.ShortPage):
		ask.limit = 1 + x.dice.below(req.top-1)
	}
	p := s.model.read(s.graphMillis(), ask)
	if p.failed != nil {
		x.fail(*p.failed)
		return
	}
	next.offset += len(p.items)
	if repeat := len(p.items) - 1; p.more && repeat > 0 && x.dice.chance(quirks.Duplicates) {
		next.offset -= 1 + x.dice.below(min(repeat, 10))
	}
	link := ""
	switch {
	case p.more && x.dice.chance(quirks.EarlyEnd):
	case p.more:
		link = req.nextLink(s.url, s.model.userIDs[user].String(), next)
	case s.loops(quirks, user, req.win):
		link = req.nextLink(s.url, s.model.userIDs[user].String(), skipToken{offset: ask.offset})
	}
	switch {
	case link == "":
	case x.dice.chance(quirks.ForeignLink):
		link = foreignRoot + strings.TrimPrefix(link, s.url)
	case x.dice.chance(quirks.RelativeLink):
		link = relativeLink(strings.TrimPrefix(link, s.url), &x.dice)
	}
	s.stats.shown(len(p.items))
	s.evaluated.Add(int64(len(p.items)))

	knowing := prefersUnknownEnumMembers(x.r.Header)
	if knowing {
		x.w.Header().Set("Preference-Applied", "include-unknown-enum-members")
	}
	body := x.buffer[:0]
	body = append(body, `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#Collection(chatMessage)","@odata.count":`...)
	body = strconv.AppendInt(body, int64(len(p.items)), 10)
	if link != "" {
		body = append(body, `,"@odata.nextLink":`...)
		body = appendString(body, link, false)
	} else if x.dice.chance(quirks.NullLink) {
		body = append(body, `,"@odata.nextLink":null`...)
	}
	body = append(body, `,"value":[`...)
	body = s.appendItems(body, p.items, knowing)
	body = append(body, `]}`...)
	x.buffer = body
	x.send(http.StatusOK, jsonType, body)
}

// loops says whether the last page of a window links to itself just now.
func (s *Server) loops(quirks *Quirks, user uint32, win window) bool {
	rate := quirks.LoopingLink
	if rate == 0 {
		return false
	}
	period := uint64(s.cfg.Now().UnixNano() / int64(max(quirks.LoopFor, time.Nanosecond)))
	return toUnit(mix(s.cfg.Seed, purposeLoop, uint64(user), uint64(win.from), uint64(win.to), period)) < rate
}

// appendItems appends the items of a page, taking what is kept and keeping what is not.
func (s *Server) appendItems(body []byte, items []item, knowing bool) []byte {
	keys := make([]itemKey, len(items))
	kept := make([][]byte, len(items))
	for i := range items {
		keys[i] = itemKey{items[i].index, items[i].seq, knowing}
	}
	s.items.get(keys, kept)
	for i := range items {
		if i > 0 {
			body = append(body, ',')
		}
		it := &items[i]
		if it.modified != it.msg.version(it.seq).at { // a skewed copy has its own bytes
			body = s.renderer.appendItem(body, it, knowing)
			continue
		}
		if kept[i] != nil {
			body = append(body, kept[i]...)
			continue
		}
		start := len(body)
		body = s.renderer.appendItem(body, it, knowing)
		s.items.put(keys[i], append([]byte(nil), body[start:]...))
	}
	return body
}

// prefersUnknownEnumMembers looks for the preference among those sent.
func prefersUnknownEnumMembers(h http.Header) bool {
	for _, line := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(preference), "include-unknown-enum-members") {
				return true
			}
		}
	}
	return false
}
