package transform

import "github.com/teams-kafka/connector/schema"

// This file has one method for each type of record, which maps properties to fields. rebuild.go has the
// reverse.

func (c *Converter) chatMessage(m *schema.ChatMessage) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&m.OdataType)
		case "id":
			c.textField(&m.ID)
		case "replyToId":
			c.textField(&m.ReplyToID)
		case "etag":
			c.textField(&m.Etag)
		case "messageType":
			c.textField(&m.MessageType)
		case "createdDateTime":
			c.ownTimeField("createdDateTime", &m.CreatedDateTime)
		case "lastModifiedDateTime":
			c.ownTimeField("lastModifiedDateTime", &m.LastModifiedDateTime)
		case "lastEditedDateTime":
			c.ownTimeField("lastEditedDateTime", &m.LastEditedDateTime)
		case "deletedDateTime":
			c.ownTimeField("deletedDateTime", &m.DeletedDateTime)
		case "subject":
			c.textField(&m.Subject)
		case "summary":
			c.textField(&m.Summary)
		case "chatId":
			c.textField(&m.ChatID)
		case "importance":
			c.textField(&m.Importance)
		case "locale":
			c.textField(&m.Locale)
		case "webUrl":
			c.textField(&m.WebURL)
		case "channelIdentity":
			if c.enter("channelIdentity") {
				m.ChannelIdentity = c.channelIdentity()
			}
		case "from":
			m.From = c.identitySet("from")
		case "onBehalfOf":
			m.OnBehalfOf = c.identitySet("onBehalfOf")
		case "body":
			if c.enter("body") {
				m.Body = c.itemBody()
			}
		case "policyViolation":
			if c.enter("policyViolation") {
				m.PolicyViolation = c.policyViolation()
			}
		case "eventDetail":
			if c.enter("eventDetail") {
				m.EventDetail = c.eventDetail()
			}
		case "attachments":
			m.Attachments = objectsField(c, "attachments", (*Converter).attachment)
		case "mentions":
			m.Mentions = objectsField(c, "mentions", (*Converter).mention)
		case "reactions":
			m.Reactions = objectsField(c, "reactions", (*Converter).reaction)
		case "messageHistory":
			m.MessageHistory = objectsField(c, "messageHistory", (*Converter).historyItem)
		default:
			c.other()
		}
	}
}

func (c *Converter) itemBody() *schema.ItemBody {
	body := c.room.bodies.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "contentType":
			c.textField(&body.ContentType)
		case "content":
			c.textField(&body.Content)
		default:
			c.other()
		}
	}
	c.leave()
	return body
}

func (c *Converter) channelIdentity() *schema.ChannelIdentity {
	channel := c.room.channels.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "teamId":
			c.textField(&channel.TeamID)
		case "channelId":
			c.textField(&channel.ChannelID)
		default:
			c.other()
		}
	}
	c.leave()
	return channel
}

// identitySet reads the value of the member called name.
func (c *Converter) identitySet(name string) *schema.IdentitySet {
	if !c.enter(name) {
		return nil
	}
	set := c.room.sets.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&set.OdataType)
		case "application":
			if c.enter("application") {
				set.Application = c.application()
			}
		case "device":
			set.Device = c.identity("device")
		case "user":
			if c.enter("user") {
				set.User = c.room.users.next()
				c.user(set.User)
				c.leave()
			}
		case "conversation":
			if c.enter("conversation") {
				set.Conversation = c.conversation()
			}
		case "tag":
			set.Tag = c.identity("tag")
		default:
			c.other()
		}
	}
	c.leave()
	return set
}

// user reads a user object that the caller has entered or that is an element of an array.
func (c *Converter) user(user *schema.TeamworkUserIdentity) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&user.OdataType)
		case "id":
			c.textField(&user.ID)
		case "displayName":
			c.textField(&user.DisplayName)
		case "userIdentityType":
			c.textField(&user.UserIdentityType)
		case "tenantId":
			c.textField(&user.TenantID)
		default:
			c.other()
		}
	}
}

func (c *Converter) application() *schema.TeamworkApplicationIdentity {
	application := c.room.applications.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&application.OdataType)
		case "id":
			c.textField(&application.ID)
		case "displayName":
			c.textField(&application.DisplayName)
		case "applicationIdentityType":
			c.textField(&application.ApplicationIdentityType)
		case "tenantId":
			c.textField(&application.TenantID)
		default:
			c.other()
		}
	}
	c.leave()
	return application
}

func (c *Converter) conversation() *schema.TeamworkConversationIdentity {
	conversation := c.room.conversations.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&conversation.OdataType)
		case "id":
			c.textField(&conversation.ID)
		case "displayName":
			c.textField(&conversation.DisplayName)
		case "conversationIdentityType":
			c.textField(&conversation.ConversationIdentityType)
		case "tenantId":
			c.textField(&conversation.TenantID)
		default:
			c.other()
		}
	}
	c.leave()
	return conversation
}

// identity reads the value of the member called name.
func (c *Converter) identity(name string) *schema.Identity {
	if !c.enter(name) {
		return nil
	}
	identity := c.room.identities.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&identity.OdataType)
		case "id":
			c.textField(&identity.ID)
		case "displayName":
			c.textField(&identity.DisplayName)
		case "tenantId":
			c.textField(&identity.TenantID)
		default:
			c.other()
		}
	}
	c.leave()
	return identity
}

func (c *Converter) attachment(attachment *schema.ChatMessageAttachment) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "id":
			c.textField(&attachment.ID)
		case "contentType":
			c.textField(&attachment.ContentType)
		case "contentUrl":
			c.textField(&attachment.ContentURL)
		case "content":
			c.textField(&attachment.Content)
		case "name":
			c.textField(&attachment.Name)
		case "thumbnailUrl":
			c.textField(&attachment.ThumbnailURL)
		case "teamsAppId":
			c.textField(&attachment.TeamsAppID)
		default:
			c.other()
		}
	}
}

func (c *Converter) mention(mention *schema.ChatMessageMention) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "id":
			c.intField(&mention.ID)
		case "mentionText":
			c.textField(&mention.MentionText)
		case "mentioned":
			mention.Mentioned = c.identitySet("mentioned")
		default:
			c.other()
		}
	}
}

func (c *Converter) reaction(reaction *schema.ChatMessageReaction) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "reactionType":
			c.textField(&reaction.ReactionType)
		case "displayName":
			c.textField(&reaction.DisplayName)
		case "reactionContentUrl":
			c.textField(&reaction.ReactionContentURL)
		case "createdDateTime":
			c.timeField(&reaction.CreatedDateTime)
		case "user":
			reaction.User = c.identitySet("user")
		default:
			c.other()
		}
	}
}

func (c *Converter) historyItem(item *schema.ChatMessageHistoryItem) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "modifiedDateTime":
			c.timeField(&item.ModifiedDateTime)
		case "actions":
			c.textField(&item.Actions)
		case "reaction":
			if c.enter("reaction") {
				item.Reaction = c.room.reactions.next()
				c.reaction(item.Reaction)
				c.leave()
			}
		default:
			c.other()
		}
	}
}

func (c *Converter) policyViolation() *schema.ChatMessagePolicyViolation {
	violation := c.room.violations.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "dlpAction":
			c.textField(&violation.DlpAction)
		case "justificationText":
			c.textField(&violation.JustificationText)
		case "policyTip":
			if c.enter("policyTip") {
				violation.PolicyTip = c.policyTip()
			}
		case "userAction":
			c.textField(&violation.UserAction)
		case "verdictDetails":
			c.textField(&violation.VerdictDetails)
		default:
			c.other()
		}
	}
	c.leave()
	return violation
}

func (c *Converter) policyTip() *schema.ChatMessagePolicyViolationPolicyTip {
	tip := c.room.tips.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "generalText":
			c.textField(&tip.GeneralText)
		case "complianceUrl":
			c.textField(&tip.ComplianceURL)
		case "matchedConditionDescriptions":
			tip.MatchedConditionDescriptions = c.textsField("matchedConditionDescriptions")
		default:
			c.other()
		}
	}
	c.leave()
	return tip
}

func (c *Converter) eventDetail() *schema.EventMessageDetail {
	event := c.room.events.next()
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "@odata.type":
			c.textField(&event.OdataType)
		case "initiator":
			event.Initiator = c.identitySet("initiator")
		case "callId":
			c.textField(&event.CallID)
		case "callEventType":
			c.textField(&event.CallEventType)
		case "callDuration":
			c.durationField(&event.CallDuration, &event.CallDurationMillis)
		case "callParticipants":
			event.CallParticipants = objectsField(c, "callParticipants", (*Converter).participant)
		case "callRecordingDisplayName":
			c.textField(&event.CallRecordingDisplayName)
		case "callRecordingDuration":
			c.durationField(&event.CallRecordingDuration, &event.CallRecordingDurationMillis)
		case "callRecordingStatus":
			c.textField(&event.CallRecordingStatus)
		case "callRecordingUrl":
			c.textField(&event.CallRecordingURL)
		case "callTranscriptICalUid":
			c.textField(&event.CallTranscriptICalUID)
		case "meetingOrganizer":
			event.MeetingOrganizer = c.identitySet("meetingOrganizer")
		case "meetingChatEnabled":
			c.booleanField(&event.MeetingChatEnabled)
		case "meetingChatId":
			c.textField(&event.MeetingChatID)
		case "chatId":
			c.textField(&event.ChatID)
		case "chatDisplayName":
			c.textField(&event.ChatDisplayName)
		case "members":
			event.Members = objectsField(c, "members", (*Converter).user)
		case "visibleHistoryStartDateTime":
			c.timeField(&event.VisibleHistoryStartDateTime)
		case "conversationMemberRoles":
			event.ConversationMemberRoles = c.textsField("conversationMemberRoles")
		case "conversationMemberUser":
			if c.enter("conversationMemberUser") {
				event.ConversationMemberUser = c.room.users.next()
				c.user(event.ConversationMemberUser)
				c.leave()
			}
		case "eventDateTime":
			c.timeField(&event.EventDateTime)
		case "channelId":
			c.textField(&event.ChannelID)
		case "channelDisplayName":
			c.textField(&event.ChannelDisplayName)
		case "channelDescription":
			c.textField(&event.ChannelDescription)
		case "tabId":
			c.textField(&event.TabID)
		case "teamId":
			c.textField(&event.TeamID)
		case "teamDisplayName":
			c.textField(&event.TeamDisplayName)
		case "teamDescription":
			c.textField(&event.TeamDescription)
		case "teamsAppId":
			c.textField(&event.TeamsAppID)
		case "teamsAppDisplayName":
			c.textField(&event.TeamsAppDisplayName)
		default:
			c.other()
		}
	}
	c.leave()
	return event
}

func (c *Converter) participant(participant *schema.CallParticipantInfo) {
	for o := new(object); c.member(o); {
		switch string(c.name) {
		case "participant":
			participant.Participant = c.identitySet("participant")
		default:
			c.other()
		}
	}
}
