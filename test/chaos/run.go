package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	"github.com/teams-kafka/connector/test/child"
)

type options struct {
	versions, kills int
	seed            uint64
	rate            float64
	json            bool
	poison, hang    bool
	log, evidence   string
	progress        io.Writer
}

const (
	connectors     = 3
	name           = "chaos"
	topic          = "chaos.messages"
	sessionTimeout = 2 * time.Second
	patience       = 2 * time.Minute // in which more must have been read, when all trouble is over
	stuckAfter     = 5 * sessionTimeout
)

// supervisor runs it all.
type supervisor struct {
	options
	dir      string
	logs     *logFile
	registry *embedded.Registry
	proxy    *proxy
	kafka    *child.Child
	kafkaEnv []string
	graph    *child.Child
	tenant   tenant
	graphAPI *http.Client
	fleet    *fleet
	began    time.Time
	admin    *kadm.Client
	client   *kgo.Client

	restarting sync.Mutex
	stuck      atomic.Int32

	mu      sync.Mutex
	crashes []string
}

// logFile takes lines from several processes.
type logFile struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func run(ctx context.Context, o options) (*report, error) {
	s := &supervisor{options: o, logs: &logFile{w: io.Discard}, began: time.Now()}
	var err error
	if s.dir, err = os.MkdirTemp("", "connector-chaos-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(s.dir)
	if o.log != "" {
		f, err := os.Create(o.log)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		s.logs.w = f
	}
	defer s.stop()
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s.live(ctx)
}

// start brings everything up.
func (s *supervisor) start(ctx context.Context) error {
	binary := filepath.Join(s.dir, "connector")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/teams-kafka/connector/cmd/connector")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the connector: %w\n%s", err, out)
	}
	var err error
	if s.registry, err = embedded.StartRegistry(embedded.RegistryOptions{}); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	if s.proxy, err = startProxy(port); err != nil {
		return err
	}
	_, advertised, _ := net.SplitHostPort(s.proxy.address())
	s.kafkaEnv = []string{"CHAOS_PORT=" + port, "CHAOS_ADVERTISED=" + advertised, "CHAOS_DIR=" + filepath.Join(s.dir, "kafka")}
	if err := s.startKafka(ctx); err != nil {
		return err
	}
	if err := s.startGraph(ctx); err != nil {
		return err
	}
	if s.client, err = kgo.NewClient(kgo.SeedBrokers(s.proxy.address()), kgo.ClientID("supervisor")); err != nil {
		return err
	}
	s.admin = kadm.NewClient(s.client)
	timestamps := "event"
	if s.seed%2 == 1 {
		timestamps = "ingest"
	}
	s.fleet = newFleet(binary, []string{
		"CONNECTOR_NAME=" + name, "GRAPH_ENDPOINT=" + s.tenant.URL, "GRAPH_CA_FILE=" + filepath.Join(s.dir, "ca.pem"),
		"AZURE_AUTHORITY_HOST=" + s.tenant.Authority, "AZURE_TENANT_ID=" + s.tenant.TenantID,
		"AZURE_CLIENT_ID=" + s.tenant.ClientID, "AZURE_CLIENT_SECRET=" + s.tenant.ClientSecret,
		"SOURCE_USERS=" + strings.Join(s.tenant.Users, ","), "SOURCE_START=1h",
		"SOURCE_POLL_INTERVAL=" + pollInterval, "SOURCE_LOOKBACKS=" + rungs, "SOURCE_PAGE_SIZE=200",
		"KAFKA_BROKERS=" + s.proxy.address(), "KAFKA_TOPIC=" + topic, "KAFKA_TOPIC_PARTITIONS=6",
		"KAFKA_SESSION_TIMEOUT=" + sessionTimeout.String(), "KAFKA_TRANSACTION_TIMEOUT=10s", "COMMIT_INTERVAL=200ms",
		"RECORD_TIMESTAMP=" + timestamps, "SCHEMA_REGISTRY_URL=" + s.registry.URL(), "ADMIN_ADDRESS=none", "SHUTDOWN_TIMEOUT=10s",
	}, connectors, s.logs)
	s.fleet.crashed = func(name string, code int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.crashes = append(s.crashes, fmt.Sprintf("%s ended by itself with exit code %d", name, code))
	}
	for i := range connectors {
		if err := s.fleet.launch(i); err != nil {
			return err
		}
	}
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func (s *supervisor) startKafka(ctx context.Context) error {
	cmd, err := child.Self(append(s.kafkaEnv, roleVariable+"=kafka")...)
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	if s.kafka, err = child.Start("kafka", cmd, child.Stdout, s.logs, func([]byte) { ready <- struct{}{} }); err != nil {
		return err
	}
	return s.await(ctx, s.kafka, ready)
}

func (s *supervisor) await(ctx context.Context, c *child.Child, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-c.Ended():
		return fmt.Errorf("%s ended at its start; see --log", c.Name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop takes everything down, each process by its own id.
func (s *supervisor) stop() {
	if s.fleet != nil {
		for _, p := range s.fleet.places {
			if p.child != nil {
				p.child.Stop(syscall.SIGKILL)
			}
		}
	}
	if s.client != nil {
		s.client.Close()
	}
	for _, c := range []*child.Child{s.graph, s.kafka} {
		if c != nil {
			c.Stop(syscall.SIGKILL)
		}
	}
	if s.proxy != nil {
		s.proxy.close()
	}
	if s.registry != nil {
		_ = s.registry.Close() // nothing is left to be told
	}
}

// live goes through the trouble while people write, lets the rest be read, and has it judged.
func (s *supervisor) live(ctx context.Context) (*report, error) {
	background, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { s.expireTheDead(background) })
	watching.Go(func() { s.show(background) })

	// The kills are spread over the time that the versions take.
	length := time.Duration(float64(s.versions) / (s.rate * 1.78) * float64(time.Second))
	actions := max(1, s.kills*2)
	mean := max(400*time.Millisecond, length/time.Duration(actions))
	r := &report{Seed: s.seed, Kills: s.kills, Trouble: make(map[string]int)}
	for _, t := range sequence(s.seed, s.kills, mean) {
		if err := sleep(ctx, t.pause); err != nil {
			return nil, err
		}
		r.Trouble[t.kind]++
		if err := s.happen(ctx, t); err != nil {
			return nil, err
		}
	}
	for {
		stats, err := s.stats(ctx)
		if err != nil {
			return nil, err
		}
		if stats.Versions >= int64(s.versions) {
			break
		}
		if err := sleep(ctx, time.Second); err != nil {
			return nil, err
		}
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	stats, err := s.stats(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range s.fleet.places {
		if code := p.child.Stop(syscall.SIGTERM); code != 0 {
			s.crashes = append(s.crashes, fmt.Sprintf("%s: exit code %d after SIGTERM", p.client(), code))
		}
	}
	verdict, err := s.judge(ctx)
	if err != nil {
		return nil, err
	}
	if s.evidence != "" && !verdict.OK() {
		if err := s.keep(ctx); err != nil {
			return nil, fmt.Errorf("keep the evidence: %w", err)
		}
	}
	r.take(verdict)
	if s.seed%2 == 1 {
		r.MarksAhead = &verdict.Ahead
	}
	r.EarlyPolls = int(stats.Early)
	r.measure(s.fleet.measured())
	r.Stuck = int(s.stuck.Load())
	r.Crashes = s.crashes
	r.Seconds = time.Since(s.began).Seconds()
	return r, nil
}

// happen lets one thing happen, until it is over.
func (s *supervisor) happen(ctx context.Context, t trouble) error {
	fmt.Fprintf(s.logs, "supervisor %s: %s owner=%v place=%d for %v\n", time.Now().UTC().Format(time.RFC3339Nano), t.kind, t.owner, t.place, t.lasts)
	switch t.kind {
	case kill, terminate:
		p := s.fleet.target(t.owner, t.place)
		signal := syscall.SIGKILL
		if t.kind == terminate {
			signal = syscall.SIGTERM
		}
		s.fleet.struck(p.number)
		if code := p.child.Stop(signal); t.kind == terminate && code != 0 {
			s.fleet.crashed(p.client(), code)
		}
		if err := sleep(ctx, t.lasts); err != nil {
			return err
		}
		return s.fleet.launch(p.number)
	case freeze:
		p := s.fleet.target(t.owner, t.place)
		s.fleet.struck(p.number)
		s.fleet.freeze(p, true)
		err := sleep(ctx, t.lasts)
		s.fleet.freeze(p, false)
		return err
	case cutOff:
		p := s.fleet.target(t.owner, t.place)
		s.fleet.struck(p.number)
		s.proxy.set(p.client(), true)
		err := sleep(ctx, t.lasts)
		s.proxy.set(p.client(), false)
		return err
	case cutAll:
		s.proxy.set("", true)
		err := sleep(ctx, t.lasts)
		s.proxy.set("", false)
		return err
	default:
		return s.restartKafka(ctx, t.lasts)
	}
}

// expireTheDead does what the embedded Kafka does not: a member whose process died between its JoinGroup and its
// SyncGroup is removed when its session is over, and a group in which members that live wait for each other for ever, because one that
// waited for its SyncGroup was expired, is freed by a restart.
func (s *supervisor) expireTheDead(ctx context.Context) {
	since, last := make(map[string]time.Time), ""
	whole := time.Now()
	for sleep(ctx, 500*time.Millisecond) == nil {
		groups, err := s.admin.DescribeGroups(ctx, name)
		if err != nil {
			continue // Kafka is down or cut off
		}
		seen := make(map[string]time.Time)
		if state := describe(groups[name]); state != last {
			fmt.Fprintf(s.logs, "supervisor %s: group %s\n", time.Now().UTC().Format(time.RFC3339Nano), state)
			last = state
		}
		for _, member := range groups[name].Members {
			if !s.fleet.dead(member.ClientID) {
				continue
			}
			began, known := since[member.MemberID]
			if !known {
				began = time.Now()
			}
			seen[member.MemberID] = began
			if time.Since(began) < sessionTimeout {
				continue
			}
			leave := kmsg.NewPtrLeaveGroupRequest()
			leave.Group = name
			of := kmsg.NewLeaveGroupRequestMember()
			of.MemberID = member.MemberID
			leave.Members = append(leave.Members, of)
			_, _ = leave.RequestWith(ctx, s.client) // tried again in half a second
		}
		since = seen
		if groups[name].State == "Stable" && len(groups[name].Members) == connectors {
			whole = time.Now()
		}
		if time.Since(whole) < stuckAfter {
			continue
		}
		fmt.Fprintf(s.logs, "supervisor %s: the group is stuck, Kafka is restarted\n", time.Now().UTC().Format(time.RFC3339Nano))
		if err := s.restartKafka(ctx, 0); err != nil {
			return // the run is about to end
		}
		s.stuck.Add(1)
		s.fleet.struckAgain()
		whole = time.Now()
	}
}

// restartKafka ends the embedded Kafka in order and starts it again on the same data.
func (s *supervisor) restartKafka(ctx context.Context, pause time.Duration) error {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	s.kafka.Stop(syscall.SIGTERM)
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	return s.startKafka(ctx)
}

func describe(g kadm.DescribedGroup) string {
	members := make([]string, 0, len(g.Members))
	for _, m := range g.Members {
		members = append(members, m.ClientID)
	}
	return fmt.Sprintf("%s %v %v", g.State, members, g.Err)
}

// settle ends the traffic and waits until everything that is visible has been read as often as the ladder wants.
func (s *supervisor) settle(ctx context.Context) error {
	if err := s.control(ctx, "/_sim/stop", ""); err != nil {
		return err
	}
	if err := s.control(ctx, "/_sim/settings", `{"rates":{"mailbox-hang":0}}`); err != nil {
		return err
	}
	// What has piled up is read at the speed of this machine, so only standing still is a failure.
	var quiet, read time.Time
	last, shown, moved := "not quiet yet", int64(0), time.Now()
	for time.Since(moved) < patience {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		stats, err := s.stats(ctx)
		if err != nil {
			return err
		}
		oldest, err := s.oldestMark(ctx)
		if stats.Exposed > shown || err == nil && oldest.After(read) {
			shown, read, moved = stats.Exposed, oldest, time.Now()
		}
		if quiet.IsZero() && stats.Quiet {
			quiet = time.Now()
		}
		if err == nil && !quiet.IsZero() && oldest.After(quiet.Add(longestRung)) {
			return nil
		}
		last = fmt.Sprintf("read up to %v, quiet since %v, %v", oldest, quiet, err)
	}
	for _, p := range s.fleet.places { // their goroutines go into the log
		p.child.Doom()
		p.child.Signal(syscall.SIGQUIT)
		<-p.child.Ended()
	}
	return fmt.Errorf("the connectors did not catch up within %v (%s); see --log", patience, last)
}

// oldestMark asks the connector's own command how far everybody has been read.
func (s *supervisor) oldestMark(ctx context.Context) (oldest time.Time, err error) {
	cmd := exec.CommandContext(ctx, s.fleet.binary, "offsets", "list", "--json")
	cmd.Env = s.fleet.environ
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return oldest, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return oldest, err
	}
	var positions []struct {
		ReadUpTo *time.Time `json:"read_up_to"`
	}
	if err := json.Unmarshal(out, &positions); err != nil || len(positions) < len(s.tenant.Users) {
		return oldest, fmt.Errorf("%d positions: %w", len(positions), err)
	}
	for _, p := range positions {
		if p.ReadUpTo == nil {
			return oldest, errors.New("somebody has not been read at all")
		}
		if oldest.IsZero() || p.ReadUpTo.Before(oldest) {
			oldest = *p.ReadUpTo
		}
	}
	fmt.Fprintf(s.logs, "supervisor: positions %s\n", out)
	return oldest, nil
}

func (s *supervisor) judge(ctx context.Context) (*judge.Verdict, error) {
	return judge.Run(ctx, judge.Config{
		Brokers: []string{s.proxy.address()}, Topic: topic, OffsetsTopic: name + ".offsets", ConnectorName: name, Tenant: s.tenant.TenantID,
		RegistryURL: s.registry.URL(), LedgerURL: s.tenant.URL + "/_sim/ledger", LedgerClient: s.graphAPI, WrittenAt: s.seed%2 == 1,
	})
}

// show says now and then how it goes.
func (s *supervisor) show(ctx context.Context) {
	for sleep(ctx, 10*time.Second) == nil {
		if stats, err := s.stats(ctx); err == nil {
			fmt.Fprintf(s.progress, "%4.0f s: %d versions made, %d shown, %d take-overs\n",
				time.Since(s.began).Seconds(), stats.Versions, stats.Exposed, len(s.fleet.measured()))
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
