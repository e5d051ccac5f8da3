package source

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/teams-kafka/connector/internal/base/jsonscan"
)

// Page is one response of a collection, cut into its items but not decoded.
type Page struct {
	// Items are the elements of "value" as they came, each a slice of the response's own bytes.
	Items [][]byte
	// NextLink is where the next page is; empty when this is the last.
	NextLink string

	release func()
}

// Release gives the memory of a page back, once, for the next one: its items are gone then. It may be left out.
func (p *Page) Release() {
	if p.release != nil {
		p.release()
	}
	p.release = nil
}

var (
	errPage = errors.New("not a page: it is no JSON object with an array named value")
	errLink = errors.New("not a page: @odata.nextLink is no text")
	errTail = errors.New("not a page: something follows the JSON object")
)

// ParsePage cuts a response body into items. It checks that the whole body is well-formed JSON, so that
// a truncated one is never taken for a short page, and is lenient about what stands inside an item:
// that is judged item by item, later. An error's text holds nothing of the body.
func ParsePage(body []byte) (Page, error) {
	var page Page
	var link []byte
	end, ok := jsonscan.Object(body, jsonscan.Space(body, 0), func(name []byte, at int) (end int, ok bool) {
		switch unquoted(name) {
		case "value":
			if page.Items != nil {
				return at, false
			}
			page.Items = make([][]byte, 0, 64)
			return jsonscan.Array(body, at, func(at int) (int, bool) {
				end, ok := jsonscan.Value(body, at)
				page.Items = append(page.Items, body[at:end:end])
				return end, ok
			})
		case "@odata.nextLink":
			if link != nil {
				return at, false
			}
			end, ok = jsonscan.Value(body, at)
			link = body[at:end]
			return end, ok
		default:
			return jsonscan.Value(body, at)
		}
	})
	if !ok || page.Items == nil {
		return Page{}, errPage
	}
	if jsonscan.Space(body, end) < len(body) {
		return Page{}, errTail
	}
	if link != nil && json.Unmarshal(link, &page.NextLink) != nil {
		return Page{}, errLink
	}
	return page, nil
}

// unquoted is what a name in its quotes says.
func unquoted(name []byte) (text string) {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name[1 : len(name)-1])
	}
	_ = json.Unmarshal(name, &text) // it is a string
	return text
}
