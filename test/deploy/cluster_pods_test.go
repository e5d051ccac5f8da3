//go:build deploy

package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/admin"
)

// pod is what is known of one.
type pod struct {
	name, container string
	restarts        int
	ready           bool
	status          admin.Status
}

// pods are the connector's.
func (c *cluster) pods(t *testing.T) (found []pod) {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				ContainerStatuses []struct {
					ContainerID  string
					RestartCount int
					Ready        bool
				}
			}
		}
	}
	out := c.kubectl(t, "get", "pods", "--selector", "app.kubernetes.io/component=connector", "--output", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		p := pod{name: item.Metadata.Name}
		for _, s := range item.Status.ContainerStatuses {
			p.container, p.restarts, p.ready = s.ContainerID, s.RestartCount, s.Ready
		}
		found = append(found, p)
	}
	return found
}

// findOwner asks the pods which of them polls.
func (c *cluster) findOwner(t *testing.T) (pod, error) {
	t.Helper()
	var owners []pod
	pods := c.pods(t)
	for _, p := range pods {
		out := c.try("get", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+p.name+":8080/proxy/status")
		if json.Unmarshal([]byte(out), &p.status) == nil && len(p.status.Tenants) == 1 && p.status.Tenants[0].State == admin.StatePolling {
			owners = append(owners, p)
		}
	}
	if len(owners) != 1 {
		return pod{}, fmt.Errorf("%d of %d pods poll", len(owners), len(pods))
	}
	return owners[0], nil
}

func (c *cluster) owner(t *testing.T) (owner pod) {
	t.Helper()
	c.await(t, "somebody polls", func() (err error) {
		owner, err = c.findOwner(t)
		return err
	})
	return owner
}

func (c *cluster) within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// await asks until there is no error.
func (c *cluster) await(t *testing.T, what string, ask func() error) {
	t.Helper()
	ctx := c.within(t, 2*time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it never came about that %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// liveReader notes when committed records arrive.
type liveReader struct {
	mu       sync.Mutex
	arrivals []time.Time
}

// startLiveReader reads on until the test of the whole cluster is over.
func startLiveReader(t *testing.T, brokers []string) *liveReader {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(outputTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	r := &liveReader{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			fetches := client.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			if fetches.NumRecords() > 0 {
				r.mu.Lock()
				r.arrivals = append(r.arrivals, time.Now())
				r.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		client.Close()
		<-ended
	})
	return r
}

// awaitMore returns when something arrives.
func (r *liveReader) awaitMore(t *testing.T, c *cluster) {
	t.Helper()
	since := time.Now()
	c.await(t, "messages arrive", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.arrivals); n == 0 || r.arrivals[n-1].Before(since) {
			return fmt.Errorf("%d times something came, nothing since %v", n, since)
		}
		return nil
	})
}

// silence is the longest time without an arrival since an instant.
func (r *liveReader) silence(since time.Time) (longest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := since
	for _, at := range r.arrivals {
		if at.After(since) {
			longest = max(longest, at.Sub(last))
			last = at
		}
	}
	return max(longest, time.Since(last))
}
