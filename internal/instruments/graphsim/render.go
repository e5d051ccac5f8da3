package graphsim

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Traits of a message that are drawn separately.
const (
	traitSender uint64 = iota
	traitHTML
	traitAttachments
	traitMentions
	traitViolation
	traitUnknown
	traitFineTimes
	traitNullModified
	traitEscapes
	traitLarge
	traitImportance
	traitSubject
	traitEvent
	traitDeletedEmpty
	traitBehalf
	traitOpen
	traitAbsent
)

// tooDeep is how deep the arrays of a too deep item are nested. Common parsers give up at 64 to 10,000.
const tooDeep = 12_000

// renderer turns versions into JSON. It works from the seed alone: the same item always gives the same bytes.
type renderer struct {
	cfg     *Config
	userIDs []guid
}

// item is one version of a message in one mailbox, with all that is needed to render it without the model.
type item struct {
	index    uint32
	seq      uint32
	user     uint32
	modified int64 // as the mailbox has it
	msg      message
	chat     chat
	text     *writtenText // set for messages that were written through the simulator's own interface
}

// writtenText is a body that was given, not drawn.
type writtenText struct {
	contentType, content string
}

func (r renderer) dice(index uint32, trait uint64) dice {
	return dice{mix(r.cfg.Seed, purposeContent, uint64(index), trait)}
}

func (r renderer) has(index uint32, trait uint64, rate float64) bool {
	return rate > 0 && toUnit(mix(r.cfg.Seed, purposeContent, uint64(index), trait)) < rate
}

// fraction is the part of a version's time below its millisecond, in ticks of 100 ns.
func (r renderer) fraction(index, seq uint32) int64 {
	if !r.has(index, traitFineTimes, r.cfg.Content.FineTimes) {
		return 0
	}
	h := mix(r.cfg.Seed, purposeTicks, uint64(index), uint64(seq))
	// 1 to 4 digits after the milliseconds.
	step := [...]int64{1000, 100, 10, 1}[h&3]
	return int64(h>>8%uint64(ticksPerMilli/step)) * step
}

func (m *model) fraction(index, seq uint32) int64 {
	return renderer{cfg: &m.cfg}.fraction(index, seq)
}

// appendItem appends the JSON of an item. knowing says that the client sent Prefer: include-unknown-enum-members;
// without it, enum members added after unknownFutureValue are sent as that word.
func (r renderer) appendItem(b []byte, it *item, knowing bool) []byte {
	content := &r.cfg.Content
	msg, v := &it.msg, it.msg.version(it.seq)
	created := r.fraction(it.index, 1)
	escapes := r.has(it.index, traitEscapes, content.Escapes)
	system := msg.kind == kindSystem
	if msg.kind.bad() != "" {
		escapes = false
	}

	b = append(b, `{"@odata.type":"#microsoft.graph.chatMessage"`...)
	if msg.kind != kindNoID {
		b = append(b, `,"id":"`...)
		b = strconv.AppendInt(b, msg.id, 10)
		b = append(b, '"')
	}
	b = append(b, `,"replyToId":null,"etag":"`...)
	b = strconv.AppendInt(b, v.etag, 10)
	b = append(b, `","messageType":`...)
	switch {
	case !system:
		b = append(b, `"message"`...)
	case knowing:
		b = append(b, `"systemEventMessage"`...)
	default:
		b = append(b, `"unknownFutureValue"`...)
	}
	b = append(b, `,"createdDateTime":`...)
	if msg.kind == kindBadCreated {
		b = appendBadTime(b, it.index, msg.created)
	} else {
		b = appendQuotedTime(b, msg.created, created)
	}
	b = append(b, `,"lastModifiedDateTime":`...)
	switch {
	case msg.kind == kindBadModified:
		b = appendBadTime(b, it.index, msg.created)
	case r.nullModified(it.index, it.seq, msg):
		b = append(b, `null`...)
	default:
		b = appendQuotedTime(b, it.modified, r.fraction(it.index, it.seq))
	}
	absent := r.has(it.index, traitAbsent, content.Absent)
	if edition := msg.editionAt(it.seq); edition > 1 {
		b = append(b, `,"lastEditedDateTime":`...)
		// The edit itself is reported some milliseconds before the modification it causes.
		at := msg.version(edition).at
		at = max(at-int64(mix(r.cfg.Seed, purposeTicks, uint64(it.index), uint64(edition), 1)%53), msg.created+1)
		b = appendQuotedTime(b, min(at, msg.version(edition).at), 0)
	} else if !absent {
		b = append(b, `,"lastEditedDateTime":null`...)
	}
	if deleted := msg.deletedAt(it.seq); deleted != 0 {
		b = append(b, `,"deletedDateTime":`...)
		b = appendQuotedTime(b, deleted, 0)
	} else if !absent {
		b = append(b, `,"deletedDateTime":null`...)
	}
	b = append(b, `,"subject":`...)
	if d := r.dice(it.index, traitSubject); !system && d.chance(0.03) {
		b = appendString(b, subjects[d.below(len(subjects))], escapes)
	} else {
		b = append(b, `null`...)
	}
	if msg.kind == kindRawControl {
		b = append(b, ",\"summary\":\"a control character: \x01\""...)
	} else {
		b = append(b, `,"summary":null`...)
	}
	if msg.kind != kindNoChat {
		b = append(b, `,"chatId":"`...)
		b = r.appendChatID(b, msg.chat, it.chat)
		b = append(b, '"')
	}
	b = append(b, `,"importance":"`...)
	switch h := mix(r.cfg.Seed, purposeContent, uint64(it.index), traitImportance) % 100; {
	case h < 95:
		b = append(b, `normal`...)
	case h < 98:
		b = append(b, `high`...)
	default:
		b = append(b, `urgent`...)
	}
	b = append(b, `","locale":"en-us"`...)
	if !absent {
		b = append(b, `,"webUrl":null,"channelIdentity":null`...)
	}
	blocked := r.blocked(it)
	if blocked {
		b = r.appendViolation(b, it.index)
	} else {
		b = append(b, `,"policyViolation":null`...)
	}
	if system {
		b = append(b, `,"eventDetail":`...)
		b = r.appendEvent(b, it, escapes)
		b = append(b, `,"from":null`...)
	} else {
		if !absent {
			b = append(b, `,"eventDetail":null`...)
		}
		b = append(b, `,"from":`...)
		from := r.sender(it.index, msg.kind, it.chat)
		if r.has(it.index, traitOpen, content.Unknown) {
			from.tenantID = newGUID(r.cfg.Seed, purposeTenant).String()
		}
		b = appendIdentitySet(b, from, knowing, escapes)
	}
	var scratch [2048]byte
	contentType, text := r.body(scratch[:0], it)
	b = append(b, `,"body":{"contentType":"`...)
	b = append(b, contentType...)
	b = append(b, `","content":`...)
	b = appendString(b, text, escapes)
	b = append(b, `},"attachments":`...)
	b = r.appendAttachments(b, it, escapes)
	b = append(b, `,"mentions":`...)
	b = r.appendMentions(b, it, escapes)
	b = append(b, `,"reactions":`...)
	b = r.appendReactions(b, it, escapes)
	b = r.appendHistory(b, it, escapes)
	if !system && r.has(it.index, traitBehalf, content.Unknown) {
		b = append(b, `,"onBehalfOf":`...)
		if d := r.dice(it.index, traitBehalf+100); d.chance(0.5) {
			b = append(b, `null`...)
		} else {
			b = appendIdentitySet(b, r.member(it.chat.members[0]), knowing, escapes)
		}
	}
	if r.has(it.index, traitUnknown, content.Unknown) {
		b = r.appendUnknown(b, it.index)
	}
	switch msg.kind {
	case kindNaN:
		b = append(b, `,"score":NaN`...)
	case kindTooDeep:
		b = append(b, `,"nested":`...)
		b = append(b, strings.Repeat("[", tooDeep)...)
		b = append(b, strings.Repeat("]", tooDeep)...)
	}
	return append(b, '}')
}

// nullModified: lastModifiedDateTime is null in some published items that never changed.
func (r renderer) nullModified(index, seq uint32, msg *message) bool {
	return seq == 1 && msg.kind <= kindSystem && r.has(index, traitNullModified, r.cfg.Content.NullModified)
}

// blocked: a policy hides the message from the start.
func (r renderer) blocked(it *item) bool {
	return it.msg.kind == kindOrdinary && it.text == nil && r.has(it.index, traitViolation, r.cfg.Content.Violations)
}

func appendQuotedTime(b []byte, millis, ticks int64) []byte {
	b = append(b, '"')
	b = appendTime(b, millis, ticks)
	return append(b, '"')
}

// appendBadTime appends a value that is not a time, near enough to one to be mistaken for it.
func appendBadTime(b []byte, index uint32, millis int64) []byte {
	whole := appendTime(nil, millis, 0)
	switch index % 4 {
	case 0: // as in one published example
		whole = append(whole[:10:10], whole[11:]...)
	case 1:
		whole = append(whole[:5:5], append([]byte("13"), whole[7:]...)...)
	case 2:
		whole = []byte("yesterday")
	default:
		whole = nil
	}
	return appendString(b, whole, false)
}

// appendChatID appends the id of chat i in the form its kind has.
func (r renderer) appendChatID(b []byte, i uint32, c chat) []byte {
	h := mix(r.cfg.Seed, purposeChat, uint64(i))
	b = append(b, "19:"...)
	switch {
	case c.form == formOneOnOne && len(c.members) == 2:
		b = r.userIDs[c.members[0]].appendTo(b)
		b = append(b, '_')
		b = r.userIDs[c.members[1]].appendTo(b)
		return append(b, "@unq.gbl.spaces"...)
	case c.form == formMeeting:
		var name [36]byte
		newGUID(h).appendTo(name[:0])
		b = append(b, "meeting_"...)
		b = base64.StdEncoding.AppendEncode(b, name[:])
	default:
		b = appendHex(b, h)
		b = appendHex(b, scramble(h))
	}
	return append(b, "@thread.v2"...)
}

// appendIdentitySet appends an identity in the set it belongs to.
func appendIdentitySet(b []byte, s sender, knowing, escapes bool) []byte {
	if s.application {
		b = append(b, `{"application":`...)
		b = appendIdentity(b, s, knowing, escapes)
		b = append(b, `,"device":null,"user":null`...)
	} else {
		b = append(b, `{"application":null,"device":null,"user":`...)
		b = appendIdentity(b, s, knowing, escapes)
	}
	if s.tenantID != "" {
		b = append(b, `,"conversation":null`...)
	}
	return append(b, '}')
}

func appendIdentity(b []byte, s sender, knowing, escapes bool) []byte {
	b = append(b, '{')
	if s.odataType {
		b = append(b, `"@odata.type":"#microsoft.graph.teamworkUserIdentity",`...)
	}
	b = append(b, `"id":`...)
	b = appendString(b, s.id, escapes)
	b = append(b, `,"displayName":`...)
	if s.name == "" {
		b = append(b, `null`...)
	} else {
		b = appendString(b, s.name, escapes)
	}
	name := `,"userIdentityType":`
	if s.application {
		name = `,"applicationIdentityType":`
	}
	b = append(b, name...)
	kind := s.identityType
	if !knowing && (kind == "emailUser" || kind == "azureCommunicationServicesUser") {
		kind = "unknownFutureValue"
	}
	b = appendString(b, kind, false)
	if s.tenantID != "" {
		b = append(b, `,"tenantId":`...)
		b = appendString(b, s.tenantID, false)
	}
	return append(b, '}')
}
