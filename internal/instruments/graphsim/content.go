package graphsim

import (
	"strconv"
	"strings"
)

var subjects = [...]string{"", "Minutes", "Re: budget Q3", "¿Mañana?", "Вопрос", "Wichtig: Umzug"}

// The vocabularies texts are made of. Some are written from right to left, some lie beyond the basic plane.
var vocabularies = [...][]string{
	{"the", "meeting", "moved", "to", "Thursday", "please", "bring", "numbers", "for", "review", "and", "we", "can", "ship", "it",
		"before", "lunch", "if", "nobody", "objects", "tests", "are", "green", "again", "thanks", "everyone", "who", "helped"},
	{"der", "Entwurf", "für", "die", "Prüfung", "läuft", "über", "drei", "Büros", "und", "muss", "größer", "werden", "schöne", "Grüße"},
	{"le", "déjeuner", "est", "reporté", "à", "mercredi", "où", "ça", "vous", "arrange", "très", "bientôt", "l'équipe"},
	{"الاجتماع", "غدا", "في", "الصباح", "شكرا", "للجميع", "على", "العمل"},
	{"הפגישה", "מחר", "בבוקר", "תודה", "רבה", "לכולם"},
	{"会議", "は", "明日", "です", "資料", "を", "確認", "して", "ください"},
	{"👍", "🎉", "👩‍👩‍👧‍👦", "🇮🇸", "🙂", "ok", "🚀", "❤️", "𝒯𝑒𝓍𝓉"},
	{"C:\\builds\\latest", "\"quoted\"", "a\tb", "path/to/file", "x=1;", "<T>", "&&", "100%", "{}", "\u2028", "null"},
}

// body returns the content type and the text of a version. The text is appended to scratch.
func (r renderer) body(scratch []byte, it *item) (contentType string, text []byte) {
	if it.msg.kind == kindSystem {
		return "html", append(scratch, "<systemEventMessage/>"...)
	}
	if r.blocked(it) {
		return "text", scratch
	}
	html := r.isHTML(it)
	contentType = "text"
	if html {
		contentType = "html"
	}
	if it.msg.deletedAt(it.seq) != 0 && r.has(it.index, traitDeletedEmpty, r.cfg.Quirks.DeletedEmpty) {
		return contentType, scratch
	}
	if it.text != nil {
		return it.text.contentType, append(scratch, it.text.content...)
	}
	edition := it.msg.editionAt(it.seq)
	d := dice{mix(r.cfg.Seed, purposeBody, uint64(it.index), uint64(edition))}
	target := textLength(&d)
	if r.has(it.index, traitLarge, r.cfg.Content.Large) {
		target = 8<<10 + d.below(20<<10-256)
	}
	if html {
		return contentType, r.appendHTML(scratch, it, &d, target)
	}
	return contentType, appendWords(scratch, &d, target, false)
}

func (r renderer) isHTML(it *item) bool {
	if it.text != nil {
		return it.text.contentType == "html"
	}
	return r.has(it.index, traitHTML, r.cfg.Content.HTML) || r.attachments(it) > 0 || r.mentions(it) > 0
}

// textLength draws a length in bytes: mostly a line, sometimes a page.
func textLength(d *dice) int {
	u := d.unit()
	return 12 + int(1500*u*u*u*u)
}

// appendWords appends words until the text is about target bytes longer. In HTML, what would be markup is escaped.
func appendWords(b []byte, d *dice, target int, html bool) []byte {
	words := vocabularies[0]
	if pick := d.below(20); pick < len(vocabularies) {
		words = vocabularies[pick]
	}
	end := len(b) + target
	for n := 0; len(b) < end; n++ {
		if n > 0 {
			b = append(b, ' ')
		}
		word := words[d.below(len(words))]
		if !html || !strings.ContainsAny(word, "<>&") {
			b = append(b, word...)
			continue
		}
		for i := range len(word) {
			switch c := word[i]; c {
			case '<':
				b = append(b, "&lt;"...)
			case '>':
				b = append(b, "&gt;"...)
			case '&':
				b = append(b, "&amp;"...)
			default:
				b = append(b, c)
			}
		}
	}
	return b
}

// appendHTML appends a body in HTML, in the forms Teams writes.
func (r renderer) appendHTML(b []byte, it *item, d *dice, target int) []byte {
	if d.chance(0.08) { // a reply, which in chats is a quotation
		b = append(b, `<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="`...)
		b = strconv.AppendInt(b, it.msg.created-int64(d.below(1e6))-1, 10)
		b = append(b, `"><p itemprop="preview">`...)
		b = appendWords(b, d, 30, true)
		b = append(b, "</p>\n</blockquote>\n"...)
	}
	b = append(b, "<div><p>"...)
	for i := range r.mentions(it) {
		b = append(b, `<at id="`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `">`...)
		b = append(b, r.mention(it, i).name...)
		b = append(b, "</at>&nbsp;"...)
	}
	b = appendWords(b, d, target, true)
	switch d.below(12) {
	case 0:
		b = append(b, `<emoji id="smile" alt="🙂" title="Smile"></emoji>`...)
	case 1:
		b = append(b, `<customemoji id="`...)
		b = appendHex(b, d.next())
		b = append(b, `" alt="party_parrot" source="https://graph.microsoft.com/v1.0/chats/hostedContents/$value"></customemoji>`...)
	case 2:
		b = append(b, `<img height="63" src="https://graph.microsoft.com/v1.0/chats/`...)
		b = r.appendChatID(b, it.msg.chat, it.chat)
		b = append(b, "/messages/"...)
		b = strconv.AppendInt(b, it.msg.id, 10)
		b = append(b, "/hostedContents/"...)
		b = appendHex(b, d.next())
		b = append(b, `/$value" width="67" style="vertical-align:bottom">`...)
	case 3:
		b = append(b, "</p>\n<ul>\n<li>"...)
		b = appendWords(b, d, 25, true)
		b = append(b, "</li>\n</ul>\n<p>"...)
	case 4:
		b = append(b, "<codeblock class=\"Go\"><code>if err != nil {<br>&nbsp;return err<br>}</code></codeblock>"...)
	}
	for i := range r.attachments(it) {
		b = append(b, `<attachment id="`...)
		b = append(b, r.attachmentID(it, i)...)
		b = append(b, `"></attachment>`...)
	}
	return append(b, "</p></div>"...)
}

// appendViolation appends the property of a message blocked by a data loss prevention policy.
func (r renderer) appendViolation(b []byte, index uint32) []byte {
	switch r.dice(index, traitViolation+100).state % 3 {
	case 0:
		return append(b, `,"policyViolation":{"dlpAction":"blockAccess","justificationText":null,"userAction":"none","verdictDetails":"none","policyTip":null}`...)
	case 1:
		return append(b, `,"policyViolation":{"dlpAction":"notifySender,blockAccess","justificationText":"false alarm","userAction":"override","verdictDetails":"allowFalsePositiveOverride,allowOverrideWithoutJustification","policyTip":{"generalText":"A policy blocked this message.","complianceUrl":"https://policy.example/dlp","matchedConditionDescriptions":["Credit Card Number","IBAN"]}}`...)
	default:
		return append(b, `,"policyViolation":{"dlpAction":"blockAccess, blockAccessExternal","justificationText":"","userAction":"reportFalsePositive","verdictDetails":"allowOverrideWithJustification","policyTip":{"generalText":null,"complianceUrl":null,"matchedConditionDescriptions":[]}}`...)
	}
}

// appendUnknown appends properties that the metadata does not name, of each JSON type.
func (r renderer) appendUnknown(b []byte, index uint32) []byte {
	switch index % 6 {
	case 0:
		return append(b, `,"@microsoft.graph.tips":"Use $select to choose only the properties your app needs."`...)
	case 1:
		return append(b, `,"futureFlag":true`...)
	case 2:
		return append(b, `,"futureScore":0.25,"futureNumber":9007199254740993`...)
	case 3:
		return append(b, `,"futureObject":{"a":[1,{"b":null}],"c":"d"}`...)
	case 4:
		return append(b, `,"futureList":[],"deleted":false,"isDeleted":false`...)
	default:
		return append(b, `,"tenantId":null`...)
	}
}

// appendReactions appends the reactions that stand.
func (r renderer) appendReactions(b []byte, it *item, escapes bool) []byte {
	b = append(b, '[')
	var room [16]uint32
	for i, seq := range it.msg.reactionsAt(it.seq, room[:0]) {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.appendReaction(b, it, seq, escapes)
	}
	return append(b, ']')
}

var reactionKinds = [...]struct{ kind, name, url string }{
	{"like", "", ""}, {"heart", "", ""}, {"laugh", "", ""}, {"surprised", "", ""}, {"sad", "", ""}, {"angry", "", ""},
	{"👍", "Like", ""}, {"🦄", "Unicorn", ""}, {"💘", "Heart with arrow", ""},
	{"custom", "shipit", "https://graph.microsoft.com/v1.0/chats/hostedContents/shipit/$value"},
}

// appendReaction appends the reaction that version seq added.
func (r renderer) appendReaction(b []byte, it *item, seq uint32, escapes bool) []byte {
	d := dice{mix(r.cfg.Seed, purposeReaction, uint64(it.index), uint64(seq))}
	kind := reactionKinds[d.below(len(reactionKinds))]
	who := r.member(it.chat.members[d.below(len(it.chat.members))])
	who.name = ""
	b = append(b, `{"reactionType":`...)
	b = appendString(b, kind.kind, escapes)
	if kind.name != "" {
		b = append(b, `,"displayName":`...)
		b = appendString(b, kind.name, escapes)
		b = append(b, `,"reactionContentUrl":`...)
		if kind.url == "" {
			b = append(b, `null`...)
		} else {
			b = appendString(b, kind.url, escapes)
		}
	}
	b = append(b, `,"createdDateTime":`...)
	b = appendQuotedTime(b, it.msg.version(seq).at, 0)
	b = append(b, `,"user":`...)
	b = appendIdentitySet(b, who, true, escapes)
	return append(b, '}')
}

// appendHistory appends messageHistory, if reactions were ever added or removed.
func (r renderer) appendHistory(b []byte, it *item, escapes bool) []byte {
	first := true
	var standing [16]uint32
	stack := standing[:0]
	for seq := uint32(2); seq <= it.seq; seq++ {
		v := it.msg.version(seq)
		if v.op != opReact && v.op != opUnreact {
			continue
		}
		action, added := "reactionAdded", seq
		if v.op == opUnreact {
			if len(stack) == 0 {
				continue
			}
			action, added = "reactionRemoved", stack[len(stack)-1]
			stack = stack[:len(stack)-1]
		} else {
			stack = append(stack, seq)
		}
		if first {
			b = append(b, `,"messageHistory":[`...)
		} else {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"modifiedDateTime":`...)
		b = appendQuotedTime(b, v.at, 0)
		b = append(b, `,"actions":"`...)
		b = append(b, action...)
		b = append(b, `","reaction":`...)
		b = r.appendReaction(b, it, added, escapes)
		b = append(b, '}')
	}
	if !first {
		b = append(b, ']')
	}
	return b
}
