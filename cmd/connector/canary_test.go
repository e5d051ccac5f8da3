package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/source"
)

// canary is in everything that must not be told: in each secret, and in what people wrote and are called.
const canary = "canary-7f3a"

// marked are the properties that the proxy fills with the canary.
var marked = map[string]bool{"content": true, "subject": true, "summary": true, "displayName": true, "name": true, "contentUrl": true, "policyTip": true}

// cage is a connector whose Graph lies behind a proxy that puts canaries into what it passes on, and trouble of one class.
type cage struct {
	graph    *graphsim.Server
	settings config.Settings
	url      string // the proxy's

	trouble  func(w http.ResponseWriter, page []byte) // answers in place of Graph; nil for none
	canaries atomic.Int64                             // items that carried them
	requests atomic.Int64
	troubles atomic.Int64
	mu       sync.Mutex
	tokens   map[string]bool // that were shown
}

// mark puts canaries into a page.
func (g *cage) mark(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(body, []byte(g.graph.URL()), []byte(g.url))))
	decoder.UseNumber()
	var page map[string]any
	if decoder.Decode(&page) != nil {
		return body
	}
	items, _ := page["value"].([]any)
	for _, item := range items {
		markValue(item)
		g.canaries.Add(1)
	}
	if text, err := json.Marshal(page); err == nil {
		return text
	}
	return body
}

func markValue(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if _, text := inner.(string); text && marked[name] {
				v[name] = canary + " " + name
			} else {
				markValue(inner)
			}
		}
	case []any:
		for _, inner := range v {
			markValue(inner)
		}
	}
}

// ServeHTTP is Graph as the connector sees it.
func (g *cage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] = true
	g.mu.Unlock()
	root, err := url.Parse(g.graph.URL())
	if err != nil {
		panic(err)
	}
	answer := httptest.NewRecorder()
	proxy := httputil.NewSingleHostReverseProxy(root)
	proxy.Transport = source.NewHTTPClient(must(config.Parse(g.settings)).Tenants[0].GraphRoots, 0).Transport
	r.Header.Del("Accept-Encoding")
	r.Host = root.Host
	proxy.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if answer.Code == http.StatusOK && strings.Contains(r.URL.Path, "getAllMessages") {
		body = g.mark(body)
		g.requests.Add(1)
		if g.trouble != nil {
			g.troubles.Add(1)
			g.trouble(w, body)
			return
		}
	}
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// refusal answers with an error of Graph's. The inner error is shown too, but not the secrets in it.
func refusal(status int, code, message string, headers ...string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, _ []byte) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": message,
			"innerError": map[string]any{"message": "seen: Authorization: Bearer " + canary + ", client_secret=" + canary, "secret": canary, "request-id": "11111111-2222-3333-4444-555555555555"}}})
	}
}

// answer sends a body in place of the page.
func answer(contentType string, change func(page []byte) []byte) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, page []byte) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(change(page))
	}
}

// replaced answers with the page in which one text stands for another wherever it occurs.
func replaced(pattern, by string) func(http.ResponseWriter, []byte) {
	found := regexp.MustCompile(pattern)
	return answer("application/json", func(page []byte) []byte { return found.ReplaceAll(page, []byte(by)) })
}

// No secret and nothing of a message reaches a log, a metric, the status or an error, whatever happens.
func TestRun_TellsNoSecretAndNothingOfAMessage(t *testing.T) {
	t.Parallel()
	type class struct {
		trouble func(http.ResponseWriter, []byte)
		change  func(*config.Settings, *kfake.Cluster, *embedded.Registry)
		shown   string // what is told once the trouble was met, a regular expression
	}
	const written = `teams_connector_items_total\{outcome="written",tenant="[^"]*"\} [1-9]`
	classes := map[string]class{
		"success":                 {shown: written},
		"a 400 that names tokens": {trouble: refusal(400, "BadRequest", "the skip token is stale"), shown: "request refused as invalid"},
		"filter refused":          {trouble: refusal(400, "BadRequest", "Invalid filter clause"), shown: "request refused as invalid"},
		"user refused":            {trouble: refusal(400, "BadRequest", "Bad id"), shown: "request refused as invalid"},
		"unauthorized":            {trouble: refusal(401, "InvalidAuthenticationToken", "Access token is refused"), shown: "not authorized"},
		"unpaid":                  {trouble: refusal(402, "PaymentRequired", "pay"), shown: "payment required"},
		"denied":                  {trouble: refusal(403, "Forbidden", "no"), shown: "access denied"},
		"unlicensed":              {trouble: refusal(403, "Forbidden", "Failed to get license information for the user."), shown: "user not licensed"},
		"gone":                    {trouble: refusal(404, "NotFound", "no such user"), shown: "user not found"},
		"delegated":               {trouble: refusal(412, "PreconditionFailed", "delegated"), shown: "not authorized"},
		"throttled":               {trouble: refusal(429, "TooManyRequests", "slow down", "Retry-After", "1"), shown: "throttled"},
		"failing":                 {trouble: refusal(500, "InternalServerError", "oh"), shown: "service is unavailable"},
		"unavailable":             {trouble: refusal(503, "ServiceUnavailable", "later", "Retry-After", "1"), shown: "service is unavailable"},
		"gateway timeout":         {trouble: refusal(504, "UnknownError", ""), shown: "shrink"},
		"redirect":                {trouble: refusal(302, "", "", "Location", "https://elsewhere.invalid/"+canary), shown: "302"},
		"truncated":               {trouble: answer("application/json", func(p []byte) []byte { return p[:len(p)-1] }), shown: "malformed response"},
		"no JSON":                 {trouble: answer("text/html", func([]byte) []byte { return []byte("<p>" + canary) }), shown: "malformed response"},
		"a page of another kind":  {trouble: answer("application/json", func([]byte) []byte { return []byte(`{"value":"` + canary + `"}`) }), shown: "malformed response"},
		"foreign link":            {trouble: replaced(`^\{`, `{"@odata.nextLink":"https://elsewhere.invalid/`+canary+`?$skiptoken=`+canary+`",`), shown: "nextLink refused"},
		"no link":                 {trouble: replaced(`^\{`, `{"@odata.nextLink":"::`+canary+`",`), shown: "nextLink refused"},
		"times that do not parse": {trouble: replaced(`"createdDateTime":"[^"]*"`, `"createdDateTime":"`+canary+`"`), shown: "items went to the dead letters"},
		"no identity":             {trouble: replaced(`"chatId":`, `"`+canary+`":`), shown: "items went to the dead letters"},
		"ids of another type":     {trouble: replaced(`"chatId":"[^"]*"`, `"chatId":{"x":"`+canary+`"}`), shown: "items went to the dead letters"},
		"bodies of another type":  {trouble: replaced(`"body":\{[^}]*\}`, `"body":"`+canary+`"`), shown: written},
		"a wrong secret": {change: func(s *config.Settings, _ *kfake.Cluster, _ *embedded.Registry) {
			s.AzureClientSecret = canary + "-secret"
		}, shown: "AADSTS7000215"},
		"a wrong Kafka password": {change: func(s *config.Settings, _ *kfake.Cluster, _ *embedded.Registry) {
			s.KafkaSASLPassword = canary + "-wrong"
		}, shown: "topics are not ready"},
		"the registry refuses":     {change: func(_ *config.Settings, _ *kfake.Cluster, r *embedded.Registry) { r.Fake().Intercept(unauthorized) }, shown: "refuse"},
		"records are refused":      {change: refuse(kmsg.Produce, kerr.MessageTooLarge), shown: "max.message.bytes"},
		"commits fail":             {change: refuse(kmsg.EndTxn, kerr.InvalidTxnState), shown: "fenced"},
		"the topic goes":           {change: refuse(kmsg.Produce, kerr.TopicAuthorizationFailed), shown: "TOPIC_AUTHORIZATION_FAILED"},
		"the topics are not shown": {change: refuse(kmsg.DescribeConfigs, kerr.TopicAuthorizationFailed), shown: "TOPIC_AUTHORIZATION_FAILED"},
	}
	for name, class := range classes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			g := openCage(t, class.trouble, class.change)
			told := g.run(t, ctx, class.shown)
			secrets := []string{canary, g.graph.ClientSecret(), g.settings.KafkaSASLPassword, g.settings.SchemaRegistryPassword}
			g.mu.Lock()
			for token := range g.tokens {
				if token != "" {
					secrets = append(secrets, token)
				}
			}
			g.mu.Unlock()
			for where, text := range told {
				for i, secret := range secrets {
					if at := strings.Index(text, secret); at >= 0 {
						t.Errorf("%s tells secret %d: …%s…", where, i, text[max(0, at-200):min(len(text), at+100)])
					}
				}
			}
			if class.trouble != nil && g.canaries.Load() == 0 {
				t.Error("no item carried a canary, the test shows nothing")
			}
			for _, user := range g.graph.Users() {
				if strings.Contains(told["metrics"], user) {
					t.Error("a metric names a user")
				}
			}
			if name == "success" && !g.reachedTheTopic(t, ctx) {
				t.Error("no canary reached the topic, the test shows nothing")
			}
		})
	}
}

// refuse answers each request of a kind with an error.
func refuse(key kmsg.Key, err *kerr.Error) func(*config.Settings, *kfake.Cluster, *embedded.Registry) {
	return func(_ *config.Settings, cluster *kfake.Cluster, _ *embedded.Registry) {
		cluster.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			resp := req.ResponseKind()
			switch resp := resp.(type) {
			case *kmsg.ProduceResponse:
				for _, topic := range req.(*kmsg.ProduceRequest).Topics {
					t := kmsg.NewProduceResponseTopic()
					t.Topic, t.TopicID = topic.Topic, topic.TopicID
					for _, partition := range topic.Partitions {
						p := kmsg.NewProduceResponseTopicPartition()
						p.Partition, p.ErrorCode = partition.Partition, err.Code
						t.Partitions = append(t.Partitions, p)
					}
					resp.Topics = append(resp.Topics, t)
				}
			case *kmsg.EndTxnResponse:
				resp.ErrorCode = err.Code
			case *kmsg.DescribeConfigsResponse:
				for _, resource := range req.(*kmsg.DescribeConfigsRequest).Resources {
					r := kmsg.NewDescribeConfigsResponseResource()
					r.ResourceType, r.ResourceName, r.ErrorCode = resource.ResourceType, resource.ResourceName, err.Code
					resp.Resources = append(resp.Resources, r)
				}
			}
			return resp, nil, true
		})
	}
}

// unauthorized is a registry that shows what it was sent.
func unauthorized(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error_code":40101,"message":"Unauthorized"}`)
	return true
}

func openCage(t *testing.T, trouble func(http.ResponseWriter, []byte), change func(*config.Settings, *kfake.Cluster, *embedded.Registry)) *cage {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "connector", canary+"-kafka"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	tenant := stage.Tenant(4, 6, 40, 9)
	tenant.History.Messages, tenant.Lateness.Max = 100, 0
	s := stage.Start(t, stage.Options{Graph: tenant, Name: "demo"})
	g := &cage{graph: s.Graph, trouble: trouble, tokens: make(map[string]bool)}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	g.settings = s.Settings
	g.settings.KafkaBrokers = strings.Join(cluster.ListenAddrs(), ",")
	g.settings.KafkaSASLMechanism, g.settings.KafkaSASLUsername, g.settings.KafkaSASLPassword = "PLAIN", "connector", canary+"-kafka"
	g.settings.SchemaRegistryUsername, g.settings.SchemaRegistryPassword = "connector", canary+"-registry"
	g.settings.AdminAddress, g.settings.SourceInFlight = "127.0.0.1:0", "8"
	if change != nil {
		change(&g.settings, cluster, s.Registry)
	}
	return g
}

// run runs the connector until what it tells holds what is expected, and a few requests longer, and returns all it told.
func (g *cage) run(t *testing.T, ctx context.Context, shown string) map[string]string {
	t.Helper()
	settings := g.settings
	settings.GraphEndpoint = g.url
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}
	var asJSON, asText stage.Log
	level := &slog.HandlerOptions{Level: slog.LevelDebug - 4}
	c, err := daemon.New(cfg, version(), slog.New(slog.NewMultiHandler(slog.NewJSONHandler(&asJSON, level), slog.NewTextHandler(&asText, level))))
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(running) }()
	address := regexp.MustCompile(`admin endpoints are served" address=(\S+)`)
	stage.Until(t, ctx, "the admin endpoints are served", func() bool { return address.MatchString(asText.String()) })
	root := "http://" + address.FindStringSubmatch(asText.String())[1]
	expected := regexp.MustCompile(shown)
	told := make(map[string]string)
	look := func() {
		for _, path := range []string{"metrics", "status", "readyz", ""} {
			told[path] = fetch(t, ctx, root+"/"+path)
		}
		told["log as JSON"], told["log as text"] = asJSON.String(), asText.String()
	}
	var over error
	stage.Until(t, ctx, "it tells "+shown, func() bool {
		select {
		case over = <-ended:
			told["error"] = over.Error()
			told["log as JSON"], told["log as text"] = asJSON.String(), asText.String()
			return expected.MatchString(over.Error())
		default:
		}
		look()
		for _, text := range told {
			if expected.MatchString(text) && (g.trouble == nil || g.troubles.Load() >= 3) {
				return true
			}
		}
		return false
	})
	stop()
	if over == nil {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			told["error"] = err.Error()
		}
	}
	told["log as JSON"], told["log as text"] = asJSON.String(), asText.String()
	return told
}

// fetch reads a page; one that cannot be read, because the process is ending, is empty.
func fetch(t *testing.T, ctx context.Context, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// reachedTheTopic reports whether a record holds a canary.
func (g *cage) reachedTheTopic(t *testing.T, ctx context.Context) bool {
	t.Helper()
	cl, err := kgo.NewClient(append(daemon.KafkaOptions(must(config.Parse(g.settings)), version(), slog.New(slog.DiscardHandler)), kgo.ConsumeTopics(must(config.Parse(g.settings)).Topic))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	found := false
	for !found && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { found = found || bytes.Contains(r.Value, []byte(canary)) })
	}
	return found
}

// A configuration that is refused is told without its secrets.
func TestRun_ARefusedConfigurationTellsNoSecret(t *testing.T) {
	t.Parallel()
	var env []string
	for _, s := range config.All() {
		switch {
		case s.Secret:
			env = append(env, s.Name+"="+canary)
		case strings.HasSuffix(s.Name, "_URL"):
			env = append(env, s.Name+"=https://user:"+canary+"@registry.invalid:-1")
		}
	}
	for _, args := range [][]string{{"run"}, {"doctor", "--json"}, {"offsets", "list"}, {"schema", "check"}} {
		o := command(t, env, "", args...)
		if o.code != exitUsage || strings.Contains(o.stdout+o.stderr, canary) {
			t.Errorf("%s: exit code %d, %s", fmt.Sprint(args), o.code, o.stdout+o.stderr)
		}
	}
}
