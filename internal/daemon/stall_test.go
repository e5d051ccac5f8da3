package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// bubble is a daemon with everything it talks to in virtual time.
type bubble struct {
	graph   http.RoundTripper
	network kfake.VirtualNetwork
	cluster *kfake.Cluster
	daemon  *Daemon
	log     stage.Log

	mu      sync.Mutex
	login   answer // nil answers as the simulator does
	pages   answer
	noKafka atomic.Bool
}

// answer is what a server in trouble answers.
type answer func(*http.Request) (*http.Response, error)

// RoundTrip is the tenant's way to Graph and the login service.
func (b *bubble) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	instead := b.pages
	if strings.Contains(r.URL.Path, "/oauth2/") {
		instead = b.login
	}
	b.mu.Unlock()
	if instead != nil {
		return instead(r)
	}
	return b.graph.RoundTrip(r)
}

func (b *bubble) answer(login, pages answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.login, b.pages = login, pages
}

func (b *bubble) dial(ctx context.Context, network, host string) (net.Conn, error) {
	if b.noKafka.Load() {
		return nil, errors.New("dial tcp: no route to the brokers")
	}
	return b.network.DialContext(ctx, network, host)
}

func newBubble(t *testing.T, registry string) *bubble {
	t.Helper()
	b := &bubble{}
	var err error
	if b.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(b.network.Listen)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cluster.Close)
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Seed = 3, 3, 4, 3
	sim, err := graphsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	b.graph = sim.Transport(50 * time.Millisecond)
	parsed, err := config.Parse(config.Settings{
		ConnectorName: "stage", GraphEndpoint: sim.URL(), AzureAuthorityHost: sim.AuthorityURL(),
		AzureTenantID: sim.TenantID(), AzureClientID: sim.ClientID(), AzureClientSecret: sim.ClientSecret(),
		SourceUsers: strings.Join(sim.Users(), ","), SourceStart: "10m", SourcePollInterval: "10s", SourceLookbacks: "20s,40s",
		KafkaBrokers: strings.Join(b.cluster.ListenAddrs(), ","), KafkaTopicPartitions: "1",
		SchemaRegistryURL: registry, CommitInterval: "1s", AdminAddress: "none",
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&b.log, nil))
	// Without zstd: its decoders close a channel of the bubble when they are collected, from outside of it.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 6)
	kafka := append(KafkaOptions(parsed, "test", log), kgo.Dialer(b.dial), kgo.MaxVersions(versions))
	if b.daemon, err = wire(parsed, "test", log, kafka, func(config.Tenant) *http.Client { return &http.Client{Transport: b} }); err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs the daemon; the function returned ends it in order.
func (b *bubble) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.daemon.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// wait waits in virtual time.
func (b *bubble) wait(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(time.Second) {
		if time.Since(began) > most {
			t.Fatalf("within %v it did not come about that %s; not ready: %q\n%s", most, what, b.daemon.NotReady(), b.log.String())
		}
	}
}

// stalledBy returns the reasons whose series is 1.
func (b *bubble) stalledBy(t *testing.T) (reasons []string) {
	t.Helper()
	families, err := b.daemon.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "teams_connector_stalled" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "reason" && m.GetGauge().GetValue() == 1 {
					reasons = append(reasons, label.GetValue())
				}
			}
		}
	}
	return reasons
}

// says answers with a status, headers and a body.
func says(status int, body string, headers ...string) answer {
	return func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
}

func unreachable(*http.Request) (*http.Response, error) {
	return nil, errors.New("dial tcp: no route to host")
}

// fault answers requests to Kafka with an error until it is taken away.
func fault(key kmsg.Key, err *kerr.Error) func(*bubble) func() {
	return func(b *bubble) func() {
		return b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: -1}).Remove
	}
}

// Whatever keeps a tenant from making progress for a minute is seen by its reason, with what the other side
// said, in readiness, status, metric and log, and when it has passed in none of them.
func TestStall_IsSeenByItsReasonEverywhereAndSoIsItsEnd(t *testing.T) {
	graph := func(login, pages answer) func(*bubble) func() {
		return func(b *bubble) func() {
			b.answer(login, pages)
			return func() { b.answer(nil, nil) }
		}
	}
	for name, c := range map[string]struct {
		begin   func(*bubble) (end func())
		atStart bool   // before the daemon runs
		reason  string // the word
		detail  string // what the other side said
	}{
		"login unreachable":                {begin: graph(unreachable, nil), atStart: true, reason: "login", detail: "no route to host"},
		"login 503":                        {begin: graph(says(503, ""), nil), atStart: true, reason: "login", detail: "503"},
		"login HTML":                       {begin: graph(says(200, "<html>proxy</html>", "Content-Type", "text/html"), nil), atStart: true, reason: "login", detail: "login service"},
		"login without expires_in":         {begin: graph(says(200, `{"access_token":"a.b.c","token_type":"Bearer"}`), nil), atStart: true, reason: "login", detail: "expires_in"},
		"Graph 503 with Retry-After":       {begin: graph(nil, says(503, "", "Retry-After", "20")), reason: "graph", detail: "503"},
		"Graph 429 with 11 days":           {begin: graph(nil, says(429, "", "Retry-After", "950400")), reason: "throttled", detail: "429"},
		"Graph unreachable":                {begin: graph(nil, unreachable), reason: "graph", detail: "no route to host"},
		"Graph 200 that is an error":       {begin: graph(nil, says(200, `{"value":[],"error":{"code":"UnknownError","message":"try later"}}`)), reason: "response", detail: "try later"},
		"Graph 402":                        {begin: graph(nil, says(402, `{"error":{"code":"PaymentRequired","message":"no seeds"}}`)), reason: "unpaid", detail: "no seeds"},
		"Kafka NOT_ENOUGH_REPLICAS":        {begin: fault(kmsg.Produce, kerr.NotEnoughReplicas), reason: "kafka", detail: "NOT_ENOUGH_REPLICAS"},
		"Kafka without its topics":         {begin: policy, atStart: true, reason: "topics", detail: "at least 3 replicas"},
		"Kafka CONCURRENT_TRANSACTIONS":    {begin: fault(kmsg.InitProducerID, kerr.ConcurrentTransactions), atStart: true, reason: "kafka", detail: "CONCURRENT_TRANSACTIONS"},
		"Kafka refuses the group":          {begin: fault(kmsg.JoinGroup, kerr.GroupAuthorizationFailed), atStart: true, reason: "permission", detail: "GROUP_AUTHORIZATION_FAILED"},
		"Kafka unreachable from the start": {begin: cutOff, atStart: true, reason: "kafka", detail: "no route to the brokers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "")
				healed := func() bool { return len(b.daemon.NotReady()) == 0 }
				if !c.atStart {
					stop := b.run(t)
					defer stop()
					b.wait(t, 2*time.Minute, "it is ready", healed)
				}
				end := c.begin(b)
				if c.atStart {
					stop := b.run(t)
					defer stop()
				}
				b.mustStall(t, c.reason, c.detail)
				end()
				b.mustResume(t)
			})
		})
	}
}

// policy refuses new topics and says why beside the code.
func policy(b *bubble) func() {
	var over atomic.Bool
	b.cluster.ControlKey(kmsg.CreateTopics.Int16(), func(asked kmsg.Request) (kmsg.Response, error, bool) {
		if over.Load() {
			return nil, nil, false
		}
		b.cluster.KeepControl()
		req := asked.(*kmsg.CreateTopicsRequest)
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, topic := range req.Topics {
			refused := kmsg.NewCreateTopicsResponseTopic()
			refused.Topic, refused.ErrorCode = topic.Topic, kerr.PolicyViolation.Code
			refused.ErrorMessage = kmsg.StringPtr("topics need\nat least 3 replicas")
			resp.Topics = append(resp.Topics, refused)
		}
		return resp, nil, true
	})
	return func() { over.Store(true) }
}

// cutOff cuts the way to Kafka: what is connected already is not.
func cutOff(b *bubble) func() {
	b.noKafka.Store(true)
	return func() { b.noKafka.Store(false) }
}

// mustStall waits until a stall is seen everywhere.
func (b *bubble) mustStall(t *testing.T, reason, detail string) {
	t.Helper()
	holds := func(where string, holds func() bool) { t.Helper(); b.wait(t, 150*time.Second, where+" says so", holds) }
	holds("the log", func() bool {
		for line := range strings.Lines(b.log.String()) {
			if strings.Contains(line, "stalled: no progress") && strings.Contains(line, "reason="+reason) && strings.Contains(line, detail) {
				return true
			}
		}
		return false
	})
	// A stream that fails and restarts has been seen by now; it may be between two attempts.
	holds("readiness", func() bool {
		text := strings.Join(b.daemon.NotReady(), "\n")
		return strings.Contains(text, "(reason: "+reason+")") && strings.Contains(text, detail)
	})
	holds("the status", func() bool {
		for _, s := range b.daemon.Status(t.Context()).Stalled {
			if s.Reason == reason && strings.Contains(s.Detail, detail) && s.Remedy != "" && !s.Since.IsZero() {
				return true
			}
		}
		return false
	})
	holds("the metric", func() bool { return strings.Join(b.stalledBy(t), " ") == reason })
	if n := strings.Count(b.log.String(), "stalled: no progress"); n > 2 {
		t.Errorf("%d lines begin a stall\n%s", n, b.log.String())
	}
}

// mustResume waits until nothing is stalled any more. A hold of an hour is obeyed before.
func (b *bubble) mustResume(t *testing.T) {
	t.Helper()
	b.wait(t, 65*time.Minute, "it is ready again", func() bool { return len(b.daemon.NotReady()) == 0 })
	b.wait(t, time.Minute, "the log says that it is over", func() bool { return strings.Contains(b.log.String(), "no longer stalled") })
	if reasons := b.stalledBy(t); reasons != nil {
		t.Errorf("the metric still has %q", reasons)
	}
	status := b.daemon.Status(t.Context())
	if !status.Ready || len(status.Stalled) != 0 || len(status.Tenants) != 1 || status.Tenants[0].State != "polling" {
		t.Errorf("%+v", status)
	}
	if n := testutil.CollectAndCount(b.daemon.watch.stalled); n == 0 {
		t.Error("the series of the stall is gone, so that nobody sees its end")
	}
}

// The registry is outside of the bubble: its client has no way into one.
func TestStall_ARegistryThatIsDownIsSeenAndSoIsItsEnd(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	fake := srfake.NewRegistry()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, `{"error_code":50301,"message":"the leader is not known"}`, http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Connection", "close")
		fake.Handler().ServeHTTP(w, r)
	}))
	defer server.Close()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, server.URL)
		stop := b.run(t)
		defer stop()
		b.mustStall(t, "registry", "the leader is not known")
		down.Store(false)
		b.mustResume(t)
	})
}
