package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/teams-kafka/connector/internal/config"
	onstage "github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// unreachable is a Graph that never answers.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("unreachable")
}

// virtualConfiguration is a configuration with a Kafka of one broker inside a synctest bubble. Graph is
// unreachable: the test delivers what the poller would.
func virtualConfiguration(t *testing.T, users ...string) (Config, *kfake.Cluster) {
	t.Helper()
	var network kfake.VirtualNetwork
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(network.Listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	ladder, err := source.NewLadder([]time.Duration{time.Minute, 2 * time.Minute}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	// Without zstd: its decoders close a channel of the bubble when they are collected, from outside of it.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 6)
	sourceMetrics := source.NewMetrics(nil)
	nobody := &http.Client{Transport: unreachable{}}
	return Config{
		Name: "teams", Tenant: tenantID, Ladder: ladder, Encoder: schema.NewSingleObjectEncoder(),
		Client: source.NewClient(&url.URL{Scheme: "https", Host: "graph.test"}, nobody, source.NewTokens(source.Credentials{
			Kind: source.AuthSecret, Authority: "https://login.test", Secret: func() string { return "x" }, HTTP: nobody}),
			source.NewGate(1), "test (instance 1)", sourceMetrics),
		Directory:    &source.Directory{Listed: users},
		UsersRefresh: time.Hour, UsersRetention: 30 * 24 * time.Hour,
		Start: config.Start{Back: time.Minute}, PageSize: 50, InFlight: 1,
		Writer: sink.WriterConfig{
			Client:          []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.Dialer(network.DialContext), kgo.MaxVersions(versions)},
			Topics:          sink.Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "teams.offsets", Partitions: 1, Replication: -1},
			TransactionalID: sink.TransactionalID("out", tenantID), TransactionTimeout: 16 * time.Second,
		},
		CommitInterval: time.Second, CommitRecords: 100_000, IndexMaxEntries: 100_000,
		RebuildTimeout: 20 * time.Second, FinishTimeout: 10 * time.Second, Metrics: NewMetrics(nil), SourceMetrics: sourceMetrics,
	}, cluster
}

// running starts a tenant's stream in the bubble and waits until it polls.
func running(t *testing.T, cfg Config) (tenant *Tenant, logs *onstage.Log, stop func() (took time.Duration)) {
	t.Helper()
	logs = &onstage.Log{}
	tenant = NewTenant(cfg, slog.New(slog.NewTextHandler(logs, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := tenant.Run(ctx, func(context.Context) error { return nil }); err != nil {
			t.Errorf("the stream ended with %v", err)
		}
	}()
	return tenant, logs, func() time.Duration {
		began := time.Now()
		cancel()
		<-ended
		return time.Since(began)
	}
}

// waitFor waits in virtual time.
func waitFor(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > most {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (t *Tenant) polls() bool { return t.State().Phase == Polling }

// flood delivers so many messages of the user u, page by page, and counts those that were taken.
func (t *Tenant) flood(ctx context.Context, messages int, taken *atomic.Int64) {
	t.mu.Lock()
	s := t.session
	t.mu.Unlock()
	const page = 500
	now := time.Now()
	for delivered := 0; delivered < messages; delivered += page {
		items := make([][]byte, page)
		for i := range items {
			items[i] = message(fmt.Sprint(delivered+i), now)
		}
		if s.deliver(ctx, source.Delivery{User: "u", Items: items, From: now.Add(-time.Minute).UnixMilli(), To: now.Add(time.Minute).UnixMilli()}) != nil {
			return
		}
		taken.Add(page)
	}
}

// A Kafka that takes nothing, with more messages than the client holds: the state says so within
// seconds, the session ends when its transaction would, with the broker's reason, and recovers.
func TestTenant_AKafkaThatTakesNothingEndsTheSessionWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, cluster := virtualConfiguration(t, "u")
		tenant, logs, stop := running(t, cfg)
		waitFor(t, time.Minute, "polling", tenant.polls)

		full := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		ctx, cancel := context.WithCancel(t.Context())
		var taken atomic.Int64
		go tenant.flood(ctx, 60_000, &taken)
		time.Sleep(5 * time.Second)
		if n := taken.Load(); n < 50_000 || n >= 60_000 {
			t.Errorf("%d messages were taken from the poller", n)
		}
		state := tenant.State()
		if state.Trouble == nil || !strings.Contains(state.Trouble.Error(), "last broker answer NOT_ENOUGH_REPLICAS") {
			t.Errorf("after 5 s the trouble is %v", state.Trouble)
		}
		waitFor(t, 20*time.Second, "the session's end", func() bool { return tenant.State().Phase == Failing })
		if err := tenant.State().Err; err == nil || !strings.Contains(err.Error(), "flush") || !strings.Contains(err.Error(), "NOT_ENOUGH_REPLICAS") {
			t.Errorf("the session ended by %v", err)
		}
		cancel()
		full.Remove()
		waitFor(t, time.Minute, "recovery", func() bool { return tenant.polls() && tenant.State().Trouble == nil })
		taken.Store(0)
		if tenant.flood(t.Context(), 1000, &taken); taken.Load() != 1000 {
			t.Errorf("%d of 1000 messages were taken after recovery", taken.Load())
		}
		if took := stop(); took > cfg.FinishTimeout {
			t.Errorf("the orderly end took %v", took)
		}
		if n := strings.Count(logs.String(), `msg="waiting for Kafka"`); n != 1 {
			t.Errorf("%d lines say that Kafka is waited for\n%s", n, logs)
		}
	})
}

// An orderly end while Kafka takes nothing.
func TestTenant_AnOrderlyEndDoesNotWaitForAKafkaThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, cluster := virtualConfiguration(t, "u")
		cfg.Writer.TransactionTimeout, cfg.FinishTimeout = 10*time.Minute, 5*time.Second
		tenant, _, stop := running(t, cfg)
		waitFor(t, time.Minute, "polling", tenant.polls)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		ctx, cancel := context.WithCancel(t.Context())
		go tenant.flood(ctx, 60_000, new(atomic.Int64))
		time.Sleep(20 * time.Second)
		if took := stop(); took > 2*cfg.FinishTimeout {
			t.Errorf("the end took %v", took)
		}
		cancel()
	})
}

// Another process' transaction that the coordinator cannot end: the start is bounded, says why in state and
// log, and continues when the coordinator does.
func TestTenant_AStartThatIsHeldUpSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, cluster := virtualConfiguration(t, "u")
		hanging := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ConcurrentTransactions, Count: -1})
		tenant, logs, stop := running(t, cfg)
		time.Sleep(5 * time.Second)
		if state := tenant.State(); state.Phase != Starting || state.Trouble == nil || !strings.Contains(state.Trouble.Error(), "CONCURRENT_TRANSACTIONS to InitProducerID") {
			t.Errorf("after 5 s: %s, %v", state.Phase, state.Trouble)
		}
		time.Sleep(170 * time.Second)
		if err := tenant.State().Err; err == nil || !strings.Contains(err.Error(), "CONCURRENT_TRANSACTIONS to InitProducerID") {
			t.Errorf("after 175 s the reason is %v", err)
		}
		waits, ends := strings.Count(logs.String(), `msg="waiting for Kafka"`), strings.Count(logs.String(), "stream failed")
		if waits < 3 || ends < 3 || waits+ends > 20 {
			t.Errorf("in 175 s %d lines of waiting and %d of failing\n%s", waits, ends, logs)
		}
		hanging.Remove()
		waitFor(t, 2*time.Minute, "polling", tenant.polls)
		if state := tenant.State(); state.Trouble != nil || state.Err != nil {
			t.Errorf("polling, and still %v, %v", state.Trouble, state.Err)
		}
		stop()
	})
}

// Trouble that passes is logged when it begins and when it has passed.
func TestTenant_LogsTheBeginningAndTheEndOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, cluster := virtualConfiguration(t, "u")
		cfg.Writer.TransactionTimeout = 2 * time.Minute
		tenant, logs, stop := running(t, cfg)
		waitFor(t, time.Minute, "polling", tenant.polls)
		taken := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		tenant.flood(t.Context(), 500, new(atomic.Int64))
		time.Sleep(40 * time.Second)
		taken.Remove()
		waitFor(t, 10*time.Second, "the end of trouble", func() bool { return tenant.State().Trouble == nil })
		time.Sleep(5 * time.Second)
		began, reminded := strings.Count(logs.String(), `msg="waiting for Kafka"`), strings.Count(logs.String(), `msg="Kafka answers again"`)
		if began != 2 || reminded != 1 { // the second is the reminder
			t.Errorf("%d lines of waiting, %d of its end\n%s", began, reminded, logs)
		}
		stop()
	})
}
