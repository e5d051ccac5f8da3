package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

// ErrRefused is wrapped by an error that only an operator can resolve. Its text names what to change.
var ErrRefused = errors.New("refused")

// Daemon is the running process, wired from its configuration.
type Daemon struct {
	cfg      config.Config
	version  string
	log      *slog.Logger
	registry *prometheus.Registry
	prepared *prometheus.CounterVec
	kafka    []kgo.Opt
	tenants  []worker.Config
	group    *worker.Group
	streams  []*worker.Tenant
	waiting  atomic.Pointer[stall] // why there are no streams yet
	started  chan struct{}         // closed when group and streams exist
	watch    *watch

	// For /status.
	began   time.Time
	recent  *admin.Recent
	rates   rates
	members members
}

// New wires everything that needs no network. version is shown to Kafka, to Graph and in the status.
func New(cfg config.Config, version string, log *slog.Logger) (*Daemon, error) {
	return wire(cfg, version, log, KafkaOptions(cfg, version, log), func(tenant config.Tenant) *http.Client {
		return source.NewHTTPClient(tenant.GraphRoots, tenant.InFlight)
	})
}

// wire wires everything with the ways to Kafka and to a tenant's Graph.
func wire(cfg config.Config, version string, log *slog.Logger, kafka []kgo.Opt, graph func(config.Tenant) *http.Client) (*Daemon, error) {
	recent := &admin.Recent{}
	log = slog.New(recent.Watch(log.Handler()))
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg.OnUnreadableFile(func(variable, file string, err error) {
		log.Warn("a file cannot be read, what it held last is used", "variable", variable, "file", file, "error", err)
	})
	d := &Daemon{cfg: cfg, version: version, log: log, registry: registry, prepared: worker.NewPreparations(registry),
		kafka: kafka, started: make(chan struct{}), began: time.Now(), recent: recent, watch: newWatch(registry, log)}
	d.waiting.Store(d.beginning())
	agent := userAgent(version)
	for _, tenant := range cfg.Tenants {
		of, err := d.tenant(tenant, graph(tenant), agent)
		if err != nil {
			return nil, err
		}
		d.tenants = append(d.tenants, of)
	}
	return d, nil
}

// Config returns the configuration that the daemon was wired from.
func (d *Daemon) Config() config.Config { return d.cfg }

// Kafka returns the options that every client of the cluster shares.
func (d *Daemon) Kafka() []kgo.Opt { return d.kafka }

// Tenants returns each tenant's wiring, in the order of the configuration.
func (d *Daemon) Tenants() []worker.Config { return d.tenants }

// Metrics returns what /metrics serves.
func (d *Daemon) Metrics() prometheus.Gatherer { return d.registry }

// Started returns a channel that is closed when topics and schema are ready and the streams exist.
func (d *Daemon) Started() <-chan struct{} { return d.started }

// States returns the state of each tenant's stream, none before Started.
func (d *Daemon) States() []worker.State {
	select {
	case <-d.started:
	default:
		return nil
	}
	states := make([]worker.State, 0, len(d.streams))
	for _, stream := range d.streams {
		states = append(states, stream.State())
	}
	return states
}

// userAgent names the connector, its version and this process.
func userAgent(version string) string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return fmt.Sprintf("teams-kafka-connector/%s (instance %s)", version, hex.EncodeToString(id[:]))
}

// Run streams until the context ends, and then no longer than the shutdown timeout.
func (d *Daemon) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- d.stream(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(d.cfg.ShutdownTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case <-timer.C:
		return fmt.Errorf("not stopped within SHUTDOWN_TIMEOUT (%v); what was not committed is read again at the next start", d.cfg.ShutdownTimeout)
	}
}

// stream runs until the context ends. It returns an error only for what needs an operator: an unfit
// topic, a schema that the registry refuses, an admin address that is taken.
func (d *Daemon) stream(ctx context.Context) error {
	for _, tenant := range d.cfg.Tenants {
		if tenant.PollInterval < 24*time.Hour {
			d.log.Warn("Microsoft permits polling a Teams resource for changes once a day; a shorter SOURCE_POLL_INTERVAL is your decision",
				"tenant", tenant.ID, "interval", tenant.PollInterval)
		}
	}
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return d.watch.keep(ctx, d.stalls) })
	if d.cfg.AdminAddress != "" {
		server, err := admin.Listen(admin.Config{Address: d.cfg.AdminAddress, Gatherer: d.registry, Ready: d.NotReady, Status: d.Status,
			Profile: d.cfg.AdminPprof})
		if err != nil {
			return err
		}
		running.Go(func() error { return d.rates.keep(ctx, d.tallies) })
		d.log.Info("admin endpoints are served", "address", server.Address())
		running.Go(func() error { return server.Run(ctx) })
	}
	running.Go(func() error {
		err := d.prepare(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // The process is asked to end; what that interrupted is not an error.
			}
			return err
		}
		for _, tenant := range d.tenants {
			d.streams = append(d.streams, worker.NewTenant(tenant, d.log))
		}
		d.group = &worker.Group{
			Client: d.kafka, Name: d.cfg.Name, Topic: d.cfg.OffsetsTopic, SessionTimeout: d.cfg.SessionTimeout,
			Tenants: d.streams, Log: d.log, Hook: worker.KafkaHook(d.registry, "group", ""),
		}
		close(d.started)
		return d.group.Run(ctx)
	})
	return running.Wait()
}
