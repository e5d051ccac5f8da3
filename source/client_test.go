package source

import (
	"compress/gzip"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNewHTTPClient_SpeaksHTTP1WhereBothAreOffered(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	response, err := NewHTTPClient(roots, 1).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 1 {
		t.Errorf("it spoke %s", response.Proto)
	}
}

func zipped(t *testing.T, body string) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// ask asks a Graph that compresses for a page.
func ask(t *testing.T, status int, body string) (Page, error) {
	t.Helper()
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
		if takes := r.Header.Get("Accept-Encoding"); takes != "gzip" {
			t.Errorf("it takes %q", takes)
		}
		return status, http.Header{"Content-Encoding": {"gzip"}}, body
	}}
	return g.client().Page(t.Context(), "https://graph.test/v1.0/users/u/chats/getAllMessages?$top=50")
}

// A compressed page that is damaged anywhere is not a page, never another one, and its error tells nothing of it.
func TestClient_TakesCompressedPagesWholeOrNotAtAll(t *testing.T) {
	const first, second = `{"id":"1","body":"secret"}`, `{"id":"2"}`
	whole := zipped(t, page("", first, second))
	judge := func(what string, body string) (sound bool) {
		t.Helper()
		got, err := ask(t, http.StatusOK, body)
		if err != nil {
			var failed *Error
			if !errors.As(err, &failed) || !errors.Is(err, ErrMalformed) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", what, err)
			}
			return false
		}
		if len(got.Items) != 2 || string(got.Items[0]) != first || string(got.Items[1]) != second {
			t.Errorf("%s: %q", what, got.Items)
		}
		return true
	}
	if !judge("whole", whole) {
		t.Error("the whole is not a page")
	}
	for n := range len(whole) {
		if judge(fmt.Sprintf("the first %d bytes", n), whole[:n]) {
			t.Errorf("%d of %d bytes were taken for the whole", n, len(whole))
		}
		damaged := []byte(whole)
		damaged[n] ^= 1
		judge(fmt.Sprintf("byte %d changed", n), string(damaged))
	}
}

// counted counts what is read of it.
type counted struct {
	io.Reader
	read int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read += n
	return n, err
}

func TestClient_BoundsWhatACompressedBodyBecomes(t *testing.T) {
	member := zipped(t, strings.Repeat(" ", maxBody/4))
	all := strings.Repeat(member, 16) // a stream of several members is one body, here of four times the bound
	body := &counted{Reader: strings.NewReader(all)}
	var c Client
	_, err := c.readBody(&http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(body)})
	if err != nil || body.read > len(all)/2 {
		t.Errorf("%d of %d bytes were unpacked for a body that is refused beyond a quarter of them; %v", body.read, len(all), err)
	}
	_, err = ask(t, http.StatusOK, all[:5*len(member)])
	var failed *Error
	if !errors.As(err, &failed) || failed.Action != Shrink {
		t.Errorf("%v, want it to be refused for its size", err)
	}
}

func TestClient_ReadsCompressedErrors(t *testing.T) {
	_, err := ask(t, http.StatusForbidden, zipped(t, `{"error":{"code":"Forbidden","message":"Failed to get license information for the user."}}`))
	if !errors.Is(err, ErrUnlicensed) {
		t.Errorf("%v, want %v", err, ErrUnlicensed)
	}
}
