package graphsim

import (
	"strconv"
	"strings"
)

// attachmentKinds are the kinds of attachments, with the form of their ids.
var attachmentKinds = [...]string{
	"reference", "messageReference", "meetingReference", "tabReference", "forwardedMessageReference",
	"application/vnd.microsoft.card.adaptive", "application/vnd.microsoft.card.thumbnail",
	"application/vnd.microsoft.card.hero", "application/vnd.microsoft.card.codesnippet", "image/png",
}

// attachments is how many attachments a message has.
func (r renderer) attachments(it *item) int {
	if it.text != nil || it.msg.kind != kindOrdinary || r.blocked(it) || !r.has(it.index, traitAttachments, r.cfg.Content.Attachments) {
		return 0
	}
	d := r.dice(it.index, traitAttachments+100)
	return 1 + d.below(2)
}

func (r renderer) attachmentKind(it *item, n int) (kind string, d dice) {
	d = dice{mix(r.cfg.Seed, purposeContent, uint64(it.index), traitAttachments, uint64(n)+1)}
	return attachmentKinds[d.below(len(attachmentKinds))], d
}

func (r renderer) attachmentID(it *item, n int) string {
	kind, d := r.attachmentKind(it, n)
	switch kind {
	case "reference":
		return strings.ToUpper(newGUID(d.next()).String())
	case "messageReference", "meetingReference", "forwardedMessageReference":
		return strconv.FormatInt(it.msg.created-1-int64(d.below(1e6)), 10)
	case "tabReference":
		return "tab::" + newGUID(d.next()).String()
	default:
		return string(appendHex(appendHex(nil, d.next()), d.next()))
	}
}

func (r renderer) appendAttachments(b []byte, it *item, escapes bool) []byte {
	b = append(b, '[')
	for n := range r.attachments(it) {
		if n > 0 {
			b = append(b, ',')
		}
		b = r.appendAttachment(b, it, n, escapes)
	}
	return append(b, ']')
}

func (r renderer) appendAttachment(b []byte, it *item, n int, escapes bool) []byte {
	kind, d := r.attachmentKind(it, n)
	id := r.attachmentID(it, n)
	var url, content, name, thumbnail string
	switch kind {
	case "reference":
		name = "plan " + strconv.Itoa(d.below(100)) + ".docx"
		url = "https://tenant.sharepoint.example/sites/Heron/Shared Documents/General/" + name
	case "messageReference", "forwardedMessageReference":
		inner := []byte(`{"messageId":"` + id + `","messagePreview":`)
		inner = appendString(inner, appendWords(nil, &d, 40, false), false)
		inner = append(inner, `,"messageSender":`...)
		inner = appendIdentitySet(inner, r.member(it.chat.members[0]), true, false)
		inner = append(inner, `,"createdDateTime":"`...)
		inner = appendTime(inner, it.msg.created-1000, 0)
		inner = append(inner[:len(inner)-1], `+00:00"}`...) // inside attachments the zone is written as an offset
		content = string(inner)
	case "meetingReference":
		name = "Planning"
		content = `{"exchangeId":"` + string(appendHex(nil, d.next())) + `=","organizerId":"` + r.userIDs[it.chat.members[0]].String() + `"}`
	case "tabReference":
		name = "Board"
	case "image/png":
		name, url, thumbnail = "screenshot.png", "https://files.example/s/"+id, "https://files.example/t/"+id
	default:
		content = card(kind, &d)
	}
	b = append(b, `{"id":`...)
	b = appendString(b, id, false)
	b = append(b, `,"contentType":`...)
	b = appendString(b, kind, false)
	for _, property := range [...]struct{ name, value string }{
		{"contentUrl", url}, {"content", content}, {"name", name}, {"thumbnailUrl", thumbnail},
	} {
		b = append(b, `,"`...)
		b = append(b, property.name...)
		b = append(b, `":`...)
		if property.value == "" {
			b = append(b, `null`...)
		} else {
			b = appendString(b, property.value, escapes)
		}
	}
	switch d.below(3) { // absent in older answers
	case 0:
		b = append(b, `,"teamsAppId":null`...)
	case 1:
		b = append(b, `,"teamsAppId":"`...)
		b = newGUID(d.next() % 20).appendTo(b)
		b = append(b, '"')
	}
	return append(b, '}')
}

// card is the content of a card attachment: JSON of up to some kilobytes, itself in a string.
func card(kind string, d *dice) string {
	var b []byte
	if kind != "application/vnd.microsoft.card.adaptive" {
		b = append(b, "{\r\n  \"title\": \"Build finished\",\r\n  \"subtitle\": \"<h3>main</h3>\",\r\n  \"text\": "...)
		b = appendString(b, appendWords(nil, d, 120, false), false)
		return string(append(b, ",\r\n  \"buttons\": [{\"type\": \"openUrl\", \"title\": \"Log\", \"value\": \"https://ci.example/?a=1&b=2\"}]\r\n}"...))
	}
	b = append(b, `{"type":"AdaptiveCard","version":"1.5","body":[`...)
	for i := range 1 + d.below(24) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":"TextBlock","wrap":true,"text":`...)
		b = appendString(b, appendWords(nil, d, 80, false), false)
		b = append(b, '}')
	}
	return string(append(b, `]}`...))
}
