package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/test/child"
)

// What says which of the processes this binary is to be, and names the file with what it is told; without a role it is the parent.
const (
	roleVariable = "BENCH_ROLE"
	planVariable = "BENCH_PLAN"
)

// plan is what a role is told; each reads what it needs.
type plan struct {
	// graph
	Users, Messages int
	Rate            float64
	Gzip            bool
	Dir             string
	// floors
	Tenant   tenant
	Token    string
	PageSize int
	InFlight int
	From, To int64
	Brokers  []string
	Topic    string
	Copy     string // the topic that the produce floor writes
	Records  int
}

// tenant is what the simulator's process tells.
type tenant struct {
	URL, Authority, TenantID, ClientID, ClientSecret string
	Token                                            string
	CA                                               []byte
	Users                                            []string
}

// cost is what a role tells of its work.
type cost struct {
	Messages int
	Bytes    int64
	CPU      time.Duration
	Seconds  float64
}

// play is a child process's whole life.
func play(role string) error {
	var p plan
	text, err := os.ReadFile(os.Getenv(planVariable))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	ctx := context.Background()
	switch role {
	case "graph":
		return serveGraph(p)
	case "kafka":
		kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
		if err != nil {
			return err
		}
		defer kafka.Close()
		return tellAndServe(kafka.Brokers())
	case "read":
		return measured(func(start func()) (cost, error) { return readFloor(ctx, p, start) })
	case "produce":
		return measured(func(start func()) (cost, error) { return produceFloor(ctx, p, start) })
	case "consume":
		return measured(func(start func()) (cost, error) { return consumeFloor(ctx, p, start) })
	default:
		return fmt.Errorf("there is no role %q", role)
	}
}

func tellAndServe(what any) error {
	ended := child.Orphaned()
	if err := json.NewEncoder(os.Stdout).Encode(what); err != nil {
		return err
	}
	<-ended
	return nil
}

// serveGraph is a Graph without faults and limits. Everybody talks to himself, so that each message is shown once and "new" means
// new; a message is as varied as the simulator makes them, 1.3 KB in the mean.
func serveGraph(p plan) error {
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Chats, cfg.MaxMembers, cfg.Dir = p.Users, 2*p.Users, 1, p.Dir
	cfg.History = graphsim.History{Messages: p.Messages, Reach: 20 * time.Hour}
	cfg.Rate, cfg.Edits, cfg.Reactions, cfg.Deletions = p.Rate, 0, 0, 0
	cfg.Lateness, cfg.Limits, cfg.Quirks, cfg.Faults = graphsim.Lateness{}, graphsim.Limits{}, graphsim.Quirks{}, graphsim.Faults{}
	if p.Gzip {
		cfg.Quirks.Gzip = 1
	}
	cfg.CacheBytes = 768 << 20
	sim, err := graphsim.Start(cfg)
	if err != nil {
		return err
	}
	defer sim.Close()
	token, err := sim.AccessToken([]string{"Chat.Read.All"}, false, time.Hour)
	if err != nil {
		return err
	}
	return tellAndServe(tenant{sim.URL(), sim.AuthorityURL(), sim.TenantID(), sim.ClientID(), sim.ClientSecret(), token, sim.CAPEM(), sim.Users()})
}

// measured tells what work costs this process, from the call of start on.
func measured(work func(start func()) (cost, error)) error {
	var cpu time.Duration
	var began time.Time
	c, err := work(func() {
		runtime.GC()
		cpu, began = used(), time.Now()
	})
	if err != nil {
		return err
	}
	c.CPU, c.Seconds = used()-cpu, time.Since(began).Seconds()
	return json.NewEncoder(os.Stdout).Encode(c)
}

// used is the CPU time this process has had.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readFloor reads all pages of all users as the connector does, with its HTTP client and at its pace, and throws them away.
func readFloor(ctx context.Context, p plan, start func()) (cost, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.Tenant.CA)
	client := source.NewHTTPClient(roots, p.InFlight)
	root, err := url.Parse(p.Tenant.URL)
	if err != nil {
		return cost{}, err
	}
	links := source.NewClient(root, client, nil, nil, "", nil)
	users := make(chan string, len(p.Tenant.Users))
	for _, user := range p.Tenant.Users {
		users <- user
	}
	close(users)
	readers := make([]reader, p.InFlight)
	pace := rate.NewLimiter(requestRate, 1)
	start()
	group, ctx := errgroup.WithContext(ctx)
	for i := range readers {
		r := &readers[i]
		r.client, r.token, r.buffer = client, p.Tenant.Token, make([]byte, 64<<10)
		group.Go(func() error {
			for user := range users {
				for link := links.MessagesURL(user, p.From, p.To, p.PageSize, source.Query{}); link != ""; {
					if err := pace.Wait(ctx); err != nil {
						return err
					}
					next, err := r.page(ctx, link)
					if err != nil {
						return err
					}
					link = next
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return cost{}, err
	}
	var all cost
	for i := range readers {
		all.Messages += readers[i].messages
		all.Bytes += readers[i].bytes
	}
	return all, nil
}

// reader reads pages. Of a page it looks at no more than its beginning, where the count and the link stand.
type reader struct {
	client   *http.Client
	token    string
	buffer   []byte
	unzip    gzip.Reader
	messages int
	bytes    int64
}

func (r *reader) page(ctx context.Context, link string) (next string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "gzip")
	request.Header.Set("Prefer", "include-unknown-enum-members")
	response, err := r.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("read: %s", response.Status)
	}
	var body io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		if err := r.unzip.Reset(response.Body); err != nil {
			return "", err
		}
		body = &r.unzip
	}
	first, err := io.ReadAtLeast(body, r.buffer, 2048)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	head := r.buffer[:first]
	count, _, _ := bytes.Cut(after(head, `"@odata.count":`), []byte(","))
	n, err := strconv.Atoi(string(count))
	if err != nil {
		return "", fmt.Errorf("read: a page without a count: %w", err)
	}
	if rest := after(head, `"@odata.nextLink":`); rest != nil {
		if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&next); err != nil {
			return "", err
		}
	}
	r.messages += n
	r.bytes += int64(first)
	for {
		n, err := body.Read(r.buffer)
		r.bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// after is what follows a text, nil if it is not there.
func after(b []byte, text string) []byte {
	if at := bytes.Index(b, []byte(text)); at >= 0 {
		return b[at+len(text):]
	}
	return nil
}

// fetchBytes is what a broker sends at once to the connector's rebuild, and to the consumer that it is compared with.
const fetchBytes = 2 << 20

// consume reads committed records of the topic, all that there are.
func consume(ctx context.Context, p plan, each func(*kgo.Record)) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(p.Brokers...), kgo.ConsumeTopics(p.Topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(fetchBytes))
	if err != nil {
		return err
	}
	defer client.Close()
	for n := 0; n < p.Records; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			each(r)
		})
	}
	return nil
}

// consumeFloor reads the topic back and throws it away.
func consumeFloor(ctx context.Context, p plan, start func()) (cost, error) {
	var c cost
	start()
	err := consume(ctx, p, func(r *kgo.Record) {
		c.Messages++
		c.Bytes += int64(len(r.Value))
	})
	return c, err
}

// produceFloor writes the records of the topic to another one, with the connector's own writer.
func produceFloor(ctx context.Context, p plan, start func()) (cost, error) {
	var c cost
	records := make([]*kgo.Record, 0, p.Records)
	if err := consume(ctx, p, func(r *kgo.Record) {
		c.Bytes += int64(len(r.Key) + len(r.Value))
		records = append(records, &kgo.Record{Topic: p.Copy, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp})
	}); err != nil {
		return c, err
	}
	writer, err := sink.OpenWriter(ctx, sink.WriterConfig{
		Client: []kgo.Opt{kgo.SeedBrokers(p.Brokers...)}, Topics: sink.Topics{Output: p.Copy},
		Limits: sink.Limits{OutputBytes: 1 << 20, LetterBytes: 1 << 20}, TransactionalID: "bench-floor", TransactionTimeout: time.Minute,
	})
	if err != nil {
		return c, err
	}
	defer writer.Close()
	start()
	for i, r := range records {
		if err := writer.Write(ctx, r); err != nil {
			return c, err
		}
		if (i+1)%commitRecords == 0 {
			if err := writer.Commit(ctx); err != nil {
				return c, err
			}
		}
	}
	c.Messages = len(records)
	return c, writer.Commit(ctx)
}
