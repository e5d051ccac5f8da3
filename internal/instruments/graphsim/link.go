package graphsim

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

const mailboxFolder = "MailFolders/TeamsMessagesData"

// skipToken is a place in a folder: an offset into whatever the folder holds when the token is used.
type skipToken struct {
	offset int
	pass   int    // how many empty pages came before at this offset
	filter string // the filter, where the link does not carry it
}

func (t skipToken) String() string {
	text := "SkipValue=" + strconv.Itoa(t.offset) + "#MailboxFolder=" + mailboxFolder
	if t.pass > 0 {
		text += "#Pass=" + strconv.Itoa(t.pass)
	}
	if t.filter != "" {
		text += "#Filter=" + t.filter
	}
	return base64.StdEncoding.EncodeToString([]byte(text))
}

func parseSkipToken(text string) (skipToken, bool) {
	var t skipToken
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return t, false
	}
	plain := string(decoded)
	if plain, t.filter, _ = strings.Cut(plain, "#Filter="); strings.Contains(t.filter, "\x00") {
		return t, false
	}
	var folder bool
	for part := range strings.SplitSeq(plain, "#") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return t, false
		}
		n, err := strconv.Atoi(value)
		switch {
		case name == "MailboxFolder" && value == mailboxFolder:
			folder = true
		case err != nil || n < 0:
			return t, false
		case name == "SkipValue":
			t.offset = n
		case name == "Pass":
			t.pass = n
		default:
			return t, false
		}
	}
	return t, folder
}

// relativeLink makes a link, whose root is cut off, relative to the request: to its host, or to the last segment of its path.
func relativeLink(link string, d *dice) string {
	if d.chance(0.5) {
		return link
	}
	path, query, _ := strings.Cut(link, "?")
	return path[strings.LastIndexByte(path, '/')+1:] + "?" + query
}

// nextLink writes the link to the next page in the form of the reference page: key in parentheses, another case, and the
// signs of $skiptoken escaped in lower case.
func (req *messagesRequest) nextLink(root, userID string, token skipToken) string {
	var b strings.Builder
	b.WriteString(root)
	b.WriteString("/v1.0/users('")
	b.WriteString(userID)
	b.WriteString("')/chats/getallMessages?")
	if req.topGiven {
		b.WriteString("$top=" + strconv.Itoa(req.top) + "&")
	}
	switch {
	case req.filter == "":
	case req.bareLink:
		token.filter = req.filter
	case req.spaceLink:
		b.WriteString("$filter=" + strings.NewReplacer("%", "%25", "+", "%2B", "&", "%26", "#", "%23").Replace(req.filter) + "&")
	default:
		b.WriteString("$filter=" + url.QueryEscape(req.filter) + "&")
	}
	if req.skipLink && token.filter == "" && token.pass == 0 {
		b.WriteString("$skip=" + strconv.Itoa(token.offset))
		return b.String()
	}
	b.WriteString("$skiptoken=")
	b.WriteString(strings.NewReplacer("=", "%3d", "+", "%2b", "/", "%2f").Replace(token.String()))
	return b.String()
}
