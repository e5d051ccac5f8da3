// Code generated from chat_message.avsc by go generate. DO NOT EDIT.

package schema

import "github.com/hamba/avro/v2"

// Fingerprint is the CRC-64-AVRO fingerprint of the schema's Parsing Canonical Form, which identifies
// the schema where there is no registry.
const Fingerprint uint64 = 0x9cd02f310b38abd7

// TeamworkUserIdentity: A person. Graph declares the type as identity and sends teamworkUserIdentity.
type TeamworkUserIdentity struct {
	// @odata.type, where Graph gives it, such as #microsoft.graph.teamworkUserIdentity.
	OdataType *string `avro:"odataType"`
	// Identifier of the user. A GUID for users of an Entra tenant; another form for anonymous guests, personal accounts, Skype, phone, e-mail and Azure Communication Services users.
	ID *string `avro:"id"`
	// Name shown for the user; may be null and may be out of date.
	DisplayName *string `avro:"displayName"`
	// Kind of user: aadUser, onPremiseAadUser, anonymousGuest, federatedUser, personalMicrosoftAccountUser, skypeUser, phoneUser, emailUser, unknownFutureValue, or one that Graph adds later.
	UserIdentityType *string `avro:"userIdentityType"`
	// Entra tenant of the user, where Graph gives it. Not part of the declared type.
	TenantID *string `avro:"tenantId"`
}

func (r *TeamworkUserIdentity) write(w *avro.Writer) {
	writeText(w, r.OdataType)
	writeText(w, r.ID)
	writeText(w, r.DisplayName)
	writeText(w, r.UserIdentityType)
	writeText(w, r.TenantID)
}

// TeamworkApplicationIdentity: An application, bot or webhook. Graph declares the type as identity and sends teamworkApplicationIdentity.
type TeamworkApplicationIdentity struct {
	// @odata.type, where Graph gives it.
	OdataType *string `avro:"odataType"`
	// Identifier of the application.
	ID *string `avro:"id"`
	// Name shown for the application; may be null.
	DisplayName *string `avro:"displayName"`
	// Kind of application: aadApplication, bot, tenantBot, office365Connector, outgoingWebhook, unknownFutureValue, or one that Graph adds later.
	ApplicationIdentityType *string `avro:"applicationIdentityType"`
	// Entra tenant of the application, where Graph gives it. Not part of the declared type.
	TenantID *string `avro:"tenantId"`
}

func (r *TeamworkApplicationIdentity) write(w *avro.Writer) {
	writeText(w, r.OdataType)
	writeText(w, r.ID)
	writeText(w, r.DisplayName)
	writeText(w, r.ApplicationIdentityType)
	writeText(w, r.TenantID)
}

// Identity: An identity of no further kind: a device or a tag.
type Identity struct {
	// @odata.type, where Graph gives it.
	OdataType *string `avro:"odataType"`
	// Identifier.
	ID *string `avro:"id"`
	// Name shown; may be null.
	DisplayName *string `avro:"displayName"`
	// Entra tenant, where Graph gives it. Not part of the declared type.
	TenantID *string `avro:"tenantId"`
}

func (r *Identity) write(w *avro.Writer) {
	writeText(w, r.OdataType)
	writeText(w, r.ID)
	writeText(w, r.DisplayName)
	writeText(w, r.TenantID)
}

// TeamworkConversationIdentity: A team, channel or chat that is mentioned as a whole.
type TeamworkConversationIdentity struct {
	// @odata.type, where Graph gives it.
	OdataType *string `avro:"odataType"`
	// Identifier of the team, channel or chat.
	ID *string `avro:"id"`
	// Name of the team, channel or chat; may be null.
	DisplayName *string `avro:"displayName"`
	// Kind of conversation: team, channel, chat, unknownFutureValue, or one that Graph adds later.
	ConversationIdentityType *string `avro:"conversationIdentityType"`
	// Entra tenant, where Graph gives it. Not part of the declared type.
	TenantID *string `avro:"tenantId"`
}

func (r *TeamworkConversationIdentity) write(w *avro.Writer) {
	writeText(w, r.OdataType)
	writeText(w, r.ID)
	writeText(w, r.DisplayName)
	writeText(w, r.ConversationIdentityType)
	writeText(w, r.TenantID)
}

// IdentitySet: Who it was. As a rule exactly one member is set. Stands for identitySet and the types derived from it.
type IdentitySet struct {
	// @odata.type, where Graph gives it.
	OdataType *string `avro:"odataType"`
	// The person.
	User *TeamworkUserIdentity `avro:"user"`
	// The application, bot or webhook.
	Application *TeamworkApplicationIdentity `avro:"application"`
	// The device.
	Device *Identity `avro:"device"`
	// The team, channel or chat; declared for mentions only.
	Conversation *TeamworkConversationIdentity `avro:"conversation"`
	// The tag, a named group of team members; for mentions only and not part of the declared type.
	Tag *Identity `avro:"tag"`
}

func (r *IdentitySet) write(w *avro.Writer) {
	writeText(w, r.OdataType)
	writeRecord(w, r.User)
	writeRecord(w, r.Application)
	writeRecord(w, r.Device)
	writeRecord(w, r.Conversation)
	writeRecord(w, r.Tag)
}

// ItemBody: The text of a message.
type ItemBody struct {
	// How content is written: text or html.
	ContentType *string `avro:"contentType"`
	// The text itself. For system messages Graph gives the literal <systemEventMessage/>; what happened is in eventDetail. Null where the connector was told to leave bodies out.
	Content *string `avro:"content"`
}

func (r *ItemBody) write(w *avro.Writer) {
	writeText(w, r.ContentType)
	writeText(w, r.Content)
}

// ChannelIdentity: The channel a message stands in.
type ChannelIdentity struct {
	// Identifier of the team.
	TeamID *string `avro:"teamId"`
	// Identifier of the channel.
	ChannelID *string `avro:"channelId"`
}

func (r *ChannelIdentity) write(w *avro.Writer) {
	writeText(w, r.TeamID)
	writeText(w, r.ChannelID)
}

// ChatMessageAttachment: Something attached to a message: a file, a card, a quoted message, a meeting, a tab.
type ChatMessageAttachment struct {
	// Identifier of the attachment, which an <attachment id> element of the body names.
	ID *string `avro:"id"`
	// Media type, or one of Graph's own words such as reference, messageReference, meetingReference, tabReference, forwardedMessageReference, or application/vnd.microsoft.card and the name of the card.
	ContentType *string `avro:"contentType"`
	// Where the content lies; may hold spaces and other characters that no valid URL has.
	ContentURL *string `avro:"contentUrl"`
	// The content itself, for cards and references a JSON document as text. Null where the connector was told to leave bodies out.
	Content *string `avro:"content"`
	// Name of the attachment, such as the file name.
	Name *string `avro:"name"`
	// Where a preview image lies.
	ThumbnailURL *string `avro:"thumbnailUrl"`
	// Identifier of the Teams app that belongs to the attachment.
	TeamsAppID *string `avro:"teamsAppId"`
}

func (r *ChatMessageAttachment) write(w *avro.Writer) {
	writeText(w, r.ID)
	writeText(w, r.ContentType)
	writeText(w, r.ContentURL)
	writeText(w, r.Content)
	writeText(w, r.Name)
	writeText(w, r.ThumbnailURL)
	writeText(w, r.TeamsAppID)
}

// ChatMessageMention: Someone or something mentioned in the body.
type ChatMessageMention struct {
	// Number of the mention, which an <at id> element of the body names.
	ID *int32 `avro:"id"`
	// The text that stands for the mention.
	MentionText *string `avro:"mentionText"`
	// Who or what is mentioned.
	Mentioned *IdentitySet `avro:"mentioned"`
}

func (r *ChatMessageMention) write(w *avro.Writer) {
	writeInt(w, r.ID)
	writeText(w, r.MentionText)
	writeRecord(w, r.Mentioned)
}

// ChatMessageReaction: A reaction to a message.
type ChatMessageReaction struct {
	// A Unicode emoji, custom, or one of like, angry, sad, laugh, heart, surprised.
	ReactionType *string `avro:"reactionType"`
	// Name of the reaction.
	DisplayName *string `avro:"displayName"`
	// Where the image of a custom reaction lies.
	ReactionContentURL *string `avro:"reactionContentUrl"`
	// When the reaction was made.
	CreatedDateTime *int64 `avro:"createdDateTime"`
	// Who reacted.
	User *IdentitySet `avro:"user"`
}

func (r *ChatMessageReaction) write(w *avro.Writer) {
	writeText(w, r.ReactionType)
	writeText(w, r.DisplayName)
	writeText(w, r.ReactionContentURL)
	writeLong(w, r.CreatedDateTime)
	writeRecord(w, r.User)
}

// ChatMessageHistoryItem: One entry of a message's history of changes.
type ChatMessageHistoryItem struct {
	// When the change was made.
	ModifiedDateTime *int64 `avro:"modifiedDateTime"`
	// What was done: reactionAdded, reactionRemoved, actionUndefined, unknownFutureValue, or several of them joined by commas.
	Actions *string `avro:"actions"`
	// The reaction that was added or removed.
	Reaction *ChatMessageReaction `avro:"reaction"`
}

func (r *ChatMessageHistoryItem) write(w *avro.Writer) {
	writeLong(w, r.ModifiedDateTime)
	writeText(w, r.Actions)
	writeRecord(w, r.Reaction)
}

// ChatMessagePolicyViolationPolicyTip: What the sender is told about a policy violation.
type ChatMessagePolicyViolationPolicyTip struct {
	// Explanation shown to the sender.
	GeneralText *string `avro:"generalText"`
	// Where the sender can read more.
	ComplianceURL *string `avro:"complianceUrl"`
	// The conditions that matched, in words.
	MatchedConditionDescriptions []string `avro:"matchedConditionDescriptions"`
}

func (r *ChatMessagePolicyViolationPolicyTip) write(w *avro.Writer) {
	writeText(w, r.GeneralText)
	writeText(w, r.ComplianceURL)
	writeTexts(w, r.MatchedConditionDescriptions)
}

// ChatMessagePolicyViolation: What data loss prevention did to a message.
type ChatMessagePolicyViolation struct {
	// What was done: none, notifySender, blockAccess, blockAccessExternal, or several of them joined by commas.
	DlpAction *string `avro:"dlpAction"`
	// Why the sender overrode the policy, in the sender's words.
	JustificationText *string `avro:"justificationText"`
	// What the sender is told.
	PolicyTip *ChatMessagePolicyViolationPolicyTip `avro:"policyTip"`
	// What the sender did: none, override, reportFalsePositive, or several of them joined by commas.
	UserAction *string `avro:"userAction"`
	// What the sender may do: none, allowFalsePositiveOverride, allowOverrideWithoutJustification, allowOverrideWithJustification, or several of them joined by commas.
	VerdictDetails *string `avro:"verdictDetails"`
}

func (r *ChatMessagePolicyViolation) write(w *avro.Writer) {
	writeText(w, r.DlpAction)
	writeText(w, r.JustificationText)
	writeRecord(w, r.PolicyTip)
	writeText(w, r.UserAction)
	writeText(w, r.VerdictDetails)
}

// CallParticipantInfo: Someone who took part in a call.
type CallParticipantInfo struct {
	// Who took part.
	Participant *IdentitySet `avro:"participant"`
}

func (r *CallParticipantInfo) write(w *avro.Writer) {
	writeRecord(w, r.Participant)
}

// EventMessageDetail: What a system message tells. One flat record for all types derived from eventMessageDetail: odataType says which one it is, and the fields of the others are null.
type EventMessageDetail struct {
	// @odata.type: which event it is, such as #microsoft.graph.membersAddedEventMessageDetail.
	OdataType *string `avro:"odataType"`
	// Who made it happen.
	Initiator *IdentitySet `avro:"initiator"`
	// Identifier of the call. callStarted, callEnded, callRecording, callTranscript.
	CallID *string `avro:"callId"`
	// Kind of call: call, meeting, screenShare, unknownFutureValue. callStarted, callEnded.
	CallEventType *string `avro:"callEventType"`
	// How long the call lasted, as an ISO 8601 duration such as PT40M19.26S. callEnded.
	CallDuration *string `avro:"callDuration"`
	// callDuration in milliseconds, finer digits cut off. Null where it is no duration, or counts years or months.
	CallDurationMillis *int64 `avro:"callDurationMillis"`
	// Who took part in the call. callEnded.
	CallParticipants []CallParticipantInfo `avro:"callParticipants"`
	// Name of the recording. callRecording.
	CallRecordingDisplayName *string `avro:"callRecordingDisplayName"`
	// Length of the recording, as an ISO 8601 duration. callRecording.
	CallRecordingDuration *string `avro:"callRecordingDuration"`
	// callRecordingDuration in milliseconds, finer digits cut off. Null where it is no duration, or counts years or months.
	CallRecordingDurationMillis *int64 `avro:"callRecordingDurationMillis"`
	// State of the recording: success, failure, initial, chunkFinished, unknownFutureValue. callRecording.
	CallRecordingStatus *string `avro:"callRecordingStatus"`
	// Where the recording lies. callRecording.
	CallRecordingURL *string `avro:"callRecordingUrl"`
	// iCalendar identifier of the meeting of the transcript. callTranscript.
	CallTranscriptICalUID *string `avro:"callTranscriptICalUid"`
	// Who organized the meeting. callRecording, callTranscript.
	MeetingOrganizer *IdentitySet `avro:"meetingOrganizer"`
	// Whether the meeting has a chat. meetingPolicyUpdated.
	MeetingChatEnabled *bool `avro:"meetingChatEnabled"`
	// Identifier of the meeting's chat. meetingPolicyUpdated.
	MeetingChatID *string `avro:"meetingChatId"`
	// Identifier of the chat. chatRenamed.
	ChatID *string `avro:"chatId"`
	// New name of the chat. chatRenamed.
	ChatDisplayName *string `avro:"chatDisplayName"`
	// Who was added or removed, joined or left. membersAdded, membersDeleted, membersJoined, membersLeft.
	Members []TeamworkUserIdentity `avro:"members"`
	// From when on new members see the history; year 1 stands for all of it. membersAdded.
	VisibleHistoryStartDateTime *int64 `avro:"visibleHistoryStartDateTime"`
	// New roles of the member. conversationMemberRoleUpdated.
	ConversationMemberRoles []string `avro:"conversationMemberRoles"`
	// Whose roles changed. conversationMemberRoleUpdated.
	ConversationMemberUser *TeamworkUserIdentity `avro:"conversationMemberUser"`
	// When it happened. messagePinned, messageUnpinned.
	EventDateTime *int64 `avro:"eventDateTime"`
	// Identifier of the channel. channelAdded, channelDeleted, channelRenamed, channelDescriptionUpdated, channelSetAsFavoriteByDefault, channelUnsetAsFavoriteByDefault.
	ChannelID *string `avro:"channelId"`
	// Name of the channel. channelAdded, channelDeleted, channelRenamed.
	ChannelDisplayName *string `avro:"channelDisplayName"`
	// New description of the channel. channelDescriptionUpdated.
	ChannelDescription *string `avro:"channelDescription"`
	// Identifier of the tab. tabUpdated.
	TabID *string `avro:"tabId"`
	// Identifier of the team. teamArchived, teamUnarchived, teamCreated, teamRenamed, teamDescriptionUpdated, teamJoiningEnabled, teamJoiningDisabled.
	TeamID *string `avro:"teamId"`
	// Name of the team. teamCreated, teamRenamed.
	TeamDisplayName *string `avro:"teamDisplayName"`
	// Description of the team. teamCreated, teamDescriptionUpdated.
	TeamDescription *string `avro:"teamDescription"`
	// Identifier of the Teams app. teamsAppInstalled, teamsAppRemoved, teamsAppUpgraded.
	TeamsAppID *string `avro:"teamsAppId"`
	// Name of the Teams app. teamsAppInstalled, teamsAppRemoved, teamsAppUpgraded.
	TeamsAppDisplayName *string `avro:"teamsAppDisplayName"`
}

func (r *EventMessageDetail) write(w *avro.Writer) {
	writeText(w, r.OdataType)
	writeRecord(w, r.Initiator)
	writeText(w, r.CallID)
	writeText(w, r.CallEventType)
	writeText(w, r.CallDuration)
	writeLong(w, r.CallDurationMillis)
	writeRecords(w, r.CallParticipants)
	writeText(w, r.CallRecordingDisplayName)
	writeText(w, r.CallRecordingDuration)
	writeLong(w, r.CallRecordingDurationMillis)
	writeText(w, r.CallRecordingStatus)
	writeText(w, r.CallRecordingURL)
	writeText(w, r.CallTranscriptICalUID)
	writeRecord(w, r.MeetingOrganizer)
	writeBoolean(w, r.MeetingChatEnabled)
	writeText(w, r.MeetingChatID)
	writeText(w, r.ChatID)
	writeText(w, r.ChatDisplayName)
	writeRecords(w, r.Members)
	writeLong(w, r.VisibleHistoryStartDateTime)
	writeTexts(w, r.ConversationMemberRoles)
	writeRecord(w, r.ConversationMemberUser)
	writeLong(w, r.EventDateTime)
	writeText(w, r.ChannelID)
	writeText(w, r.ChannelDisplayName)
	writeText(w, r.ChannelDescription)
	writeText(w, r.TabID)
	writeText(w, r.TeamID)
	writeText(w, r.TeamDisplayName)
	writeText(w, r.TeamDescription)
	writeText(w, r.TeamsAppID)
	writeText(w, r.TeamsAppDisplayName)
}

// ChatMessage: One version of one Microsoft Teams chat message, as Microsoft Graph gives it (chatMessage, v1.0). A field keeps the name of Graph's property; null stands for null and for absent alike. Enumerations are text, because Graph adds members.
type ChatMessage struct {
	// Identifier of the chat, and the key of the record.
	ChatID *string `avro:"chatId"`
	// Identifier of the message, unique only inside its chat. By origin the time of creation in Unix milliseconds.
	ID *string `avro:"id"`
	// Identifier of this version of the message. It changes with every change, reactions included.
	Etag *string `avro:"etag"`
	// @odata.type, as a rule #microsoft.graph.chatMessage.
	OdataType *string `avro:"odataType"`
	// message, systemEventMessage, chatEvent, typing, unknownFutureValue, or one that Graph adds later.
	MessageType *string `avro:"messageType"`
	// When the message was created.
	CreatedDateTime *int64 `avro:"createdDateTime"`
	// When the message was created or last changed, reactions included.
	LastModifiedDateTime *int64 `avro:"lastModifiedDateTime"`
	// When a user last edited the message; null if never.
	LastEditedDateTime *int64 `avro:"lastEditedDateTime"`
	// When the message was deleted; null if it was not.
	DeletedDateTime *int64 `avro:"deletedDateTime"`
	// Who sent the message; null for system messages.
	From *IdentitySet `avro:"from"`
	// For whom a bot sent the message. Not part of the declared type.
	OnBehalfOf *IdentitySet `avro:"onBehalfOf"`
	// The text of the message.
	Body *ItemBody `avro:"body"`
	// Subject of the message, in plain text. Null where the connector was told to leave bodies out.
	Subject *string `avro:"subject"`
	// Summary for notifications, in plain text; for channel messages only. Null where the connector was told to leave bodies out.
	Summary *string `avro:"summary"`
	// normal, high, urgent, unknownFutureValue.
	Importance *string `avro:"importance"`
	// Language of the message; Graph always says en-us.
	Locale *string `avro:"locale"`
	// Identifier of the message this one replies to; for channel messages only.
	ReplyToID *string `avro:"replyToId"`
	// Link to the message in Teams.
	WebURL *string `avro:"webUrl"`
	// The channel the message stands in; null for chat messages.
	ChannelIdentity *ChannelIdentity `avro:"channelIdentity"`
	// What is attached.
	Attachments []ChatMessageAttachment `avro:"attachments"`
	// Who and what is mentioned in the body.
	Mentions []ChatMessageMention `avro:"mentions"`
	// Reactions to the message.
	Reactions []ChatMessageReaction `avro:"reactions"`
	// History of changes, such as reactions added and removed.
	MessageHistory []ChatMessageHistoryItem `avro:"messageHistory"`
	// What data loss prevention did to the message.
	PolicyViolation *ChatMessagePolicyViolation `avro:"policyViolation"`
	// What a system message tells; null for other messages.
	EventDetail *EventMessageDetail `avro:"eventDetail"`
	// What no other field holds, or holds exactly: JSON Pointer (RFC 6901) of the place in Graph's JSON to the raw JSON text of the value. Properties the schema does not know; times finer than a millisecond; values of another JSON type than expected; arrays with a null or ill-typed element, whole; texts that are no Unicode. Where this map and a field both have a value, the map is right.
	Unmapped map[string]string `avro:"unmapped"`
}

func (r *ChatMessage) write(w *avro.Writer) {
	writeText(w, r.ChatID)
	writeText(w, r.ID)
	writeText(w, r.Etag)
	writeText(w, r.OdataType)
	writeText(w, r.MessageType)
	writeLong(w, r.CreatedDateTime)
	writeLong(w, r.LastModifiedDateTime)
	writeLong(w, r.LastEditedDateTime)
	writeLong(w, r.DeletedDateTime)
	writeRecord(w, r.From)
	writeRecord(w, r.OnBehalfOf)
	writeRecord(w, r.Body)
	writeText(w, r.Subject)
	writeText(w, r.Summary)
	writeText(w, r.Importance)
	writeText(w, r.Locale)
	writeText(w, r.ReplyToID)
	writeText(w, r.WebURL)
	writeRecord(w, r.ChannelIdentity)
	writeRecords(w, r.Attachments)
	writeRecords(w, r.Mentions)
	writeRecords(w, r.Reactions)
	writeRecords(w, r.MessageHistory)
	writeRecord(w, r.PolicyViolation)
	writeRecord(w, r.EventDetail)
	writeMap(w, r.Unmapped)
}
