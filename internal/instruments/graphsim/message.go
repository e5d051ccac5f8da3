package graphsim

// message is what the model keeps of a chatMessage. Everything else (sender, text, attachments) is worked out from the
// seed and the message's index when it is rendered, so a million messages take little memory.
type message struct {
	chat    uint32
	kind    messageKind
	id      int64 // unique in its chat; createdDateTime in Unix ms unless that was taken
	created int64 // Unix ms
	// later are the versions after the first. Elements are never changed once appended, so a copied message may be read
	// without a lock.
	later []version
}

// version is one change of a message.
type version struct {
	at   int64 // lastModifiedDateTime, Unix ms; never decreases within a message
	etag int64 // strictly increases within a message
	op   operation
}

type operation uint8

const (
	opCreate operation = iota
	opEdit
	opReact
	opUnreact
	opDelete
)

type messageKind uint8

const (
	kindOrdinary messageKind = iota
	kindSystem
	// Bad items, which no client can use. Each is in one mailbox and never changes.
	kindNoID
	kindNoChat
	kindBadCreated
	kindBadModified
	// Unparsable items: JSON that a strict parser refuses, and with it the whole page.
	kindRawControl
	kindTooDeep
	kindNaN
	kindEnd
)

// bad names what is wrong with a message of this kind, or is empty.
func (k messageKind) bad() string {
	switch k {
	case kindNoID:
		return "no-id"
	case kindNoChat:
		return "no-chatId"
	case kindBadCreated:
		return "bad-createdDateTime"
	case kindBadModified:
		return "bad-lastModifiedDateTime"
	case kindRawControl:
		return "raw-control"
	case kindTooDeep:
		return "too-deep"
	case kindNaN:
		return "nan"
	default:
		return ""
	}
}

// versions is the number of the newest version; versions count from 1.
func (m *message) versions() uint32 { return uint32(1 + len(m.later)) }

func (m *message) version(seq uint32) version {
	if seq == 1 {
		return version{at: m.created, etag: m.id, op: opCreate}
	}
	return m.later[seq-2]
}

func (m *message) newest() version { return m.version(m.versions()) }

// deletedAt is when the message was deleted as of version seq, in Unix ms; 0 if it was not.
func (m *message) deletedAt(seq uint32) int64 {
	if v := m.version(seq); v.op == opDelete {
		return v.at // nothing changes a deleted message
	}
	return 0
}

// reactionsAt lists the reactions that stand as of version seq, each as the version that added it.
func (m *message) reactionsAt(seq uint32, list []uint32) []uint32 {
	for s := uint32(2); s <= seq; s++ {
		switch m.later[s-2].op {
		case opReact:
			list = append(list, s)
		case opUnreact:
			list = list[:max(len(list)-1, 0)]
		}
	}
	return list
}

// editionAt is the version that gave the body its text, and how many edits there were up to it.
func (m *message) editionAt(seq uint32) (edition uint32) {
	for s := seq; s > 1; s-- {
		if m.later[s-2].op == opEdit {
			return s
		}
	}
	return 1
}

// chat is a conversation and its members.
type chat struct {
	members []uint32 // users, by index
	lastID  int64
	form    chatForm
}

type chatForm uint8

const (
	formOneOnOne chatForm = iota
	formGroup
	formMeeting
)
