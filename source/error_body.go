package source

import (
	"bytes"
	"encoding/json"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// What is shown of another party's words is at most this long, in runes.
const (
	maxCode   = 64
	maxDetail = 300
)

// said is what the body of an error response says.
type said struct {
	code   string   // the outermost error code
	codes  []string // all codes, the outermost first
	detail string   // the texts, for people: cleaned, without secrets, bounded
	texts  []string // the texts, for classification
}

// readError reads the body of an error response: Graph's {"error":{"code","message","innerError"}} and
// its variants (spelling, nesting, details, a JSON document inside the message), OAuth's
// {"error","error_description"}, and what proxies answer in HTML or plain text. The body may have a byte
// order mark or be UTF-16.
// Source: the error page of the Graph documentation; the variants are reported by users.
func readError(body []byte) said {
	var s said
	text, err := plaintext.Decode(body)
	if err != nil {
		text = bytes.ToValidUTF8(bytes.ReplaceAll(body, []byte{0}, nil), nil)
	}
	var document any
	switch {
	case len(bytes.TrimSpace(text)) == 0:
	case json.Unmarshal(text, &document) == nil:
		s.walk(document, 0)
	case bytes.ContainsRune(text, '<'):
		s.texts = append(s.texts, withoutTags(string(text[:min(len(text), maxHTML)])))
	default:
		s.texts = append(s.texts, string(text[:min(len(text), maxHTML)]))
	}
	if len(s.codes) > 0 {
		s.code = clean(s.codes[0], maxCode)
	}
	var parts []string
	for _, part := range s.texts {
		if part = clean(part, maxDetail); part != "" && !slices.Contains(parts, part) && part != s.code {
			parts = append(parts, part)
		}
	}
	if len(s.codes) > 1 { // an inner code says more than the general one around it
		if inner := clean(s.codes[len(s.codes)-1], maxCode); inner != s.code && !slices.Contains(parts, inner) {
			parts = append(parts, inner)
		}
	}
	s.detail = clean(strings.Join(parts, "; "), maxDetail)
	return s
}

// maxHTML bounds how much of a body that is not JSON is looked at, in bytes.
const maxHTML = 64 << 10

// maxErrorDepth bounds how deep errors lie within one another.
const maxErrorDepth = 8

// walk collects the codes and texts of an error document, the outer ones first.
func (s *said) walk(document any, depth int) {
	if depth > maxErrorDepth {
		return
	}
	switch value := document.(type) {
	case []any:
		for _, element := range value {
			s.walk(element, depth+1)
		}
	case map[string]any:
		s.object(value, depth)
	case string:
		if depth == 0 {
			s.text(value, depth)
		}
	}
}

func (s *said) object(members map[string]any, depth int) {
	// Services differ in spelling: innerError, innererror, innerException.
	lower := make(map[string]any, len(members))
	for name, value := range members {
		lower[strings.ToLower(name)] = value
	}
	for _, name := range []string{"code", "errorcode", "error"} {
		if code, ok := lower[name].(string); ok && code != "" {
			s.codes = append(s.codes, code)
		}
	}
	for _, name := range []string{"message", "error_description", "errormessage", "detail", "title", "description"} {
		switch value := lower[name].(type) {
		case string:
			s.text(value, depth)
		case map[string]any: // OData's {"lang","value"}
			if text, ok := value["value"].(string); ok {
				s.text(text, depth)
			}
		}
	}
	for _, name := range []string{"error", "odata.error", "innererror", "innerexception", "details", "errors"} {
		s.walk(lower[name], depth+1)
	}
}

// text takes a text, which may be a JSON document itself.
func (s *said) text(value string, depth int) {
	var inner any
	if trimmed := strings.TrimSpace(value); strings.HasPrefix(trimmed, "{") && json.Unmarshal([]byte(trimmed), &inner) == nil {
		before := len(s.texts)
		if s.walk(inner, depth+1); len(s.texts) > before {
			return
		}
	}
	if strings.TrimSpace(value) != "" {
		s.texts = append(s.texts, value)
	}
}

var (
	invisible = regexp.MustCompile(`(?is)<(script|style)\b.*?</(script|style)\s*>|<!--.*?-->`)
	tag       = regexp.MustCompile(`(?s)<[^>]*>`)
)

// withoutTags returns the text of an HTML page.
func withoutTags(page string) string {
	page = invisible.ReplaceAllString(page, " ")
	return html.UnescapeString(tag.ReplaceAllString(page, " "))
}

// secretPatterns match what must never be shown, whoever said it (invariant 7).
var secretPatterns = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*){1,4}`), "[redacted]"},
	{regexp.MustCompile(`(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}`), "$1 [redacted]"},
	{regexp.MustCompile(`(?i)\b(client_?secret|client_?assertion|assertion|(?:access|refresh|id)_?token|password|passwd|authorization|skip_?token|sig)(["']?\s*[:=]\s*["']?)[^\s"'&,;<>]+`), "$1$2[redacted]"},
}

// clean makes another party's words fit to be shown: one line of visible characters, without secrets,
// of at most so many runes.
func clean(s string, most int) string {
	s = strings.ToValidUTF8(s, "")
	for _, secret := range secretPatterns {
		s = secret.pattern.ReplaceAllString(s, secret.instead)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // byte order marks, marks that turn the direction of writing around
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}

var (
	// quoted is text between quotes, and names: an address, a GUID. What it says is somebody's name.
	quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”|‘[^’]*’|[^\\s]*@[^\\s]*|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22,27}")
	// apostrophe is a quote inside a word.
	apostrophe = regexp.MustCompile(`(\pL)['’](\pL)`)
)

// phrases returns the texts for classification: in lower case, without what they quote, so that nobody's
// name decides.
func (s said) phrases() string {
	var b strings.Builder
	for _, text := range s.texts {
		text = apostrophe.ReplaceAllString(text, "$1$2")
		b.WriteString(strings.ToLower(quoted.ReplaceAllString(text, "\x00")))
		b.WriteByte('\x00')
	}
	return b.String()
}
