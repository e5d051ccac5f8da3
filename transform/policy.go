package transform

import "github.com/teams-kafka/connector/schema"

// Policy says what records and dead letters leave out. Its zero value leaves nothing out. It must not
// change while in use.
type Policy struct {
	// DropBody leaves out what people wrote: the content of the body and of attachments, subject and
	// summary, and everything in unmapped, because it could be anything.
	DropBody bool
	// ExcludeChats is the set of chats, by id, of which nothing is written.
	ExcludeChats map[string]struct{}
}

// Excludes reports whether the policy forbids writing anything of this chat, as a record or as a dead
// letter. Callers ask before Message and DeadLetter and count what is excluded (invariant 1). An
// unknown chatId, "", is never excluded.
func (p Policy) Excludes(chatID string) bool {
	if len(p.ExcludeChats) == 0 {
		return false
	}
	_, excluded := p.ExcludeChats[chatID]
	return excluded && chatID != ""
}

// apply removes from the record what the policy leaves out.
func (p Policy) apply(m *schema.ChatMessage) {
	if !p.DropBody {
		return
	}
	if m.Body != nil {
		m.Body.Content = nil
	}
	for i := range m.Attachments {
		m.Attachments[i].Content = nil
	}
	m.Subject, m.Summary, m.Unmapped = nil, nil, nil
}
