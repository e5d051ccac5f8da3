package graphsim

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestArrivals_ComeOutInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOf(rapid.Int64Range(0, 50)).Draw(t, "times")
		var h arrivals
		for i, at := range times {
			h.push(arrival{at: at, message: uint32(i)})
		}
		var got []int64
		seen := map[uint32]bool{}
		for len(h) > 0 {
			a := h.pop()
			got = append(got, a.at)
			seen[a.message] = true
		}
		slices.Sort(times)
		if !slices.Equal(got, times) || len(seen) != len(times) {
			t.Fatalf("%v came out of %v", got, times)
		}
	})
}

// TestMailbox_HoldsTheNewestVersionThatArrived delivers versions in any order and compares with what a map would hold.
func TestMailbox_HoldsTheNewestVersionThatArrived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(0, 20), 1, 5), 1, 6).Draw(t, "times")
		var box mailbox
		want := map[uint32]uint32{}
		for range rapid.IntRange(0, 30).Draw(t, "arrivals") {
			message := uint32(rapid.IntRange(0, len(times)-1).Draw(t, "message"))
			versions := slices.Clone(times[message])
			slices.Sort(versions) // time never goes back within a message
			seq := uint32(rapid.IntRange(1, len(versions)).Draw(t, "seq"))
			box.put(message, seq, uint32(len(versions)), func(s uint32) int64 { return versions[s-1] })
			want[message] = max(want[message], seq)
		}
		if !slices.IsSortedFunc(box.copies, compareCopies) || len(box.copies) != len(want) {
			t.Fatalf("%v, want %v", box.copies, want)
		}
		for _, c := range box.copies {
			if want[c.message] != c.seq {
				t.Fatalf("message %d has version %d, want %d", c.message, c.seq, want[c.message])
			}
		}
	})
}

// TestServer_ManyReadersAtOnce is for the race detector, and holds that what was read is in the ledger.
func TestServer_ManyReadersAtOnce(t *testing.T) {
	cfg := Defaults()
	cfg.Limits, cfg.Rate, cfg.Lateness = Limits{}, 2000, Lateness{Max: 50 * time.Millisecond}
	c := realClock(t, cfg)
	token, err := c.s.AccessToken([]string{"Chat.Read.All"}, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.token = token
	var mu sync.Mutex
	read := map[string]bool{}
	var wg sync.WaitGroup
	for _, user := range c.s.Users()[:8] {
		wg.Go(func() {
			for range 6 {
				// What is written meanwhile is not asked for: on a slow machine more is written than can be read,
				// and a reading without an upper bound would never end.
				now := time.Now()
				items := c.readAll(messages(user, "$top=100", between(now.Add(-48*time.Hour), now)))
				keys := keysOf(t, items)
				mu.Lock()
				for _, key := range keys {
					read[key] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range 3 {
			if err := c.s.WriteLedger(io.Discard); err != nil {
				t.Error(err)
			}
			c.s.Stats()
		}
	})
	wg.Wait()
	c.s.StopTraffic()
	for _, l := range c.ledger() {
		key := l.ChatID + "/" + l.ID + "/" + l.Etag
		if len(l.Shown) == 0 {
			continue
		}
		if !read[key] {
			t.Errorf("the ledger has %s, which nobody read", key)
		}
		delete(read, key)
	}
	for key := range read {
		t.Errorf("%s was read and is not in the ledger", key)
	}
}

// aLargeTenant is 100,000 users and 1,000,000 messages.
func aLargeTenant() Config {
	cfg := Defaults()
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Limits = 100_000, 200_000, 0, Limits{}
	cfg.History = History{Messages: 1_000_000, Reach: 24 * time.Hour}
	cfg.Now = (&handClock{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}).Now
	return cfg
}

// maxLargeTenant is what the large tenant may take, with every copy of it shown once.
const maxLargeTenant = 1 << 30

func TestScale_LargeTenantFitsIntoAGibibyte(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("makes a million messages")
	}
	s, err := Start(aLargeTenant())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	shown := 0
	for user := range uint32(len(s.model.userIDs)) {
		p := s.model.read(s.graphMillis(), pageRequest{query: query{user: user, win: always}, limit: 1 << 20})
		shown += len(p.items)
	}
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d messages, %d copies shown, %d MiB live, %d MiB from the system", len(s.model.messages), shown, mem.HeapAlloc>>20, mem.Sys>>20)
	if len(s.model.messages) != 1_000_000 || shown < 2_000_000 {
		t.Errorf("%d messages, %d copies shown", len(s.model.messages), shown)
	}
	if mem.Sys > maxLargeTenant {
		t.Errorf("%d MiB", mem.Sys>>20)
	}
}

// BenchmarkPages reads pages of 50 from a mailbox, without a network and over HTTPS.
func BenchmarkPages(b *testing.B) {
	cfg := Defaults()
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Limits, cfg.Lateness, cfg.Quirks = 10, 20, 0, Limits{}, Lateness{}, Quirks{}
	cfg.History = History{Messages: 20_000}
	cfg.CacheBytes = 256 << 20
	cold := cfg
	cold.CacheBytes = 1
	for name, cfg := range map[string]Config{"kept": cfg, "rendered": cold} {
		s, err := Start(cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		}()
		token, err := s.AccessToken([]string{"Chat.Read.All"}, false, 0)
		if err != nil {
			b.Fatal(err)
		}
		const top = 50
		var links []string
		for offset := 0; offset < 4000; offset += top {
			req := &messagesRequest{top: top, topGiven: true}
			links = append(links, req.nextLink(s.URL(), s.Users()[0], skipToken{offset: offset}))
		}
		request := func(b *testing.B, link string) *http.Request {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, link, nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			return req
		}
		report := func(b *testing.B, bytes int) {
			b.ReportMetric(float64(b.N*top)/b.Elapsed().Seconds(), "msg/s")
			b.ReportMetric(float64(bytes)/float64(b.N*top), "B/msg")
		}
		b.Run(fmt.Sprintf("handler/%s", name), func(b *testing.B) {
			w := &discard{header: http.Header{}}
			for i := 0; b.Loop(); i++ {
				req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, links[i%len(links)], nil)
				req.Header.Set("Authorization", "Bearer "+token)
				s.ServeHTTP(w, req)
			}
			report(b, w.bytes)
		})
		for _, proto := range []string{"http1", "http2"} {
			b.Run(fmt.Sprintf("%s/%s", proto, name), func(b *testing.B) {
				client := trusting(b, s)
				client.Transport.(*http.Transport).ForceAttemptHTTP2 = proto == "http2"
				bytes := 0
				buffer := make([]byte, 256<<10)
				for i := 0; b.Loop(); i++ {
					resp, err := client.Do(request(b, links[i%len(links)]))
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.CopyBuffer(io.Discard, onlyReader{resp.Body}, buffer)
					if err != nil {
						b.Fatal(err)
					}
					if err := resp.Body.Close(); err != nil {
						b.Fatal(err)
					}
					bytes += int(n)
				}
				report(b, bytes)
			})
		}
	}
}

// onlyReader hides WriterTo, so that the given buffer is used.
type onlyReader struct{ io.Reader }

// discard is a response writer that counts.
type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}
