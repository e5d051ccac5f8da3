package graphsim

import "strconv"

// sender is who a message is from.
type sender struct {
	id, name     string
	identityType string
	application  bool
	odataType    bool   // the identity names its type, as some published ones do
	tenantID     string // if set, it and its set show properties that the metadata does not name: both are open types
}

func (s sender) isUser() bool { return !s.application && s.identityType != "" }

// strangers are the kinds of senders that are no member of the tenant, with ids in the forms such identities have.
var strangers = [...]struct {
	identityType string
	application  bool
	names        [3]string
}{
	{"bot", true, [3]string{"Flow", "Standup Bot", "Polls"}},
	{"tenantBot", true, [3]string{"Helpdesk", "Onboarding", "Canteen"}},
	{"aadApplication", true, [3]string{"Nightly Build", "Ledger Export", "Door Control"}},
	{"office365Connector", true, [3]string{"News Feed", "Issue Tracker", "Weather"}},
	{"outgoingWebhook", true, [3]string{"Deploy Hook", "Echo", "Translate"}},
	{"anonymousGuest", false, [3]string{"Visitor (Guest)", "Anon (Guest)", "Müller (Gast)"}},
	{"federatedUser", false, [3]string{"Partner Pat", "Supplier Sam", "Consultant Kim"}},
	{"personalMicrosoftAccountUser", false, [3]string{"Cousin Lee", "Neighbor Jo", "Club Treasurer"}},
	{"skypeUser", false, [3]string{"echo123", "old.friend", "live:someone"}},
	{"phoneUser", false, [3]string{"+49 30 1234567", "+1 555 0100", "+44 20 7946 0000"}},
	{"onPremiseAadUser", false, [3]string{"Local Lou", "Basement Bo", "Rack Ray"}},
	{"emailUser", false, [3]string{"mailing.list", "alerts", "reception"}},
	{"azureCommunicationServicesUser", false, [3]string{"", "Caller", "Kiosk 4"}},
}

func (m *model) senderOf(index uint32) sender {
	msg := &m.messages[index]
	r := renderer{cfg: &m.cfg, userIDs: m.userIDs}
	return r.sender(index, msg.kind, m.chats[msg.chat])
}

// sender works out who sent a message; system messages have none, which the caller knows. Bad items come from members:
// the ledger names the hash of their bytes, which therefore must not depend on the client's Prefer header.
func (r renderer) sender(index uint32, kind messageKind, c chat) sender {
	d := dice{mix(r.cfg.Seed, purposeContent, uint64(index), traitSender)}
	if !d.chance(r.cfg.Content.Strangers) || kind.bad() != "" {
		return r.member(c.members[d.below(len(c.members))])
	}
	stranger := strangers[d.below(len(strangers))]
	s := sender{identityType: stranger.identityType, application: stranger.application, name: stranger.names[d.below(3)]}
	a, b := d.next(), d.next()
	switch stranger.identityType {
	case "anonymousGuest":
		s.id = string(appendHex(appendHex(nil, a), b))
	case "personalMicrosoftAccountUser":
		s.id = string(appendHex(nil, a))
	case "skypeUser":
		s.id = s.name + strconv.FormatUint(a%9000+1000, 10)
	case "phoneUser":
		s.id = "4:+1555" + strconv.FormatUint(a%9_000_000+1_000_000, 10)
	case "emailUser":
		s.id, s.odataType = s.name+strconv.FormatUint(a%100, 10)+"@mail.example", true
	case "azureCommunicationServicesUser":
		s.id, s.odataType = "8:acs:"+newGUID(a).String()+"_"+newGUID(b).String(), true
	default:
		s.id = newGUID(a%50, uint64(len(stranger.identityType))).String()
	}
	return s
}

// member is the identity of a user of the tenant.
func (r renderer) member(user uint32) sender {
	return sender{id: r.userIDs[user].String(), name: displayName(user), identityType: "aadUser"}
}

var givenNames = [...]string{
	"Ada", "Bruno", "Chiara", "Dmitri", "Esra", "Fiona", "Goran", "Hélène", "Ines", "Jürgen", "Kofi", "Lakshmi", "Mats", "Noor",
	"Ólafur", "Priya", "Quentin", "Rosa", "Søren", "Tomoko", "Umut", "Vera", "Wanjiru", "Xiang", "Yusuf", "Zofia",
}

var familyNames = [...]string{
	"Abel", "Bjørnsen", "Costa", "Dvořák", "Eriksen", "Fischer", "García", "Haddad", "Ivanova", "Jansen", "Kowalski", "Löwe",
	"Moreau", "Nakamura", "Okafor", "Peters", "Quist", "Rossi", "Schäfer", "Tanaka", "Ueda", "Virtanen", "Weber", "Yılmaz",
}

func displayName(user uint32) string {
	n := int(user)
	name := givenNames[n%len(givenNames)] + " " + familyNames[n/len(givenNames)%len(familyNames)]
	if round := n / (len(givenNames) * len(familyNames)); round > 0 {
		name += " " + strconv.Itoa(round+1)
	}
	return name
}

// appendHex appends the 16 hexadecimal digits of n.
func appendHex(dst []byte, n uint64) []byte {
	for i := 15; i >= 0; i-- {
		dst = append(dst, hexDigits[n>>(4*i)&15])
	}
	return dst
}
