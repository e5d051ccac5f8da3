package source

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestGate_ThoseWhoWaitedDoNotAllStartAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(100) // bursts of 10
		g.Hold(time.Minute)
		opens := time.Now().Add(time.Minute)
		var mu sync.Mutex
		early, first := 0, 0
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if _, err := g.Enter(t.Context()); err != nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if time.Now().Before(opens) {
					early++
				} else if time.Since(opens) < 100*time.Millisecond {
					first++
				}
			})
		}
		group.Wait()
		if early != 0 || first > 20 {
			t.Errorf("%d started early, %d in the first tenth of a second; want 0 and at most 20", early, first)
		}
	})
}

// TestClient_ARequestThatWaitedForItsConnectionLooksOnceMore: the wait is told to the tenant while a request that
// was let through is still dialing.
func TestClient_ARequestThatWaitedForItsConnectionLooksOnceMore(t *testing.T) {
	var arrived time.Time
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived = time.Now()
		_, _ = w.Write([]byte(emptyPage))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for _, http2 := range []bool{false, true} {
		root, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		g := &graph{}
		client := g.client()
		client.root = root
		var opens time.Time
		client.http.Transport = &http.Transport{
			ForceAttemptHTTP2: http2,
			TLSClientConfig:   &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				client.gate.Hold(300 * time.Millisecond)
				opens = client.gate.Held()
				return (&net.Dialer{}).DialContext(ctx, network, address)
			},
		}
		if _, err := client.Page(t.Context(), server.URL+"/v1.0/x"); err != nil {
			t.Fatal(err)
		}
		if arrived.Before(opens) {
			t.Errorf("HTTP/2 %v: the request came %v early", http2, opens.Sub(arrived))
		}
	}
}
