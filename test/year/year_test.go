package year

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

const (
	day = 24 * time.Hour
	// interval is from one poll of a user to the next, retention how long Kafka keeps a record.
	interval  = time.Hour
	retention = 7 * day
	// users of the tenant, messages that they write a day. Each has 1.8 versions.
	users, perDay = 5, 20
)

var (
	seed = flag.Uint64("seed", 1, "what decides the tenant and what happens to it")
	days = flag.Int("days", 365, "how long the year is; 10 with -short")
)

// Nothing is missing, nothing is written twice and nothing backwards in a year of everything at once.
func TestYear(t *testing.T) {
	length := time.Duration(*days) * day
	if testing.Short() {
		length = 10 * day
	}
	live(t, *seed, length)
}

func live(t *testing.T, seed uint64, length time.Duration) {
	now := func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) } // when every bubble begins
	cfg := graphsim.Defaults()
	cfg.Seed, cfg.Users, cfg.MaxMembers, cfg.Rate = seed, users, 4, perDay/day.Seconds()
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.4, 0.3, 0.1
	cfg.Lateness = graphsim.Lateness{Max: day, Share: 0.4, Shape: 3}
	cfg.History = graphsim.History{Messages: 500, Reach: 10 * day}
	cfg.Faults = graphsim.Faults{HangFor: time.Hour, RetryAfter: 10 * time.Second}
	cfg.Quirks = graphsim.Quirks{NullLink: 0.5, LaggingCopy: 0.05, TimeSkew: 0.05, Duplicates: 0.02, DeletedEmpty: 0.5}
	cfg.Directory = graphsim.Directory{}
	cfg.Now = func() time.Time { return now() }
	sim, err := graphsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	now = time.Now
	synctest.Test(t, func(t *testing.T) {
		y := &year{t: t, sim: sim, random: rand.New(rand.NewPCG(seed, 1)), settings: make(map[string]*graphsim.UserSettings)}
		y.live(length)
	})
}

// year is a tenant's stream and what happens to it.
type year struct {
	t      *testing.T
	sim    *graphsim.Server
	kafka  *kafka
	cfg    worker.Config
	random *rand.Rand
	log    logbook

	settings map[string]*graphsim.UserSettings
	stop     func() // ends the process; nil while it is down
	topic    *reader
	happened map[string]int
}

func (y *year) live(length time.Duration) {
	t := y.t
	y.kafka = startKafka(t)
	defer y.kafka.cluster.Close()
	y.happened = make(map[string]int)
	y.configure()
	y.start()
	y.topic = newReader(t, y.kafka)
	defer y.topic.close()
	calendar := newCalendar(y, length)
	began := time.Now()
	for time.Since(began) < length {
		next := time.Now().Add(day)
		calendar.begin(int(time.Since(began) / day))
		time.Sleep(time.Until(next))
	}
	calendar.calm()
	y.sim.StopTraffic()
	// What is written last is visible a day later, and read within a further day by the rung that catches it.
	time.Sleep(4 * day)
	y.judge()
	y.stop()
}

// configure makes the stream's configuration. The index has room for half of what four days hold.
func (y *year) configure() {
	ladder, err := source.NewLadder(source.DefaultRungs, interval)
	if err != nil {
		y.t.Fatal(err)
	}
	root, err := url.Parse(y.sim.URL())
	if err != nil {
		y.t.Fatal(err)
	}
	metrics := source.NewMetrics(nil)
	client := &http.Client{Transport: y.sim.Transport(200 * time.Millisecond)}
	tokens := source.NewTokens(source.Credentials{TenantID: y.sim.TenantID(), ClientID: y.sim.ClientID(), Kind: source.AuthSecret,
		Secret: y.sim.ClientSecret, Authority: y.sim.AuthorityURL(), Scope: "https://graph.microsoft.com/.default", HTTP: client})
	y.cfg = worker.Config{
		Name: "teams", Tenant: y.sim.TenantID(), Ladder: ladder, Encoder: schema.NewSingleObjectEncoder(),
		Client:       source.NewClient(root, client, tokens, source.NewGate(source.DefaultRate), "year (instance 1)", metrics),
		UsersRefresh: time.Hour, UsersRetention: 30 * day,
		Start: config.Start{Back: 11 * day}, PageSize: 20, InFlight: 8, Settle: 2 * time.Second,
		Writer: sink.WriterConfig{
			Client: y.kafka.options(true),
			Topics: sink.Topics{Output: "out", DeadLetters: "out.dlq", Offsets: "teams.offsets", Partitions: 3, Replication: -1,
				Retention: retention},
			TransactionalID: sink.TransactionalID("out", y.sim.TenantID()), TransactionTimeout: 5 * time.Minute,
		},
		CommitInterval: time.Minute, CommitRecords: 10_000, IndexMaxEntries: 4 * perDay / 2,
		RebuildTimeout: time.Minute, FinishTimeout: 10 * time.Second, Metrics: worker.NewMetrics(nil), SourceMetrics: metrics,
	}
	y.cfg.Directory = &source.Directory{Client: y.cfg.Client, Everyone: true}
}

// start begins a process's life.
func (y *year) start() {
	tenant := worker.NewTenant(y.cfg, slog.New(slog.NewTextHandler(&y.log, nil)))
	ctx, cancel := context.WithCancel(y.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := tenant.Run(ctx, func(context.Context) error { return nil }); err != nil {
			y.t.Errorf("the stream ended with %v", err)
		}
	}()
	y.stop = func() {
		cancel()
		<-ended
		y.stop = nil
	}
}

// adjust changes rates for everybody.
func (y *year) adjust(rates map[string]float64) {
	y.t.Helper()
	if err := y.sim.Adjust(graphsim.Settings{Rates: rates}); err != nil {
		y.t.Fatal(err)
	}
}

// change changes what is different for one user.
func (y *year) change(user string, change func(*graphsim.UserSettings)) {
	y.t.Helper()
	if y.settings[user] == nil {
		y.settings[user] = &graphsim.UserSettings{}
	}
	change(y.settings[user])
	if err := y.sim.Adjust(graphsim.Settings{Users: map[string]*graphsim.UserSettings{user: y.settings[user]}}); err != nil {
		y.t.Fatal(err)
	}
}

// anybody is a user.
func (y *year) anybody() string { return y.sim.Users()[y.random.IntN(users)] }

// logbook keeps the lines of the log that somebody would be woken for.
type logbook struct {
	mu    sync.Mutex
	lines map[string]int
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines == nil {
		l.lines = make(map[string]int)
	}
	_, message, _ := strings.Cut(string(line), "level=")
	level, message, _ := strings.Cut(message, " msg=")
	if end := strings.Index(message[min(1, len(message)):], `"`); strings.HasPrefix(message, `"`) && end >= 0 {
		message = message[1 : 1+end]
	} else {
		message, _, _ = strings.Cut(message, " ")
	}
	l.lines[level+" "+strings.TrimSpace(message)]++
	return len(line), nil
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(l.lines)) {
		fmt.Fprintf(&b, "%6d  %s\n", l.lines[line], line)
	}
	return b.String()
}

// ledger is what the simulator knows of each version.
func (y *year) ledger() (lines []graphsim.LedgerLine) {
	y.t.Helper()
	var b bytes.Buffer
	if err := y.sim.WriteLedger(&b); err != nil {
		y.t.Fatal(err)
	}
	for decoder := json.NewDecoder(&b); decoder.More(); {
		var line graphsim.LedgerLine
		if err := decoder.Decode(&line); err != nil {
			y.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
