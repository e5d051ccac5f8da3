package source

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A fault in the middle of a slice costs one request. The same link is asked for again, and no page is
// read twice, even if the slice takes longer than a link lives (invariant 9).
func TestPoller_AFaultCostsOneRequest(t *testing.T) {
	whole := page("", `{"id":"1"}`)
	for name, fault := range map[string]struct {
		status int
		header http.Header
		body   string
	}{
		"500":             {500, nil, ""},
		"502":             {502, nil, "<html>bad gateway</html>"},
		"503":             {503, nil, ""},
		"503 with a wait": {503, http.Header{"Retry-After": {"2"}}, ""},
		"504":             {504, nil, `{"error":{"code":"UnknownError"}}`},
		"429":             {429, http.Header{"Retry-After": {"2"}}, ""},
		"408":             {408, nil, ""},
		"stale link":      {400, nil, `{"error":{"code":"BadRequest","message":"Invalid continuation token"}}`},
		"gone link":       {410, nil, ""},
		"truncated":       {200, nil, whole[:len(whole)-3]},
		"HTML":            {200, nil, "<html>sign in</html>"},
	} {
		t.Run(name, func(t *testing.T) {
			const length, failing = 500, 470 // pages, a second each
			asked, first := 0, 0
			g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
				if strings.Contains(r.URL.Path, "/other/") {
					return 200, nil, emptyPage
				}
				number, body := pages(length, r)
				if number == 0 {
					first++
				}
				if asked++; asked == failing {
					return fault.status, fault.header, fault.body
				}
				return 200, nil, body
			}}
			g.broken = func(r *http.Request) error { // called without the lock, so it may wait
				if !strings.Contains(r.URL.Path, "/other/") {
					<-time.After(time.Second)
				}
				return nil
			}
			g.poll(t, []string{"u", "other"}, time.Hour, 15*time.Minute, func(p *Poller, d *delivered) {
				if _, ok := d.position("u"); !ok {
					t.Error("the slice was not read to its end")
				}
				if n := g.polls()["u"]; n != length+1 || first != 1 {
					t.Errorf("%d requests, %d of them for the first page; want %d and 1", n, first, length+1)
				}
			})
		})
	}
}

// A slice with more pages than a slice may have is read in shorter slices with pages of the same size.
// Smaller pages would be more of them.
func TestPoller_ASliceWithTooManyPagesIsReadInShorterOnes(t *testing.T) {
	g := &graph{answer: func(_ int, r *http.Request) (int, http.Header, string) {
		from, to := bounds(t, r)
		top, _ := strconv.Atoi(r.URL.Query().Get("$top"))
		const items = 3_000 * 50 // an hour: half as many pages again as a slice may have
		_, body := pages(int(to.Sub(from).Seconds()*items/3600)/top, r)
		return 200, nil, body
	}}
	g.poll(t, []string{"u"}, time.Hour, 10*time.Minute, func(p *Poller, d *delivered) {
		if _, ok := d.position("u"); !ok || len(p.Status().Suspended) > 0 {
			t.Errorf("read to the end: %v, suspended: %v", ok, p.Status().Suspended)
		}
		for _, r := range g.requests {
			if !strings.Contains(r.url, "$top=50&") {
				t.Errorf("request %s, want pages of 50", r.url)
				return
			}
		}
	})
}

// Every eighth request asks for a wait that outlives the links. Slices become short enough to be read
// between two waits (invariant 9).
func TestPoller_WaitsLongerThanALinkLivesShortenTheSlices(t *testing.T) {
	g := &graph{answer: func(n int, r *http.Request) (int, http.Header, string) {
		if n%8 == 0 {
			return 429, http.Header{"Retry-After": {"400"}}, ""
		}
		from, to := bounds(t, r)
		_, body := pages(int(to.Sub(from)/(2*time.Minute)), r) // 30 pages an hour
		return 200, nil, body
	}}
	g.poll(t, []string{"u"}, time.Hour, 12*time.Hour, func(_ *Poller, d *delivered) {
		if pos, ok := d.position("u"); !ok || len(pos.Marks) == 0 {
			t.Errorf("no window was read to its end in 12 hours, with %d requests", len(g.requests))
		}
	})
}
