package graphsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// ErrChange is a change that does not fit the tenant: nobody or nothing by that id, a message that is deleted, a word
// that is none. Trying again does not help, but for ErrTooSoon.
var ErrChange = errors.New("graphsim: impossible change")

// ErrTooSoon is a change of a message that was changed some milliseconds ago, which would let skewed copies of two
// versions change places. It happens only with quirk-time-skew; a moment later it works.
var ErrTooSoon = errors.New("graphsim: too soon after the last change")

// Change is an edit of the tenant, for tests. POST /_sim/changes takes it as JSON.
type Change struct {
	// Do is "create", "edit", "react", "unreact", "delete", or "remove" and "restore" for users in the directory.
	Do string `json:"do"`
	// User is, for "create" without a chat, somebody whose first chat is taken; for "remove" and "restore" who it is about:
	// a removed user is in no listing but that of deleted users, while the mailbox stays readable for 30 days.
	User string `json:"user,omitempty"`
	// ChatID is the chat of the message.
	ChatID string `json:"chatId,omitempty"`
	// ID is the message; not for "create".
	ID string `json:"id,omitempty"`
	// Content is the text of a created or edited message; nil lets the seed decide. ContentType is "text" (the default) or
	// "html".
	Content     *string `json:"content,omitempty"`
	ContentType string  `json:"contentType,omitempty"`
	// Bad makes the created message a bad item: "no-id", "no-chatId", "bad-createdDateTime", "bad-lastModifiedDateTime",
	// "raw-control", "too-deep" or "nan".
	Bad string `json:"bad,omitempty"`
	// System makes the created message a system event message.
	System bool `json:"system,omitempty"`
	// DelayMillis is how late every copy becomes visible; nil leaves it to the configured lateness.
	DelayMillis *int64 `json:"delayMillis,omitempty"`
	// DelayMillisOf does so for single users, by id.
	DelayMillisOf map[string]int64 `json:"delayMillisOf,omitempty"`
}

// Changed is the version a change made.
type Changed struct {
	ChatID string `json:"chatId,omitempty"`
	ID     string `json:"id,omitempty"`
	Etag   string `json:"etag,omitempty"`
	Seq    uint32 `json:"seq,omitempty"`
	// Time is its lastModifiedDateTime, Unix ms.
	Time int64 `json:"time,omitempty"`
}

// Apply makes a change now. Errors are ErrChange and ErrTooSoon.
func (s *Server) Apply(change Change) (Changed, error) {
	delays, err := s.delays(change)
	if err != nil {
		return Changed{}, err
	}
	if change.ContentType != "" && change.ContentType != "text" && change.ContentType != "html" {
		return Changed{}, fmt.Errorf("%w: content type %q", ErrChange, change.ContentType)
	}
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(s.graphMillis())
	switch change.Do {
	case "create":
		return s.createMessage(change, delays)
	case "edit":
		return s.changeMessage(change, opEdit, delays)
	case "react":
		return s.changeMessage(change, opReact, delays)
	case "unreact":
		return s.changeMessage(change, opUnreact, delays)
	case "delete":
		return s.changeMessage(change, opDelete, delays)
	case "remove", "restore":
		user, ok := s.user(change.User)
		if !ok {
			return Changed{}, fmt.Errorf("%w: no user %q", ErrChange, change.User)
		}
		if change.Do == "remove" {
			s.removed.LoadOrStore(user, s.graphNow())
		} else {
			s.removed.Delete(user)
		}
		return Changed{}, nil
	default:
		return Changed{}, fmt.Errorf("%w: %q is not a kind of change", ErrChange, change.Do)
	}
}

func (s *Server) createMessage(change Change, delays delays) (Changed, error) {
	m := s.model
	var index uint32
	var ok bool
	if change.ChatID != "" {
		index, ok = m.chatByID(change.ChatID, s.renderer)
	} else if user, known := s.user(change.User); known {
		index, ok = m.chatOf(user)
	}
	if !ok {
		return Changed{}, fmt.Errorf("%w: no chat %q and no user %q in a chat", ErrChange, change.ChatID, change.User)
	}
	kind := kindOrdinary
	if change.System {
		kind = kindSystem
	}
	if change.Bad != "" {
		for kind = kindNoID; kind.bad() != change.Bad; kind++ {
			if kind == kindEnd {
				return Changed{}, fmt.Errorf("%w: %q is not a kind of bad item", ErrChange, change.Bad)
			}
		}
	}
	m.write(uint32(len(m.messages)), 1, change)
	made := m.add(index, kind, m.now, delays)
	return s.changed(made), nil
}

func (s *Server) changeMessage(change Change, op operation, delays delays) (Changed, error) {
	m := s.model
	i, err := m.messageByID(change.ChatID, change.ID, s.renderer)
	if err != nil {
		return Changed{}, err
	}
	msg := &m.messages[i]
	switch {
	case msg.kind != kindOrdinary:
		return Changed{}, fmt.Errorf("%w: message %s is not an ordinary one", ErrChange, change.ID)
	case msg.newest().op == opDelete:
		return Changed{}, fmt.Errorf("%w: message %s is deleted", ErrChange, change.ID)
	case op == opUnreact && len(msg.reactionsAt(msg.versions(), nil)) == 0:
		return Changed{}, fmt.Errorf("%w: message %s has no reaction", ErrChange, change.ID)
	}
	next := msg.versions() + 1
	if op == opEdit {
		m.write(i, next, change)
	}
	if !m.change(i, op, m.now, delays) {
		delete(m.written, writtenKey{i, next})
		return Changed{}, fmt.Errorf("%w: message %s", ErrTooSoon, change.ID)
	}
	return s.changed(i), nil
}

// changed describes the newest version of a message.
func (s *Server) changed(index uint32) Changed {
	m := s.model
	msg := &m.messages[index]
	v := msg.newest()
	return Changed{
		ChatID: string(s.renderer.appendChatID(nil, msg.chat, m.chats[msg.chat])), ID: strconv.FormatInt(msg.id, 10),
		Etag: strconv.FormatInt(v.etag, 10), Seq: msg.versions(), Time: v.at,
	}
}

// delays says how late the copies of one version are, where it is not left to the lateness of the configuration.
type delays struct {
	all    int64 // ms; -1: as configured
	single map[uint32]int64
}

var asConfigured = delays{all: -1}

func (d delays) of(user uint32) (int64, bool) {
	if ms, ok := d.single[user]; ok {
		return ms, true
	}
	return d.all, d.all >= 0
}

func (s *Server) delays(change Change) (delays, error) {
	d := asConfigured
	check := func(ms int64) error {
		if ms < 0 || ms > maxLateness.Milliseconds() {
			return fmt.Errorf("%w: a delay of %d ms, must be 0..24h", ErrChange, ms)
		}
		return nil
	}
	if change.DelayMillis != nil {
		d.all = *change.DelayMillis
		if err := check(d.all); err != nil {
			return d, err
		}
	}
	for id, ms := range change.DelayMillisOf {
		user, ok := s.user(id)
		if !ok {
			return d, fmt.Errorf("%w: no user %q", ErrChange, id)
		}
		if err := check(ms); err != nil {
			return d, err
		}
		if d.single == nil {
			d.single = map[uint32]int64{}
		}
		d.single[user] = ms
	}
	return d, nil
}

// writtenKey is a version that has a given text.
type writtenKey struct{ index, edition uint32 }

// write keeps the text of a version, if one was given.
func (m *model) write(index, edition uint32, change Change) {
	if change.Content == nil {
		return
	}
	if m.written == nil {
		m.written = map[writtenKey]*writtenText{}
	}
	contentType := "text"
	if change.ContentType != "" {
		contentType = change.ContentType
	}
	m.written[writtenKey{index, edition}] = &writtenText{contentType: contentType, content: *change.Content}
}

// chatByID finds a chat by its id. Tests change single messages, so it simply looks through all.
func (m *model) chatByID(id string, r renderer) (uint32, bool) {
	var room [128]byte
	for i := range m.chats {
		if string(r.appendChatID(room[:0], uint32(i), m.chats[i])) == id {
			return uint32(i), true
		}
	}
	return 0, false
}

func (m *model) chatOf(user uint32) (uint32, bool) {
	for i := range m.chats {
		for _, member := range m.chats[i].members {
			if member == user {
				return uint32(i), true
			}
		}
	}
	return 0, false
}

// Chat is one line of GET /_sim/chats.
type Chat struct {
	ChatID  string   `json:"chatId"`
	Members []string `json:"members"`
}

// Chats lists all chats and who is in them.
func (s *Server) Chats() []Chat {
	m := s.model
	list := make([]Chat, len(m.chats))
	for i := range m.chats {
		c := chat{members: m.chats[i].members, form: m.chats[i].form}
		list[i].ChatID = string(s.renderer.appendChatID(nil, uint32(i), c))
		for _, user := range c.members {
			list[i].Members = append(list[i].Members, m.userIDs[user].String())
		}
	}
	return list
}

// AccessToken gives out a token with the given roles, or with none. A delegated one stands for a user who is signed in,
// which getAllMessages refuses with 412. Lifetime 0 means an hour.
func (s *Server) AccessToken(roles []string, delegated bool, lifetime time.Duration) (string, error) {
	if lifetime <= 0 {
		lifetime = time.Hour
	}
	text, err := s.issue(accessToken{expires: s.cfg.Now().Add(lifetime), roles: roles, delegated: delegated})
	if err != nil {
		return "", fmt.Errorf("graphsim: sign a token: %w", err)
	}
	return text, nil
}

// maxControl bounds what is posted to the simulator itself.
const maxControl = 4 << 20

// decode reads one JSON value without unknown members.
func decode(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}
