package graphsim

import "strconv"

// eventWriter writes the properties of an eventDetail.
type eventWriter struct {
	b       []byte
	r       renderer
	it      *item
	dice    *dice
	escapes bool
}

func (w *eventWriter) text(name, value string) {
	w.b = append(w.b, `,"`...)
	w.b = append(w.b, name...)
	w.b = append(w.b, `":`...)
	w.b = appendString(w.b, value, w.escapes)
}

func (w *eventWriter) raw(name, value string) {
	w.b = append(w.b, `,"`...)
	w.b = append(w.b, name...)
	w.b = append(w.b, `":`...)
	w.b = append(w.b, value...)
}

func (w *eventWriter) guid(name string) { w.text(name, newGUID(w.dice.next()).String()) }

func (w *eventWriter) channel(name string) {
	w.text(name, "19:"+string(appendHex(appendHex(nil, w.dice.next()), w.dice.next()))+"@thread.tacv2")
}

func (w *eventWriter) anyMember() sender {
	s := w.r.member(w.it.chat.members[w.dice.below(len(w.it.chat.members))])
	if w.dice.chance(0.7) {
		s.name = "" // null in most published system messages
	}
	return s
}

func (w *eventWriter) who(name string) {
	w.raw(name, "")
	w.b = appendIdentitySet(w.b, w.anyMember(), true, w.escapes)
}

func (w *eventWriter) members() {
	w.raw("members", "[")
	for i := range 1 + w.dice.below(3) {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		s := w.anyMember()
		if w.dice.chance(0.1) {
			s = sender{id: string(appendHex(appendHex(nil, w.dice.next()), w.dice.next())), name: "Guest", identityType: "anonymousGuest"}
		}
		w.b = appendIdentity(w.b, s, true, w.escapes)
	}
	w.b = append(w.b, ']')
}

func (w *eventWriter) pick(name string, values ...string) {
	w.text(name, values[w.dice.below(len(values))])
}

func (w *eventWriter) duration(name string) {
	switch w.dice.below(4) {
	case 0:
		w.text(name, "PT59S")
	case 1:
		w.text(name, "PT"+strconv.Itoa(1+w.dice.below(90))+"M"+strconv.Itoa(w.dice.below(60))+"."+strconv.Itoa(10+w.dice.below(90))+"S")
	case 2:
		w.text(name, "P1DT2H")
	default:
		w.text(name, "PT0S")
	}
}

// events are the 30 types derived from eventMessageDetail. initiated ones end with who caused them.
var events = [...]struct {
	name      string
	initiated bool
	write     func(*eventWriter)
}{
	{"membersAdded", true, func(w *eventWriter) {
		if w.dice.chance(0.5) { // the whole history is visible
			w.text("visibleHistoryStartDateTime", "0001-01-01T00:00:00Z")
		} else {
			w.text("visibleHistoryStartDateTime", string(appendTime(nil, w.it.msg.created, 0)))
		}
		w.members()
	}},
	{"membersDeleted", true, func(w *eventWriter) { w.members() }},
	{"chatRenamed", true, func(w *eventWriter) {
		w.text("chatId", string(w.r.appendChatID(nil, w.it.msg.chat, w.it.chat)))
		w.pick("chatDisplayName", "Project Heron", "Kaffeeküche ☕", "", "Équipe de nuit")
	}},
	{"membersJoined", true, func(w *eventWriter) { w.members() }},
	{"membersLeft", true, func(w *eventWriter) { w.members() }},
	{"conversationMemberRoleUpdated", true, func(w *eventWriter) {
		if w.dice.chance(0.3) {
			w.raw("conversationMemberRoles", "[]")
		} else {
			w.raw("conversationMemberRoles", `["Owner"]`)
		}
		w.raw("conversationMemberUser", "")
		w.b = appendIdentity(w.b, w.anyMember(), true, w.escapes)
	}},
	{"callStarted", true, func(w *eventWriter) {
		w.guid("callId")
		w.pick("callEventType", "call", "meeting", "screenShare")
	}},
	{"callEnded", true, func(w *eventWriter) {
		w.guid("callId")
		w.duration("callDuration")
		w.pick("callEventType", "call", "meeting", "screenShare")
		w.raw("callParticipants", "[")
		for i := range w.dice.below(4) {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = append(w.b, `{"participant":`...)
			w.b = appendIdentitySet(w.b, w.anyMember(), true, w.escapes)
			w.b = append(w.b, '}')
		}
		w.b = append(w.b, ']')
	}},
	{"callRecording", true, func(w *eventWriter) {
		w.guid("callId")
		w.text("callRecordingDisplayName", "Weekly sync.mp4")
		w.text("callRecordingUrl", "https://tenant.sharepoint.example/Shared%20Documents/Recordings/Weekly%20sync.mp4?web=1")
		w.duration("callRecordingDuration")
		w.pick("callRecordingStatus", "success", "failure", "initial", "chunkFinished")
		w.who("meetingOrganizer")
	}},
	{"callTranscript", false, func(w *eventWriter) {
		w.guid("callId")
		w.text("callTranscriptICalUid", "040000008200E00074C5B7101A82E008"+string(appendHex(nil, w.dice.next())))
		w.who("meetingOrganizer")
	}},
	{"meetingPolicyUpdated", true, func(w *eventWriter) {
		w.text("meetingChatId", string(w.r.appendChatID(nil, w.it.msg.chat, w.it.chat)))
		w.raw("meetingChatEnabled", [...]string{"true", "false"}[w.dice.below(2)])
	}},
	{"messagePinned", true, func(w *eventWriter) { w.text("eventDateTime", string(appendTime(nil, w.it.msg.created, 0))) }},
	{"messageUnpinned", true, func(w *eventWriter) { w.text("eventDateTime", string(appendTime(nil, w.it.msg.created, 0))) }},
	{"tabUpdated", true, func(w *eventWriter) { w.text("tabId", "tab::"+newGUID(w.dice.next()).String()) }},
	{"teamsAppInstalled", true, func(w *eventWriter) { w.guid("teamsAppId"); w.text("teamsAppDisplayName", "Whiteboard") }},
	{"teamsAppRemoved", true, func(w *eventWriter) { w.guid("teamsAppId"); w.text("teamsAppDisplayName", "Whiteboard") }},
	{"teamsAppUpgraded", true, func(w *eventWriter) { w.guid("teamsAppId"); w.text("teamsAppDisplayName", "Whiteboard") }},
	{"channelAdded", true, func(w *eventWriter) { w.channel("channelId"); w.text("channelDisplayName", "Release") }},
	{"channelDeleted", true, func(w *eventWriter) { w.channel("channelId"); w.text("channelDisplayName", "Release") }},
	{"channelDescriptionUpdated", true, func(w *eventWriter) { w.channel("channelId"); w.text("channelDescription", "What we ship") }},
	{"channelRenamed", true, func(w *eventWriter) { w.channel("channelId"); w.text("channelDisplayName", "Releases") }},
	{"channelSetAsFavoriteByDefault", true, func(w *eventWriter) { w.channel("channelId") }},
	{"channelUnsetAsFavoriteByDefault", true, func(w *eventWriter) { w.channel("channelId") }},
	{"teamArchived", true, func(w *eventWriter) { w.guid("teamId") }},
	{"teamCreated", true, func(w *eventWriter) {
		w.channel("teamId") // a thread id in the published example
		w.text("teamDisplayName", "Heron")
		w.text("teamDescription", "The Heron team.")
	}},
	{"teamDescriptionUpdated", true, func(w *eventWriter) { w.guid("teamId"); w.text("teamDescription", "We build Heron.") }},
	{"teamJoiningDisabled", true, func(w *eventWriter) { w.guid("teamId") }},
	{"teamJoiningEnabled", true, func(w *eventWriter) { w.guid("teamId") }},
	{"teamRenamed", true, func(w *eventWriter) { w.guid("teamId"); w.text("teamDisplayName", "Heron II") }},
	{"teamUnarchived", true, func(w *eventWriter) { w.guid("teamId") }},
}

// commonEvents is how many of the first events make up half of all.
const commonEvents = 3

func (r renderer) appendEvent(b []byte, it *item, escapes bool) []byte {
	d := r.dice(it.index, traitEvent)
	kind := d.below(len(events))
	if d.chance(0.5) {
		kind %= commonEvents
	}
	w := &eventWriter{b: b, r: r, it: it, dice: &d, escapes: escapes}
	w.b = append(w.b, `{"@odata.type":"#microsoft.graph.`...)
	w.b = append(w.b, events[kind].name...)
	w.b = append(w.b, `EventMessageDetail"`...)
	events[kind].write(w)
	if events[kind].initiated {
		w.who("initiator")
	}
	return append(w.b, '}')
}
