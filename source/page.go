package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/teams-kafka/connector/internal/base/jsonscan"
)

// Page is one response of a collection, cut into its items but not decoded.
type Page struct {
	// Items are the elements of "value" as they came, each a slice of the response's own bytes. An item
	// need not be well-formed JSON: only its bounds are known.
	Items [][]byte
	// NextLink is the absolute URL of the next page; empty on the last page.
	NextLink string

	release func()
}

// Release gives the memory of a page back for the next one: its items are invalid afterwards. Calling it
// is optional.
func (p *Page) Release() {
	if p.release != nil {
		p.release()
	}
	p.release = nil
}

// The errors of ParsePage. Their texts contain nothing of the items.
var (
	errPage    = errors.New("not a page: it is not a JSON object with an array named value")
	errLink    = errors.New("not a page: @odata.nextLink is not a string")
	errTail    = errors.New("not a page: something follows the JSON object")
	errContext = errors.New("not a page of what was asked for")
	errFailure = errors.New("not a page: status 200 with an error")
)

// ParsePage cuts a response body into items. A page is what the API defines: an object with an array
// named value, without an error, and, if it has an @odata.context, one that names one of the types (any,
// if none is given). The object must be complete, so that a truncated body never passes for a short page
// (invariant 1). ParsePage is lenient about the inside of an item: whatever it holds, only its bounds
// are looked for, so that one bad item costs itself and not its page.
func ParsePage(body []byte, types ...string) (Page, error) {
	var page Page
	var members struct{ link, context, failure []byte }
	member := func(into *[]byte, at int) (end int, ok bool) {
		if *into != nil {
			return at, false // twice
		}
		end, ok = element(body, at)
		*into = body[at:end]
		return end, ok
	}
	end, ok := jsonscan.Object(body, jsonscan.Space(body, 0), func(name []byte, at int) (end int, ok bool) {
		switch unquoted(name) {
		case "value":
			if page.Items != nil {
				return at, false
			}
			page.Items = make([][]byte, 0, 64)
			return jsonscan.Array(body, at, func(at int) (int, bool) {
				end, ok := element(body, at)
				page.Items = append(page.Items, body[at:end:end])
				return end, ok
			})
		case "@odata.nextLink":
			return member(&members.link, at)
		case "@odata.context":
			return member(&members.context, at)
		default:
			if failure(name) {
				return member(&members.failure, at)
			}
			return element(body, at)
		}
	})
	switch {
	case ok && members.failure != nil && string(members.failure) != "null":
		said := readError(fmt.Appendf(nil, `{"error":%s}`, members.failure))
		return Page{}, fmt.Errorf("%w: %s", errFailure, strings.TrimSpace(said.code+" "+said.detail))
	case !ok || page.Items == nil:
		return Page{}, errPage
	case jsonscan.Space(body, end) < len(body):
		return Page{}, errTail
	case members.link != nil && json.Unmarshal(members.link, &page.NextLink) != nil:
		return Page{}, errLink
	case !names(members.context, types):
		return Page{}, errContext
	}
	return page, nil
}

// failure reports whether a member's name, in its quotes, is that of an error: "error" as OData 4 has it,
// "odata.error" as OData 3, or either as an annotation, in any case.
func failure(name []byte) bool {
	text := strings.ToLower(unquoted(name))
	return strings.TrimPrefix(strings.TrimPrefix(text, "@"), "odata.") == "error"
}

// element finds the end of the value at an index, which need not be well-formed.
func element(body []byte, at int) (end int, ok bool) {
	if end, ok = jsonscan.Value(body, at); ok {
		return end, true
	}
	return jsonscan.Bounds(body, at)
}

// names reports whether an @odata.context, as JSON, names one of the types. A page without a context, and
// a list without types, pass.
func names(context []byte, types []string) bool {
	if context == nil || len(types) == 0 {
		return true
	}
	var text string
	if json.Unmarshal(context, &text) != nil {
		return false
	}
	_, fragment, found := strings.Cut(strings.ToLower(text), "#")
	return !found || slices.ContainsFunc(types, func(name string) bool { return strings.Contains(fragment, name) })
}

// unquoted is what a name in its quotes says.
func unquoted(name []byte) (text string) {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name[1 : len(name)-1])
	}
	_ = json.Unmarshal(name, &text) // it is a string
	return text
}
