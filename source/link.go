package source

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MessagesURL returns the address of the first page of a user's messages last modified at or after from
// and before to, in milliseconds. Both of Graph's bounds are exclusive, so the lower one is a
// millisecond earlier; both are required.
func (c *Client) MessagesURL(user string, from, to int64, top int, q Query) string {
	window := "lastModifiedDateTime gt " + graphTime(from-1) + " and lastModifiedDateTime lt " + graphTime(to)
	if q.Filter != "" {
		window = "(" + q.Filter + ") and (" + window + ")"
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(c.root.String(), "/"))
	b.WriteString("/v1.0/" + userPath(user) + "/chats/getAllMessages?$top=" + strconv.Itoa(top))
	if q.Model != "" {
		b.WriteString("&model=" + q.Model)
	}
	b.WriteString("&$filter=" + strings.ReplaceAll(url.QueryEscape(window), "+", "%20"))
	return b.String()
}

// userPath returns the path of a user. A principal name that begins with $ needs the form with
// parentheses, in which a quote is doubled. Source: the user page of the Graph reference.
func userPath(user string) string {
	if strings.HasPrefix(user, "$") {
		return "users('" + url.PathEscape(strings.ReplaceAll(user, "'", "''")) + "')"
	}
	return "users/" + url.PathEscape(user)
}

func graphTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// follow returns the URL of a link that the response to a request for base held, nil for a link of our
// own. A relative link is resolved. Bytes that no URL may hold are escaped, as browsers do, and the rest
// stays as it is. A link that leads away from the configured root is refused (invariant 7).
func (c *Client) follow(base *url.URL, link string) (*url.URL, *Error) {
	u, err := url.Parse(escaped(link))
	if err != nil {
		return nil, foreignLink.fail("it is not a URL", nil)
	}
	if base != nil && u.Opaque == "" {
		u = base.ResolveReference(u)
	}
	u.Fragment, u.RawFragment = "", ""
	if u.User != nil || u.Opaque != "" || u.Scheme != c.root.Scheme || !strings.EqualFold(u.Hostname(), c.root.Hostname()) || port(u) != port(c.root) {
		return nil, foreignLink.fail(fmt.Sprintf("it leads to %.100q, the configured root is %q",
			u.Scheme+"://"+u.Host, c.root.Scheme+"://"+c.root.Host), nil)
	}
	return u, nil
}

// escaped escapes the bytes that no URL may hold: spaces, control characters, quotes, what is not ASCII,
// and a percent sign that begins no escape. White space around the link goes.
func escaped(link string) string {
	link = strings.TrimSpace(link)
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(link) {
		switch at := link[i]; {
		case at <= ' ' || at >= 0x7f || strings.IndexByte("\"<>\\^`{|}", at) >= 0,
			at == '%' && (i+2 >= len(link) || !isHex(link[i+1]) || !isHex(link[i+2])):
			b.WriteByte('%')
			b.WriteByte(hex[at>>4])
			b.WriteByte(hex[at&15])
		default:
			b.WriteByte(at)
		}
	}
	return b.String()
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

// continues reports whether a URL is a nextLink: the links of our own begin with $top or $select, and
// only a server makes parameters that skip.
func continues(u *url.URL) bool {
	for parameter := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if name, err := url.QueryUnescape(name); err == nil && strings.Contains(strings.ToLower(name), "skip") {
			return true
		}
	}
	return !strings.HasPrefix(u.RawQuery, "$top=") && !strings.HasPrefix(u.RawQuery, "$select=")
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"https": "443", "http": "80"}[u.Scheme]
}
