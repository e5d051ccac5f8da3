package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParsePage(t *testing.T) {
	got, err := ParsePage([]byte(` {"@odata.context":"x","value":[ {"a":[1,{"b":"]"}]} , null,3,"s"],"@odata.nextLink":"https:\/\/g\/n"} `))
	if err != nil || got.NextLink != "https://g/n" || string(bytes.Join(got.Items, []byte("|"))) != `{"a":[1,{"b":"]"}]}|null|3|"s"` {
		t.Errorf("got %q %q %v", got.Items, got.NextLink, err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"value":{}}`, `{"value":null}`, `{"value":[]`, `{"value":[]}x`,
		`{"value":[],"@odata.nextLink":3}`, `{"value":[],"value":[]}`, `{"value":[],"v\u0061lue":[]}`, `{"value":[],"@odata.nextLink":"https://g/n","@odata.nextLink":null}`, `{"value":[1,]}`, `{"value":[],}`, `{"value":[{"id":"1"},{"i`, `<html>`,
		`{"value":[{]}`, `{"value":[{"a":[}]}`, `{"value":["]}`, `{"value":[{"a":"]}`, `{"value":[NaN}`, `{"value":[NaN`, `{"value":[,]}`} {
		if p, err := ParsePage([]byte(bad)); err == nil {
			t.Errorf("%s: got %+v, want an error", bad, p)
		} else if len(bad) > 5 && strings.Contains(err.Error(), bad) {
			t.Errorf("the error holds the body: %v", err)
		}
	}
}

// One bad item costs itself: the page gives it as it came, for the dead letters, and all others beside it.
func TestParsePage_ABadItemDoesNotCostItsPage(t *testing.T) {
	for name, bad := range map[string]string{
		"a raw control character":   "{\"id\":\"1\",\"body\":\"a\x01b\nc\"}",
		"12,000 arrays deep":        strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000),
		"a million objects deep":    strings.Repeat(`{"a":`, 1_000_000) + "1" + strings.Repeat("}", 1_000_000),
		"NaN":                       `{"id":"1","x":NaN}`,
		"NaN alone":                 `NaN`,
		"a word that is not JSON":   `{"id":"1","x":undefined,"y":-Infinity}`,
		"a wrong escape":            `{"id":"1","x":"\q\""}`,
		"a number of another world": `{"id":"1","x":0x1F,"y":01}`,
		"bytes that are not UTF-8":  "{\"id\":\"\xff\xfe\"}",
		"a member without a value":  `{"id":"1","x":,"y"}`,
		"half a surrogate pair":     `{"id":"\ud800"}`,
	} {
		body := `{"@odata.count":3,"value":[{"id":"before"}, ` + bad + ` ,{"id":"after"}],"@odata.nextLink":"https://g/n"}`
		got, err := ParsePage([]byte(body))
		if err != nil || len(got.Items) != 3 || string(got.Items[0]) != `{"id":"before"}` || strings.TrimSpace(string(got.Items[1])) != bad ||
			string(got.Items[2]) != `{"id":"after"}` || got.NextLink != "https://g/n" {
			t.Errorf("%s: %d items, link %q, %v", name, len(got.Items), got.NextLink, err)
		}
		if _, err := ParsePage([]byte(body[:len(body)-40])); err == nil {
			t.Errorf("%s: a truncated body was taken for a page", name)
		}
	}
}

// Success is not judged by the status alone.
func TestParsePage_TakesOnlyAPageForAPage(t *testing.T) {
	for body, want := range map[string]error{
		`{"value":[],"error":{"code":"TooManyRequests","message":"later"}}`:                                       errFailure,
		`{"error":{"code":"InternalServerError"},"value":[]}`:                                                     errFailure,
		`{"error":"denied","value":[]}`:                                                                           errFailure,
		`{"error":{"code":"ServiceUnavailable"}}`:                                                                 errFailure,
		`{"odata.error":{"code":"ServiceUnavailable"},"value":[]}`:                                                errFailure,
		`{"value":[],"@odata.error":{"code":"ServiceUnavailable"}}`:                                               errFailure,
		`{"value":[],"@error":{"code":"ServiceUnavailable"}}`:                                                     errFailure,
		`{"value":[],"Error":{"code":"ServiceUnavailable"}}`:                                                      errFailure,
		`{"value":[],"errors":0}`:                                                                                 nil,
		`{"value":[],"error":null}`:                                                                               nil,
		`{"@odata.context":"https://g/v1.0/$metadata#users(id)","value":[]}`:                                      errContext,
		`{"@odata.context":"https://g/v1.0/$metadata#Collection(chatMessage)","value":[]}`:                        nil,
		`{"@odata.context":"https://g/v1.0/$metadata#Collection(microsoft.graph.chatMessage)/$delta","value":[]}`: nil,
		`{"@odata.context":"https://g/v1.0/$metadata#chats('19%3A2da4')/messages","value":[]}`:                    nil,
		`{"@odata.context":7,"value":[]}`:                                                                         errContext,
		`{"value":[]}`:                                                                                            nil,
	} {
		if _, err := ParsePage([]byte(body), messagesRequest.types...); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	for _, body := range []string{
		`{"@odata.context":"https://g/v1.0/$metadata#users(id,userPrincipalName)","value":[]}`,
		`{"@odata.context":"https://g/v1.0/$metadata#directoryObjects(microsoft.graph.user/id)","value":[]}`,
		`{"@odata.context":"https://g/v1.0/$metadata#Collection(microsoft.graph.user)","value":[]}`,
	} {
		if _, err := ParsePage([]byte(body), usersRequest.types...); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func FuzzParsePage(f *testing.F) {
	for _, seed := range []string{emptyPage, `{"value":[{"id":"1","body":{"content":"a\\u00e9"}}],"@odata.nextLink":"https://x/y"}`, `{"value":[`, "{\"value\":[\"\xff\"]}",
		`{"value":[{"a":1,"a":2}]}`, `{"value":[NaN,{"a":[[]]}]}`, "{\"value\":[\"\x01\"]}", `{"value":[],"error":{"code":"x"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		got, err := ParsePage(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		var want struct {
			Value []json.RawMessage `json:"value"`
		}
		// Where the whole body is well-formed JSON, the items of a page are those encoding/json sees.
		if err != nil || !json.Valid(body) {
			return
		}
		if strings.Count(strings.ToLower(string(body)), `value`) == 1 {
			if err := json.Unmarshal(body, &want); err != nil || len(want.Value) != len(got.Items) {
				t.Fatalf("%d items, encoding/json sees %d (%v): %q", len(got.Items), len(want.Value), err, body)
			}
			for i := range want.Value {
				if !bytes.Equal(want.Value[i], got.Items[i]) {
					t.Fatalf("item %d: %q, want %q", i, got.Items[i], want.Value[i])
				}
			}
		}
	})
}
