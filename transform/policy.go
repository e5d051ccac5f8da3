package transform

import "github.com/teams-kafka/connector/schema"

// Policy says what is left out of records and of dead letters. Its zero value leaves nothing out. It
// must not be changed while it is in use.
type Policy struct {
	// DropBody leaves out what people wrote: the content of the body and of attachments, subject and
	// summary, and all that the record holds in unmapped, because it could be anything.
	DropBody bool
	// ExcludeChats holds the ids of chats of which nothing is to be written.
	ExcludeChats map[string]struct{}
}

// Excludes tells whether nothing of this chat is to be written, neither as a record nor as a dead
// letter. Ask before Message and before DeadLetter, and count what is excluded (invariant 1). A
// chatId that is not known, "", is never excluded.
func (p Policy) Excludes(chatID string) bool {
	if len(p.ExcludeChats) == 0 {
		return false
	}
	_, excluded := p.ExcludeChats[chatID]
	return excluded && chatID != ""
}

// apply takes out of the record what the policy leaves out.
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
