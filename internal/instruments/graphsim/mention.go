package graphsim

import "strconv"

// mentions is how many mentions a message has.
func (r renderer) mentions(it *item) int {
	if it.text != nil || it.msg.kind != kindOrdinary || r.blocked(it) || !r.has(it.index, traitMentions, r.cfg.Content.Mentions) {
		return 0
	}
	d := r.dice(it.index, traitMentions+100)
	return 1 + d.below(3)
}

// mentioned is who or what a mention names.
type mentioned struct {
	name string
	kind string // the property of the identity set that is not null
	json string
}

func (r renderer) mention(it *item, n int) mentioned {
	d := dice{mix(r.cfg.Seed, purposeContent, uint64(it.index), traitMentions, uint64(n)+1)}
	id := newGUID(d.next() % 500).String()
	conversation := func(id, name, kind string) mentioned {
		return mentioned{name, "conversation", `{"id":"` + id + `","displayName":"` + name + `","conversationIdentityType":"` + kind + `"}`}
	}
	switch d.below(10) {
	case 0:
		return mentioned{"Polls", "application", `{"id":"` + id + `","displayName":"Polls","applicationIdentityType":"bot"}`}
	case 1:
		return conversation(id, "Heron", "team")
	case 2:
		return conversation("19:"+string(appendHex(appendHex(nil, d.next()), d.next()))+"@thread.tacv2", "General", "channel")
	case 3:
		return conversation(string(r.appendChatID(nil, it.msg.chat, it.chat)), "Everyone", "chat")
	case 4:
		return mentioned{"oncall", "tag", `{"id":"` + id + `","displayName":"oncall"}`}
	default:
		s := r.member(it.chat.members[d.below(len(it.chat.members))])
		return mentioned{s.name, "user", string(appendIdentity(nil, s, true, false))}
	}
}

func (r renderer) appendMentions(b []byte, it *item, escapes bool) []byte {
	b = append(b, '[')
	for n := range r.mentions(it) {
		if n > 0 {
			b = append(b, ',')
		}
		m := r.mention(it, n)
		b = append(b, `{"id":`...)
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, `,"mentionText":`...)
		b = appendString(b, m.name, escapes)
		b = append(b, `,"mentioned":{`...)
		for i, property := range [...]string{"application", "device", "user", "conversation", "tag"} {
			if property == "tag" && m.kind != "tag" && it.index%2 == 0 {
				continue // older answers know no tag
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '"')
			b = append(b, property...)
			b = append(b, `":`...)
			if property == m.kind {
				b = append(b, m.json...)
			} else {
				b = append(b, `null`...)
			}
		}
		b = append(b, `}}`...)
	}
	return append(b, ']')
}
