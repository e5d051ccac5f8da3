package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/test/child"
)

// The connector's settings that the floors share.
const (
	inFlight      = 64
	requestRate   = 1000 // a second, the most that SOURCE_RATE takes
	commitRecords = 10_000
	partitions    = 6
)

// stage is what a measurement plays on: the processes around the connector.
type stage struct {
	options
	dir, binary string
	log         io.Writer
	registry    *embedded.Registry
	kafka       *child.Child
	brokers     []string
	client      *kgo.Client
	admin       *kadm.Client
	closers     []func()
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

func newStage(ctx context.Context, o options) (s *stage, err error) {
	s = &stage{options: o, log: &logFile{w: io.Discard}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "connector-bench-"); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { _ = os.RemoveAll(s.dir) }) // a folder of the system's own for what is temporary
	if o.log != "" {
		f, err := os.Create(o.log)
		if err != nil {
			return nil, err
		}
		s.log = &logFile{w: f}
		s.closers = append(s.closers, func() { _ = f.Close() })
	}
	s.binary = filepath.Join(s.dir, "connector")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", s.binary, "github.com/teams-kafka/connector/cmd/connector")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the connector: %w\n%s", err, out)
	}
	if s.registry, err = embedded.StartRegistry(embedded.RegistryOptions{}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { _ = s.registry.Close() }) // nothing is left to be told
	if s.kafka, err = s.role(ctx, "kafka", plan{}, &s.brokers); err != nil {
		return nil, err
	}
	if s.client, err = kgo.NewClient(kgo.SeedBrokers(s.brokers...)); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.client.Close)
	s.admin = kadm.NewClient(s.client)
	return s, nil
}

// close takes everything down, the last first.
func (s *stage) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// role starts this binary in a role and reads the line that it tells.
func (s *stage) role(ctx context.Context, role string, p plan, told any) (*child.Child, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	// A plan can be longer than an environment variable may be: the users of a large tenant.
	file, err := os.CreateTemp(s.dir, role+"-*.json")
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(text); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	cmd, err := child.Self(roleVariable+"="+role, planVariable+"="+file.Name())
	if err != nil {
		return nil, err
	}
	lines := make(chan []byte, 1)
	c, err := child.Start(role, cmd, child.Stdout, s.log, func(line []byte) { lines <- append([]byte(nil), line...) })
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { c.Stop(syscall.SIGKILL) })
	select {
	case line := <-lines:
		return c, json.Unmarshal(line, told)
	case <-c.Ended():
		select {
		case line := <-lines:
			return c, json.Unmarshal(line, told)
		default:
			return nil, fmt.Errorf("%s ended without a word; see --log", role)
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// simulator is a Graph that runs.
type simulator struct {
	tenant
	process *child.Child
	http    *http.Client
}

func (s *stage) graph(ctx context.Context, users, messages int, rate float64) (g simulator, err error) {
	if g.process, err = s.role(ctx, "graph", plan{Users: users, Messages: messages, Rate: rate, Gzip: s.gzip}, &g.tenant); err != nil {
		return g, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(g.CA)
	g.http = source.NewHTTPClient(roots, 1)
	return g, nil
}

// stats asks a simulator what it has done.
func (g simulator) stats(ctx context.Context) (found struct{ Requests, Items int }, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL+"/_sim/stats", nil)
	if err != nil {
		return found, err
	}
	response, err := g.http.Do(request)
	if err != nil {
		return found, err
	}
	defer response.Body.Close()
	return found, json.NewDecoder(response.Body).Decode(&found)
}

// floor lets a role do its work and end.
func (s *stage) floor(ctx context.Context, role string, p plan) (c cost, err error) {
	process, err := s.role(ctx, role, p, &c)
	if err != nil {
		return c, err
	}
	select {
	case <-process.Ended():
		if code := process.State().ExitCode(); code != 0 {
			return c, fmt.Errorf("%s: exit code %d; see --log", role, code)
		}
		return c, nil
	case <-ctx.Done():
		return c, ctx.Err()
	}
}

// startLimit is far more than the rebuild of the largest topic takes.
const startLimit = 5 * time.Minute

// life is one connector process.
type life struct {
	process *child.Child
	began   time.Time     // the index was rebuilt
	base    time.Duration // CPU time until then
	rebuilt int           // from so many records
}

// settings are the environment of a connector that polls the given users.
func (s *stage) settings(t tenant, users []string, name, topic string) ([]string, error) {
	ca, list := filepath.Join(s.dir, name+".ca.pem"), filepath.Join(s.dir, name+".users")
	if err := os.WriteFile(ca, t.CA, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(list, []byte(strings.Join(users, "\n")), 0o600); err != nil {
		return nil, err
	}
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "GOGC=" + os.Getenv("GOGC"),
		"CONNECTOR_NAME=" + name, "GRAPH_ENDPOINT=" + t.URL, "GRAPH_CA_FILE=" + ca,
		"AZURE_AUTHORITY_HOST=" + t.Authority, "AZURE_TENANT_ID=" + t.TenantID,
		"AZURE_CLIENT_ID=" + t.ClientID, "AZURE_CLIENT_SECRET=" + t.ClientSecret,
		"SOURCE_USERS_FILE=" + list, "SOURCE_RATE=" + strconv.Itoa(requestRate), "SOURCE_PAGE_SIZE=" + strconv.Itoa(s.pageSize), "SOURCE_IN_FLIGHT=" + strconv.Itoa(inFlight),
		"KAFKA_BROKERS=" + strings.Join(s.brokers, ","), "KAFKA_TOPIC=" + topic, "KAFKA_TOPIC_PARTITIONS=" + strconv.Itoa(partitions),
		"COMMIT_RECORDS=" + strconv.Itoa(commitRecords), "SCHEMA_REGISTRY_URL=" + s.registry.URL(),
	}, nil
}

// connector starts a process that polls the given users, and returns when its index is rebuilt.
func (s *stage) connector(ctx context.Context, t tenant, users []string, name, topic string, settings ...string) (*life, error) {
	cmd := exec.Command(s.binary, "run")
	var err error
	if cmd.Env, err = s.settings(t, users, name, topic); err != nil {
		return nil, err
	}
	var admin string
	if s.profile == "" {
		cmd.Env = append(cmd.Env, "ADMIN_ADDRESS=none")
	} else {
		if admin, err = freeAddress(); err != nil {
			return nil, err
		}
		cmd.Env = append(cmd.Env, "ADMIN_ADDRESS="+admin, "ADMIN_PPROF=true")
	}
	cmd.Env = append(cmd.Env, settings...) // of two values for one variable the last counts
	l := &life{}
	rebuilt := make(chan int, 1)
	l.process, err = child.Start(name, cmd, child.Stderr, s.log, func(line []byte) {
		fmt.Fprintf(s.log, "%s\n", line)
		var entry struct {
			Msg     string
			Records int
		}
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "index rebuilt from the topic" {
			select {
			case rebuilt <- entry.Records:
			default: // not the first time
			}
		}
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { l.process.Stop(syscall.SIGKILL) })
	select {
	case l.rebuilt = <-rebuilt:
		l.began, l.base = time.Now(), usedBy(l.process.PID())
		if s.profile != "" {
			go s.keepProfile(ctx, admin, name)
		}
		return l, nil
	case <-l.process.Ended():
		return nil, fmt.Errorf("the connector ended at its start; see --log")
	case <-time.After(startLimit):
		return nil, fmt.Errorf("%s: the connector has not logged within %s that its index is rebuilt; see --log", name, startLimit)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// keepProfile stores three seconds of the connector's CPU profile, from now on.
func (s *stage) keepProfile(ctx context.Context, address, name string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/debug/pprof/profile?seconds=3", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintf(s.log, "profile of %s: %v\n", name, err)
		return
	}
	defer response.Body.Close()
	f, err := os.Create(filepath.Join(s.profile, name+".pprof"))
	if err != nil {
		fmt.Fprintf(s.log, "profile of %s: %v\n", name, err)
		return
	}
	defer f.Close()
	_, _ = io.Copy(f, response.Body) // a profile cut short shows when it is opened
}

// end stops a connector in order and tells what it has cost since its index was rebuilt, and its peak memory.
func (l *life) end() (cpu time.Duration, peakMiB float64, err error) {
	peakMiB = peak(l.process.PID())
	if code := l.process.Stop(syscall.SIGTERM); code != 0 {
		return 0, 0, fmt.Errorf("the connector's exit code is %d; see --log", code)
	}
	state := l.process.State()
	return state.UserTime() + state.SystemTime() - l.base, peakMiB, nil
}
