package transform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/teams-kafka/connector/schema"
)

// JSON rebuilds Graph's JSON from a record: what Message made the record from, except for the order of
// members, null members, and the notation of times and strings. If unmapped and a field both have a
// value, unmapped wins. The error wraps ErrForeignPointer or names the field that JSON cannot express.
func JSON(m *schema.ChatMessage) ([]byte, error) {
	w := rebuilder{unmapped: byObject(m.Unmapped)}
	w.chatMessage(m)
	if w.err != nil {
		return nil, w.err
	}
	if len(w.unmapped) > 0 {
		return nil, ErrForeignPointer
	}
	return w.out, nil
}

// overrides are the unmapped members of one object, by name.
type overrides map[string]string

// byObject groups unmapped by the pointer of the object that contains the member.
func byObject(unmapped map[string]string) map[string]overrides {
	objects := make(map[string]overrides)
	for pointer, value := range unmapped {
		i := strings.LastIndexByte(pointer, '/')
		if i < 0 {
			objects["none"] = overrides{pointer: value} // not a valid pointer of any object
			continue
		}
		object, name := pointer[:i], pointer[i+1:]
		if objects[object] == nil {
			objects[object] = overrides{}
		}
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		objects[object][name] = value
	}
	return objects
}

// rebuilder writes the JSON of one record.
type rebuilder struct {
	out      []byte
	pointer  []byte // of the object being written
	unmapped map[string]overrides
	own      overrides // of the object that is being written
	err      error
}

// object writes an object; write writes its members.
func (w *rebuilder) object(write func()) {
	outer := w.own
	w.own = w.unmapped[string(w.pointer)]
	delete(w.unmapped, string(w.pointer))
	w.out = append(w.out, '{')
	write()
	names := make([]string, 0, len(w.own))
	for name := range w.own {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w.name(name)
		w.out = append(w.out, w.own[name]...)
	}
	w.out = append(w.out, '}')
	w.own = outer
}

// name writes the name of a member, after a comma if it is not the first.
func (w *rebuilder) name(name string) {
	if w.out[len(w.out)-1] != '{' {
		w.out = append(w.out, ',')
	}
	w.quote(name, name)
	w.out = append(w.out, ':')
}

func (w *rebuilder) quote(name, value string) {
	quoted, err := jsontext.AppendQuote(w.out, value)
	if err != nil {
		if w.err == nil {
			w.err = fmt.Errorf("rebuild the JSON: %s holds what is not UTF-8", name)
		}
		return
	}
	w.out = quoted
}

// member writes a member unless it is null or in unmapped.
func (w *rebuilder) member(name string, isNull bool, write func()) {
	if _, overridden := w.own[name]; overridden || isNull {
		return
	}
	w.name(name)
	length := len(w.pointer)
	w.pointer = appendToken(w.pointer, name)
	write()
	w.pointer = w.pointer[:length]
}

func (w *rebuilder) text(name string, value *string) {
	w.member(name, value == nil, func() { w.quote(name, *value) })
}

func (w *rebuilder) time(name string, millis *int64) {
	w.member(name, millis == nil, func() {
		w.out = append(w.out, '"')
		w.out = time.UnixMilli(*millis).UTC().AppendFormat(w.out, time.RFC3339Nano)
		w.out = append(w.out, '"')
	})
}

func (w *rebuilder) integer(name string, value *int32) {
	w.member(name, value == nil, func() { w.out = strconv.AppendInt(w.out, int64(*value), 10) })
}

func (w *rebuilder) boolean(name string, value *bool) {
	w.member(name, value == nil, func() { w.out = strconv.AppendBool(w.out, *value) })
}

func (w *rebuilder) texts(name string, values []string) {
	w.member(name, values == nil, func() {
		w.elements(len(values), func(i int) { w.quote(name, values[i]) })
	})
}

// elements writes an array of n elements.
func (w *rebuilder) elements(n int, write func(i int)) {
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		write(i)
	}
	w.out = append(w.out, ']')
}

// record writes a member that is a record.
func record[T any](w *rebuilder, name string, value *T, write func(*rebuilder, *T)) {
	w.member(name, value == nil, func() {
		w.object(func() { write(w, value) })
	})
}

// records writes a member that is an array of records.
func records[T any](w *rebuilder, name string, values []T, write func(*rebuilder, *T)) {
	w.member(name, values == nil, func() {
		length := len(w.pointer)
		w.elements(len(values), func(i int) {
			w.pointer = strconv.AppendInt(append(w.pointer, '/'), int64(i), 10)
			w.object(func() { write(w, &values[i]) })
			w.pointer = w.pointer[:length]
		})
	})
}

// The rest of the file has one method for each type of record, the reverse of those in records.go.

func (w *rebuilder) chatMessage(m *schema.ChatMessage) {
	w.object(func() {
		w.text("@odata.type", m.OdataType)
		w.text("id", m.ID)
		w.text("replyToId", m.ReplyToID)
		w.text("etag", m.Etag)
		w.text("messageType", m.MessageType)
		w.time("createdDateTime", m.CreatedDateTime)
		w.time("lastModifiedDateTime", m.LastModifiedDateTime)
		w.time("lastEditedDateTime", m.LastEditedDateTime)
		w.time("deletedDateTime", m.DeletedDateTime)
		w.text("subject", m.Subject)
		w.text("summary", m.Summary)
		w.text("chatId", m.ChatID)
		w.text("importance", m.Importance)
		w.text("locale", m.Locale)
		w.text("webUrl", m.WebURL)
		record(w, "channelIdentity", m.ChannelIdentity, (*rebuilder).channelIdentity)
		record(w, "from", m.From, (*rebuilder).identitySet)
		record(w, "onBehalfOf", m.OnBehalfOf, (*rebuilder).identitySet)
		record(w, "body", m.Body, (*rebuilder).itemBody)
		record(w, "policyViolation", m.PolicyViolation, (*rebuilder).policyViolation)
		record(w, "eventDetail", m.EventDetail, (*rebuilder).eventDetail)
		records(w, "attachments", m.Attachments, (*rebuilder).attachment)
		records(w, "mentions", m.Mentions, (*rebuilder).mention)
		records(w, "reactions", m.Reactions, (*rebuilder).reaction)
		records(w, "messageHistory", m.MessageHistory, (*rebuilder).historyItem)
	})
}

func (w *rebuilder) itemBody(body *schema.ItemBody) {
	w.text("contentType", body.ContentType)
	w.text("content", body.Content)
}

func (w *rebuilder) channelIdentity(channel *schema.ChannelIdentity) {
	w.text("teamId", channel.TeamID)
	w.text("channelId", channel.ChannelID)
}

func (w *rebuilder) identitySet(set *schema.IdentitySet) {
	w.text("@odata.type", set.OdataType)
	record(w, "application", set.Application, (*rebuilder).application)
	record(w, "device", set.Device, (*rebuilder).identity)
	record(w, "user", set.User, (*rebuilder).user)
	record(w, "conversation", set.Conversation, (*rebuilder).conversation)
	record(w, "tag", set.Tag, (*rebuilder).identity)
}

func (w *rebuilder) user(user *schema.TeamworkUserIdentity) {
	w.text("@odata.type", user.OdataType)
	w.text("id", user.ID)
	w.text("displayName", user.DisplayName)
	w.text("userIdentityType", user.UserIdentityType)
	w.text("tenantId", user.TenantID)
}

func (w *rebuilder) application(application *schema.TeamworkApplicationIdentity) {
	w.text("@odata.type", application.OdataType)
	w.text("id", application.ID)
	w.text("displayName", application.DisplayName)
	w.text("applicationIdentityType", application.ApplicationIdentityType)
	w.text("tenantId", application.TenantID)
}

func (w *rebuilder) conversation(conversation *schema.TeamworkConversationIdentity) {
	w.text("@odata.type", conversation.OdataType)
	w.text("id", conversation.ID)
	w.text("displayName", conversation.DisplayName)
	w.text("conversationIdentityType", conversation.ConversationIdentityType)
	w.text("tenantId", conversation.TenantID)
}

func (w *rebuilder) identity(identity *schema.Identity) {
	w.text("@odata.type", identity.OdataType)
	w.text("id", identity.ID)
	w.text("displayName", identity.DisplayName)
	w.text("tenantId", identity.TenantID)
}

func (w *rebuilder) attachment(attachment *schema.ChatMessageAttachment) {
	w.text("id", attachment.ID)
	w.text("contentType", attachment.ContentType)
	w.text("contentUrl", attachment.ContentURL)
	w.text("content", attachment.Content)
	w.text("name", attachment.Name)
	w.text("thumbnailUrl", attachment.ThumbnailURL)
	w.text("teamsAppId", attachment.TeamsAppID)
}

func (w *rebuilder) mention(mention *schema.ChatMessageMention) {
	w.integer("id", mention.ID)
	w.text("mentionText", mention.MentionText)
	record(w, "mentioned", mention.Mentioned, (*rebuilder).identitySet)
}

func (w *rebuilder) reaction(reaction *schema.ChatMessageReaction) {
	w.text("reactionType", reaction.ReactionType)
	w.text("displayName", reaction.DisplayName)
	w.text("reactionContentUrl", reaction.ReactionContentURL)
	w.time("createdDateTime", reaction.CreatedDateTime)
	record(w, "user", reaction.User, (*rebuilder).identitySet)
}

func (w *rebuilder) historyItem(item *schema.ChatMessageHistoryItem) {
	w.time("modifiedDateTime", item.ModifiedDateTime)
	w.text("actions", item.Actions)
	record(w, "reaction", item.Reaction, (*rebuilder).reaction)
}

func (w *rebuilder) policyViolation(violation *schema.ChatMessagePolicyViolation) {
	w.text("dlpAction", violation.DlpAction)
	w.text("justificationText", violation.JustificationText)
	record(w, "policyTip", violation.PolicyTip, (*rebuilder).policyTip)
	w.text("userAction", violation.UserAction)
	w.text("verdictDetails", violation.VerdictDetails)
}

func (w *rebuilder) policyTip(tip *schema.ChatMessagePolicyViolationPolicyTip) {
	w.text("generalText", tip.GeneralText)
	w.text("complianceUrl", tip.ComplianceURL)
	w.texts("matchedConditionDescriptions", tip.MatchedConditionDescriptions)
}

func (w *rebuilder) eventDetail(event *schema.EventMessageDetail) {
	w.text("@odata.type", event.OdataType)
	record(w, "initiator", event.Initiator, (*rebuilder).identitySet)
	w.text("callId", event.CallID)
	w.text("callEventType", event.CallEventType)
	w.text("callDuration", event.CallDuration)
	records(w, "callParticipants", event.CallParticipants, (*rebuilder).participant)
	w.text("callRecordingDisplayName", event.CallRecordingDisplayName)
	w.text("callRecordingDuration", event.CallRecordingDuration)
	w.text("callRecordingStatus", event.CallRecordingStatus)
	w.text("callRecordingUrl", event.CallRecordingURL)
	w.text("callTranscriptICalUid", event.CallTranscriptICalUID)
	record(w, "meetingOrganizer", event.MeetingOrganizer, (*rebuilder).identitySet)
	w.boolean("meetingChatEnabled", event.MeetingChatEnabled)
	w.text("meetingChatId", event.MeetingChatID)
	w.text("chatId", event.ChatID)
	w.text("chatDisplayName", event.ChatDisplayName)
	records(w, "members", event.Members, (*rebuilder).user)
	w.time("visibleHistoryStartDateTime", event.VisibleHistoryStartDateTime)
	w.texts("conversationMemberRoles", event.ConversationMemberRoles)
	record(w, "conversationMemberUser", event.ConversationMemberUser, (*rebuilder).user)
	w.time("eventDateTime", event.EventDateTime)
	w.text("channelId", event.ChannelID)
	w.text("channelDisplayName", event.ChannelDisplayName)
	w.text("channelDescription", event.ChannelDescription)
	w.text("tabId", event.TabID)
	w.text("teamId", event.TeamID)
	w.text("teamDisplayName", event.TeamDisplayName)
	w.text("teamDescription", event.TeamDescription)
	w.text("teamsAppId", event.TeamsAppID)
	w.text("teamsAppDisplayName", event.TeamsAppDisplayName)
}

func (w *rebuilder) participant(participant *schema.CallParticipantInfo) {
	record(w, "participant", participant.Participant, (*rebuilder).identitySet)
}
