package source

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Page is one response of a collection, cut into its items but not decoded.
type Page struct {
	// Items are the elements of "value" as they came, each a slice of the response's own bytes.
	Items [][]byte
	// NextLink is where the next page is; empty when this is the last.
	NextLink string
}

var errPage = errors.New("not a page: it is no JSON object with an array named value")

// ParsePage cuts a response body into items. It checks that the whole body is well-formed JSON, so that
// a truncated one is never taken for a short page, and is lenient about what stands inside an item:
// that is judged item by item, later. An error's text holds nothing of the body.
func ParsePage(body []byte) (Page, error) {
	var page Page
	var found bool
	scan := jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if scan.PeekKind() != '{' {
		return Page{}, errPage
	}
	if _, err := scan.ReadToken(); err != nil {
		return Page{}, errPage
	}
	for scan.PeekKind() != '}' {
		name, err := scan.ReadToken()
		if err != nil {
			return Page{}, errPage
		}
		switch name.String() {
		case "value":
			if found || scan.PeekKind() != '[' {
				return Page{}, errPage
			}
			found = true
			if page.Items, err = readItems(scan, body); err != nil {
				return Page{}, errPage
			}
		case "@odata.nextLink":
			token, err := scan.ReadToken()
			switch {
			case err != nil:
				return Page{}, errPage
			case token.Kind() == '"':
				page.NextLink = token.String()
			case token.Kind() != 'n':
				return Page{}, errors.New("not a page: @odata.nextLink is no text")
			}
		default:
			if err := scan.SkipValue(); err != nil {
				return Page{}, errPage
			}
		}
	}
	if _, err := scan.ReadToken(); err != nil || !found {
		return Page{}, errPage
	}
	if _, err := scan.ReadToken(); !errors.Is(err, io.EOF) {
		return Page{}, errors.New("not a page: something follows the JSON object")
	}
	return page, nil
}

func readItems(scan *jsontext.Decoder, body []byte) ([][]byte, error) {
	if _, err := scan.ReadToken(); err != nil {
		return nil, err
	}
	items := make([][]byte, 0, 64)
	for scan.PeekKind() != ']' {
		value, err := scan.ReadValue()
		if err != nil {
			return nil, err
		}
		end := scan.InputOffset()
		items = append(items, body[end-int64(len(value)):end:end])
	}
	_, err := scan.ReadToken()
	return items, err
}
