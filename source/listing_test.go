package source

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A listing has an end, whatever its links say.
func TestDirectory_AListingWithEverNewLinksIsGivenUp(t *testing.T) {
	for name, users := range map[string]func(n int) []string{
		"the same users again and again": func(int) []string { return []string{`{"id":"a"}`, `{"id":"b"}`} },
		"nobody":                         func(int) []string { return nil },
	} {
		g := &graph{answer: func(n int, _ *http.Request) (int, http.Header, string) {
			return http.StatusOK, nil, page(fmt.Sprintf("https://graph.test/v1.0/users?$skiptoken=%d", n), users(n)...)
		}}
		synctest.Test(t, func(t *testing.T) {
			_, err := (&Directory{Client: g.client(), Everyone: true}).Discover(t.Context())
			if err == nil || !strings.Contains(err.Error(), "list nobody who was not listed before") || len(g.requests) > 2*maxIdlePages {
				t.Errorf("%s: %v after %d requests", name, err, len(g.requests))
			}
		})
	}
}

func TestDirectory_ShortAndEmptyPagesAreRead(t *testing.T) {
	const pages = 300
	g := &graph{answer: func(n int, _ *http.Request) (int, http.Header, string) {
		var users []string
		if n%5 == 0 {
			users = []string{fmt.Sprintf(`{"id":"user-%d"}`, n)}
		}
		link := fmt.Sprintf("https://graph.test/v1.0/users?$skiptoken=%d", n)
		if n == pages {
			link = ""
		}
		return http.StatusOK, nil, page(link, users...)
	}}
	synctest.Test(t, func(t *testing.T) {
		found, err := (&Directory{Client: g.client(), Everyone: true}).Discover(t.Context())
		if err != nil || len(found.Users) != pages/5 {
			t.Errorf("%d users, %v", len(found.Users), err)
		}
	})
}

// A long listing says each half minute how far it is.
func TestDirectory_ALongListingReportsItsProgress(t *testing.T) {
	g := &graph{answer: func(n int, _ *http.Request) (int, http.Header, string) {
		<-time.After(time.Second)
		link := fmt.Sprintf("https://graph.test/v1.0/users?$skiptoken=%d", n)
		if n == 100 {
			link = ""
		}
		return http.StatusOK, nil, page(link, fmt.Sprintf(`{"id":"user-%d"}`, n))
	}}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := Directory{Client: g.client(), Everyone: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
		if _, err := d.Discover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(log.String(), "still listing users"); lines != 3 {
			t.Errorf("%d reports in 100 s, want 3:\n%s", lines, &log)
		}
	})
}

// A list that a Windows editor saved names the same users.
func TestDirectory_AUsersFileMayHaveAByteOrderMark(t *testing.T) {
	const text = "ada@contoso.com\r\n# a comment\r\nGrace@contoso.com\r\n"
	for name, data := range map[string]string{"UTF-8": text, "UTF-8 with a mark": "\xEF\xBB\xBF" + text, "UTF-16": utf16Body(text)} {
		file := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := (&Directory{File: file}).Discover(t.Context())
		if err != nil || len(found.Users) != 2 || !found.Users["ada@contoso.com"] || !found.Users["grace@contoso.com"] {
			t.Errorf("%s: %v, %v", name, found.Users, err)
		}
	}
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("a\x00d\x00a\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Directory{File: file}).Discover(t.Context()); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("UTF-16 without a mark: %v", err)
	}
}
