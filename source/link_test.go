package source

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// followed asks for a page whose nextLink is link and returns what the client makes of it.
func followed(t *testing.T, link string) (string, error) {
	t.Helper()
	g := &graph{answer: func(int, *http.Request) (int, http.Header, string) {
		return http.StatusOK, nil, page(link)
	}}
	got, err := g.client().Page(t.Context(), "https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50")
	return got.NextLink, err
}

func TestLinks_AreReadAsHTTPMeansThem(t *testing.T) {
	const path = "https://graph.test/v1.0/users/u/chats/"
	for link, want := range map[string]string{
		// As it is: nothing but the server knows what is in it.
		path + "getallMessages?$top=2&$skiptoken=U2tp%3d%3d":           path + "getallMessages?$top=2&$skiptoken=U2tp%3d%3d",
		"https://graph.test/v1.0/users('u')/chats/getallMessages?$s=1": "https://graph.test/v1.0/users('u')/chats/getallMessages?$s=1",
		"HTTPS://GRAPH.test:443/v1.0/x?y":                              "https://GRAPH.test:443/v1.0/x?y",
		// What no URL may hold is escaped.
		path + "x?$filter=a gt 2 and b lt 3": path + "x?$filter=a%20gt%202%20and%20b%20lt%203",
		path + `x?f="a"|b\c^d{e}` + "`":      path + "x?f=%22a%22%7Cb%5Cc%5Ed%7Be%7D%60",
		path + "x?f=é":                       path + "x?f=%C3%A9",
		path + "x?f=100%&g=%zz&h=%4":         path + "x?f=100%25&g=%25zz&h=%254",
		"  " + path + "x?y \n":               path + "x?y",
		// Relative links lead on from the page.
		"/v1.0/users/u/chats/next?$skip=2": "https://graph.test/v1.0/users/u/chats/next?$skip=2",
		"getAllMessages?$skip=2":           path + "getAllMessages?$skip=2",
		"?$skiptoken=x":                    path + "getAllMessages?$skiptoken=x",
		"//graph.test/v1.0/x":              "https://graph.test/v1.0/x",
		"../other?$skip=1":                 "https://graph.test/v1.0/users/u/other?$skip=1",
		path + "x?y#fragment":              path + "x?y",
	} {
		if got, err := followed(t, link); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", link, got, err, want)
		}
	}
}

// The token goes only to Graph (invariant 7), however the link is written.
func TestLinks_ThatLeadElsewhereAreRefused(t *testing.T) {
	for _, link := range []string{
		"https://evil.test/v1.0/x", "//evil.test/v1.0/x", "https://graph.test.evil.test/", "https://graph.test@evil.test/", "https://evil.test#graph.test/",
		"https://user:pass@graph.test/", "https://user@graph.test/", "//user@graph.test/x", "http://graph.test/v1.0/x", "https://graph.test:444/x", "//graph.test:80/x",
		"https://graph.test./x", "https:evil.test/x", "https:\\\\evil.test/x", "https:/\\evil.test/x", "\\\\evil.test/x", "/\\evil.test/x", "///evil.test/x", "https:///evil.test/x",
		"ftp://graph.test/x", "javascript:alert(1)", "data:text/plain,x", "https://", "https://graph.tést/", "https://graph%2etest/", "https://graph.test\x00.evil.test/",
		"https://[::1]/x", "https://127.0.0.1/x", "https://graph.test%2F@evil.test/x", "https://evil.test\\@graph.test/x", "ht tps://graph.test/x",
	} {
		got, err := followed(t, link)
		if err == nil {
			// A link that stays on the host is harmless, whatever its path.
			if u, bad := url.Parse(got); bad == nil && u.Scheme == "https" && strings.EqualFold(u.Hostname(), "graph.test") && port(u) == "443" && u.User == nil {
				continue
			}
			t.Errorf("%q: followed to %q", link, got)
		} else if !errors.Is(err, ErrRefusedLink) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", link, err)
		}
	}
}

func TestLinks_SecondPagesOfRawLinksAreRead(t *testing.T) {
	for _, link := range []string{
		"https://graph.test/v1.0/users/ada/chats/getAllMessages?$filter=lastModifiedDateTime gt 2026-01-01&$skiptoken=a b",
		"/v1.0/users/ada/chats/getAllMessages?$skip=50",
	} {
		g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
			if continues(r.URL) {
				if strings.Contains(r.URL.RequestURI(), " ") {
					t.Errorf("raw spaces were sent: %q", r.URL.RequestURI())
				}
				return http.StatusOK, nil, page("", `{"id":"2"}`)
			}
			return http.StatusOK, nil, page(link, `{"id":"1"}`)
		}}
		g.poll(t, []string{"ada"}, time.Hour, time.Minute, func(_ *Poller, d *delivered) {
			if got := d.all("ada"); got != `{"id":"1"} {"id":"2"}` {
				t.Errorf("%q: delivered %s", link, got)
			}
		})
	}
}

func TestMessagesURL_NamesUsersAsODataDoes(t *testing.T) {
	client := (&graph{}).client()
	for user, want := range map[string]string{
		"ada@contoso.com":     "/v1.0/users/ada@contoso.com/chats/",
		"$ada@contoso.com":    "/v1.0/users('$ada@contoso.com')/chats/",
		"$o'hara@contoso.com": "/v1.0/users('$o%27%27hara@contoso.com')/chats/",
		"x#EXT#@contoso.com":  "/v1.0/users/x%23EXT%23@contoso.com/chats/",
		"a/b?c%d@contoso.com": "/v1.0/users/a%2Fb%3Fc%25d@contoso.com/chats/",
		"../../me":            "/v1.0/users/..%2F..%2Fme/chats/",
	} {
		link := client.MessagesURL(user, 1, 2, 50, Query{})
		u, err := url.Parse(link)
		if err != nil || !strings.HasPrefix(strings.TrimPrefix(link, "https://graph.test"), want) || u.Host != "graph.test" {
			t.Errorf("%q: %s, %v; want %s", user, link, err, want)
		}
	}
}

func FuzzLinks(f *testing.F) {
	for _, seed := range []string{"https://graph.test/x?$skip=1", "//evil.test", "?a b", "https:\\\\evil", "/%zz", "https://u@graph.test"} {
		f.Add(seed)
	}
	client := (&graph{}).client()
	base, err := url.Parse("https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, link string) {
		u, failed := client.follow(base, link)
		if failed != nil {
			return
		}
		// Whatever is followed leads to the root, and again when it is parsed as text.
		for _, text := range []string{u.String(), escaped(u.String())} {
			again, failed := client.follow(nil, text)
			if failed != nil || !strings.EqualFold(again.Hostname(), "graph.test") || again.Scheme != "https" || again.User != nil {
				t.Errorf("%q became %q, then %v %v", link, u, again, failed)
			}
		}
		if strings.ContainsAny(u.RequestURI(), " \t\r\n\"<>\\^`{|}") {
			t.Errorf("%q is requested as %q", link, u.RequestURI())
		}
	})
}
