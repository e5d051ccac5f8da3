package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// deliverAt delivers messages of these times, by their IDs, in one page.
func (t *Tenant) deliverAt(ctx context.Context, user string, times map[string]time.Time) error {
	t.mu.Lock()
	s := t.session
	t.mu.Unlock()
	var items [][]byte
	from, to := time.Now(), time.Now().Add(time.Minute)
	for id, at := range times {
		items = append(items, message(id, at))
		if at.Before(from) {
			from = at
		}
	}
	for {
		err := s.deliver(ctx, source.Delivery{User: user, Items: items, From: from.UnixMilli() - 1, To: to.UnixMilli()})
		if later := new(source.Later); !errors.As(err, &later) {
			return err
		}
		time.Sleep(time.Second) // until the topic has been read back
	}
}

// written reads the output topic: by message ID, the timestamp of each record and the event's time in its header.
func written(t *testing.T, cfg Config, want int) (stamps, events map[string]time.Time) {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.ConsumeTopics(cfg.Writer.Topics.Output), kgo.FetchIsolationLevel(kgo.ReadCommitted())}, cfg.Writer.Client...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	stamps, events = make(map[string]time.Time), make(map[string]time.Time)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(stamps) < want && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			for _, h := range r.Headers {
				switch h.Key {
				case transform.HeaderSubject:
					id := string(h.Value)[strings.LastIndexByte(string(h.Value), '/')+1:]
					if _, twice := stamps[id]; twice {
						t.Errorf("message %s is in the topic twice", id)
					}
					stamps[id] = r.Timestamp
				case transform.HeaderTime:
					at, err := time.Parse(time.RFC3339, string(h.Value))
					if err != nil {
						t.Error(err)
					}
					events[r.Timestamp.String()] = at
				}
			}
		})
	}
	if len(stamps) != want {
		t.Fatalf("%d records in the topic, want %d", len(stamps), want)
	}
	return stamps, events
}

// What the topic's retention would delete soon is written with the present time, counted and logged once;
// what is younger keeps the event's.
func TestTenant_ARecordThatWouldExpireGetsThePresentTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := virtualConfiguration(t, "u")
		cfg.Writer.Topics.Retention = 7 * 24 * time.Hour
		tenant, logs, stop := running(t, cfg)
		waitFor(t, time.Minute, "polling", tenant.polls)
		now := time.Now().Truncate(time.Second)
		times := map[string]time.Time{"1": now.Add(-12 * 24 * time.Hour), "2": now.Add(-5 * 24 * time.Hour), "3": now.Add(-3 * 24 * time.Hour), "4": now.Add(-time.Second)}
		if err := tenant.deliverAt(t.Context(), "u", times); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		stamps, events := written(t, cfg, len(times))
		for id, at := range times {
			restamped := time.Since(at) > 84*time.Hour
			if stamps[id].Equal(at) == restamped || restamped && time.Since(stamps[id]) > time.Minute {
				t.Errorf("message %s of %v is written with %v", id, at, stamps[id])
			}
			if !restamped && !events[stamps[id].String()].Equal(at) {
				t.Errorf("ce_time of message %s is %v, want %v", id, events[stamps[id].String()], at)
			}
		}
		if n := testutil.ToFloat64(cfg.Metrics.restamped.WithLabelValues(string(sink.Expiring))); n != 2 {
			t.Errorf("%v records are counted, want 2", n)
		}
		if n := strings.Count(logs.String(), "records get the time of writing"); n != 1 {
			t.Errorf("%d lines say so\n%s", n, logs)
		}
		stop()
	})
}

// A broker that refuses a timestamp although the topic's configuration allows it is learned from: the next
// session writes the present time.
func TestTenant_ARefusedTimestampIsLearnedFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, cluster := virtualConfiguration(t, "u")
		tenant, logs, stop := running(t, cfg)
		waitFor(t, time.Minute, "polling", tenant.polls)
		at := time.Now().Add(-time.Hour).Truncate(time.Second)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.InvalidTimestamp, Count: 1})
		if err := tenant.deliverAt(t.Context(), "u", map[string]time.Time{"1": at}); err != nil && !errors.Is(err, kerr.InvalidTimestamp) {
			t.Fatal(err)
		}
		waitFor(t, time.Minute, "the refusal", func() bool { return strings.Contains(logs.String(), "INVALID_TIMESTAMP") })
		waitFor(t, time.Minute, "polling", tenant.polls)
		if err := tenant.deliverAt(t.Context(), "u", map[string]time.Time{"1": at}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		stamps, events := written(t, cfg, 1)
		if stamp := stamps["1"]; time.Since(stamp) > time.Minute || !events[stamp.String()].Equal(at) {
			t.Errorf("written with %v, ce_time %v, want the present time and %v", stamp, events[stamp.String()], at)
		}
		if n := strings.Count(logs.String(), "stream failed"); n != 1 {
			t.Errorf("the stream failed %d times\n%s", n, logs)
		}
		stop()
	})
}
