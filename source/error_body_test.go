package source

import (
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Body encodes a text as UTF-16 with a byte order mark.
func utf16Body(text string) string {
	var b []byte
	for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// Who is on call must see what the other side said, in whatever form it said it.
func TestErrors_ShowWhatTheOtherSideSaid(t *testing.T) {
	const plainError = `{"error":{"code":"Forbidden","message":"Tenant is locked."}}`
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"Graph's shape":               {plainError, []string{"(Forbidden)", "Tenant is locked."}},
		"with a byte order mark":      {"\xEF\xBB\xBF" + plainError, []string{"(Forbidden)", "Tenant is locked."}},
		"in UTF-16":                   {utf16Body(plainError), []string{"(Forbidden)", "Tenant is locked."}},
		"only in innerError":          {`{"error":{"code":"UnknownError","message":"","innerError":{"code":"TenantLocked","message":"The tenant is locked."}}}`, []string{"(UnknownError)", "The tenant is locked.", "TenantLocked"}},
		"another spelling, nested":    {`{"error":{"code":"A","innererror":{"innerException":{"message":"deep down"}}}}`, []string{"deep down"}},
		"in details":                  {`{"error":{"code":"A","message":"see details","details":[{"code":"B","message":"first"},{"message":"second"}]}}`, []string{"see details", "first", "second"}},
		"a document in the message":   {`{"error":{"code":"UnknownError","message":"{\"error\":{\"code\":\"X\",\"message\":\"said inside\"}}"}}`, []string{"said inside"}},
		"OAuth's shape":               {`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}`, []string{"invalid_client", "AADSTS7000215: Invalid client secret."}},
		"OData's old shape":           {`{"odata.error":{"code":"C","message":{"lang":"en","value":"old words"}}}`, []string{"old words"}},
		"a proxy's page":              {"<html><head><title>Blocked &amp; logged</title><style>p{}</style></head><body><script>x</script><p>Ask your\n administrator.</p></body></html>", []string{"Blocked & logged Ask your administrator."}},
		"plain text":                  {"upstream connect error or disconnect", []string{"upstream connect error or disconnect"}},
		"with control characters":     {`{"error":{"code":"A","message":"one\u0000\u001b[31mtwo\u202e"}}`, []string{"one [31mtwo"}},
		"deeper than anybody reads":   {strings.Repeat(`{"error":`, 100) + `"x"` + strings.Repeat("}", 100), []string{"403"}},
		"nothing":                     {"", []string{"403 Forbidden"}},
		"the same words twice":        {`{"error":{"code":"A","message":"once","innerError":{"message":"once"}}}`, []string{": once ("}},
		"bytes that are not any text": {"\xff\xfe\x00\xd8\x80", []string{"403"}},
	} {
		g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
			return http.StatusForbidden, http.Header{"Request-Id": {"r-1"}}, c.body
		}}
		_, err := g.client().Page(t.Context(), "https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50")
		for _, want := range append(c.want, "(request-id r-1)") {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", name, err, want)
			}
		}
		if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\u202e' || r == '\uFEFF' }) || !utf8.ValidString(text) {
			t.Errorf("%s: unfit to be shown: %q", name, text)
		}
	}
}

// Whatever another party repeats of our requests, its words hold no secret (invariant 7) and have an end.
func TestErrors_HoldNoSecretAndHaveAnEnd(t *testing.T) {
	const jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJncmFwaCJ9.c2lnbmF0dXJl-canary"
	for _, body := range []string{
		`{"error":{"message":"bad token ` + jwt + `"}}`,
		`{"error":{"message":"you sent Authorization: Bearer canary-canary"}}`,
		`{"error":{"message":"form client_id=1&client_secret=canary&x=1"}}`,
		`{"error":{"message":"{\"access_token\":\"canary\",\"message\":\"client_assertion=canary\"}"}}`,
		`{"error":{"message":"at https://g/x?$skiptoken=canary"}}`,
		"<html><p>Authorization: Basic canary-canary==</p></html>",
		"password: canary",
	} {
		said := readError([]byte(body))
		if text := said.code + said.detail; strings.Contains(text, "canary") || text == "" {
			t.Errorf("%s: %q", body, text)
		}
	}
	if said := readError([]byte(`{"error":{"code":"` + strings.Repeat("c", 9999) + `","message":"` + strings.Repeat("ä", 9999) + `"}}`)); utf8.RuneCountInString(said.detail) > maxDetail+1 || utf8.RuneCountInString(said.code) > maxCode+1 {
		t.Errorf("%d and %d runes", utf8.RuneCountInString(said.code), utf8.RuneCountInString(said.detail))
	}
}

// A name in a text decides nothing: what is quoted, an address or an id may be called anything.
func TestErrors_NoNameInATextDecides(t *testing.T) {
	const first, next = "https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50&$filter=x", "https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50&$skiptoken=x"
	for _, c := range []struct {
		status  int
		message string
		link    string
		action  Action
		reason  error
	}{
		{400, "Invalid object identifier 'filterservice@contoso.com'", first, Suspend, ErrBadRequest},
		{400, "Invalid object identifier 'Invalid $filter query'", first, Suspend, ErrBadRequest},
		{400, "Resource invalid.filter@contoso.com is not known", first, Suspend, ErrBadRequest},
		{400, "User skip.token@contoso.com does not exist", first, Suspend, ErrBadRequest},
		{400, "Unsupported token", first, Suspend, ErrBadRequest},
		{400, "The user's mailbox has a filter, 'Invalid filter clause'", first, Suspend, ErrBadRequest},
		{400, "Invalid filter clause", next, Restart, ErrStaleLink},
		{400, "Invalid filter clause", first, StopTenant, ErrBadRequest},
		{400, "Invalid $filter query.", first, StopTenant, ErrBadRequest},
		{403, "Access to 'missing role permissions' is denied", first, Suspend, ErrDenied},
		{403, "License.Manager@contoso.com may not be read", first, Suspend, ErrDenied},
		{403, `Chat "no authorization information" is closed`, first, Suspend, ErrDenied},
		{404, "Token for filter license skip not found", first, Suspend, ErrUserGone},
		{500, "Invalid $filter query.", first, Retry, ErrUnavailable},
	} {
		g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
			return c.status, nil, `{"error":{"code":"BadRequest","message":` + quote(c.message) + `}}`
		}}
		_, err := g.client().Page(t.Context(), c.link)
		var failed *Error
		if !errors.As(err, &failed) || failed.Action != c.action || !errors.Is(err, c.reason) {
			t.Errorf("%d %q: %v, want %v because %v", c.status, c.message, err, c.action, c.reason)
		}
	}
}

func quote(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }

func FuzzReadError(f *testing.F) {
	for _, seed := range []string{`{"error":{"code":"A","message":"b","innerError":{"message":"c"}}}`, "<html><title>x</title>", "\xff\xfea\x00", `[[[{"error":"x"}]]]`, `"text"`, "Bearer abcdefghijkl"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		said := readError(body)
		said.phrases()
		if !utf8.ValidString(said.detail) || utf8.RuneCountInString(said.detail) > maxDetail+1 || strings.ContainsFunc(said.code+said.detail, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q became %q", body, said.detail)
		}
	})
}
