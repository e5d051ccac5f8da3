package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
)

// connector is the daemon, wired together from its configuration.
type connector struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	prepared *prometheus.CounterVec
	kafka    []kgo.Opt
	tenants  []worker.Config
	group    *worker.Group
	streams  []*worker.Tenant
	waiting  atomic.Pointer[string] // why the start has to wait, as long as it does
	started  chan struct{}          // closed once group and streams are there

	// For /status.
	began   time.Time
	recent  *admin.Recent
	rates   rates
	members members
}

// newConnector wires everything that needs no network.
func newConnector(cfg config.Config, log *slog.Logger) (*connector, error) {
	recent := &admin.Recent{}
	log = slog.New(recent.Watch(log.Handler()))
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg.OnUnreadableFile(func(variable, file string, err error) {
		log.Warn("a file cannot be read, what it held last is used", "variable", variable, "file", file, "error", err)
	})
	c := &connector{cfg: cfg, log: log, registry: registry, prepared: worker.NewPreparations(registry), kafka: kafkaOptions(cfg, log), started: make(chan struct{}),
		began: time.Now(), recent: recent}
	agent := userAgent()
	for _, tenant := range cfg.Tenants {
		of, err := c.tenant(tenant, agent)
		if err != nil {
			return nil, err
		}
		c.tenants = append(c.tenants, of)
	}
	return c, nil
}

// run streams until the context ends. It returns an error only for what needs an operator: an unfit
// topic, a schema that the registry refuses, an admin address that is taken.
func (c *connector) run(ctx context.Context) error {
	for _, tenant := range c.cfg.Tenants {
		if tenant.PollInterval < 24*time.Hour {
			c.log.Warn("Microsoft permits polling a Teams resource for changes once a day; a shorter SOURCE_POLL_INTERVAL is your decision",
				"tenant", tenant.ID, "interval", tenant.PollInterval)
		}
	}
	running, ctx := errgroup.WithContext(ctx)
	if c.cfg.AdminAddress != "" {
		server, err := admin.Listen(admin.Config{Address: c.cfg.AdminAddress, Gatherer: c.registry, Ready: c.notReady, Status: c.status,
			Profile: c.cfg.AdminPprof})
		if err != nil {
			return err
		}
		running.Go(func() error { return c.rates.keep(ctx, c.tallies) })
		c.log.Info("admin endpoints are served", "address", server.Address())
		running.Go(func() error { return server.Run(ctx) })
	}
	running.Go(func() error {
		err := c.prepare(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, tenant := range c.tenants {
			c.streams = append(c.streams, worker.NewTenant(tenant, c.log))
		}
		c.group = &worker.Group{
			Client: c.kafka, Name: c.cfg.Name, Topic: c.cfg.OffsetsTopic, SessionTimeout: c.cfg.SessionTimeout,
			Tenants: c.streams, Log: c.log, Hook: worker.KafkaHook(c.registry, "group", ""),
		}
		close(c.started)
		return c.group.Run(ctx)
	})
	return running.Wait()
}

// prepare finds the topics and the schema's id, and waits for a Kafka or a registry that is down.
func (c *connector) prepare(ctx context.Context) error {
	for _, tenant := range c.tenants { // each for the retention it needs
		if err := c.persist(ctx, "topics", "topics are not ready", func() error {
			_, err := worker.EnsureTopics(ctx, tenant)
			switch {
			case errors.Is(err, sink.ErrTopic), sink.Denied(err), signInRefused(err):
				return backoff.Permanent(err)
			case sink.Untrusted(err):
				return backoff.Permanent(fmt.Errorf("%w: %w", errRefused, err))
			}
			return err
		}); err != nil {
			return err
		}
	}
	encoder, err := c.encoder(ctx)
	if err != nil {
		return err
	}
	for i := range c.tenants {
		c.tenants[i].Encoder = encoder
	}
	return nil
}

// encoder registers the schema, if there is a registry.
func (c *connector) encoder(ctx context.Context) (encoder schema.Encoder, err error) {
	if len(c.cfg.Registry.URLs) == 0 {
		return schema.NewSingleObjectEncoder(), nil
	}
	subject := schema.Subject(c.cfg.Topic)
	err = c.persist(ctx, "schema", "schema is not registered", func() error {
		registry, err := registryClient(c.cfg.Registry) // with the password and the certificates of the moment
		if err != nil {
			return backoff.Permanent(err)
		}
		defer registry.Close()
		id, err := registry.Register(ctx, subject)
		if schema.IsPermanent(err) {
			return backoff.Permanent(err)
		}
		if err != nil {
			return err
		}
		c.log.Info("schema is registered", "subject", subject, "id", id)
		// From here on the registry is not needed any more, and may be down.
		encoder, err = schema.NewConfluentEncoder(id)
		return err
	})
	return encoder, err
}

// persist repeats what another system's downtime makes fail.
func (c *connector) persist(ctx context.Context, step, failure string, try func() error) error {
	pauses := backoff.WithContext(backoff.NewExponentialBackOff(backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second), backoff.WithMaxElapsedTime(0)), ctx)
	defer c.waiting.Store(nil)
	counted := func() error {
		err := try()
		outcome := "ok"
		if err != nil {
			outcome = "failed"
		}
		c.prepared.WithLabelValues(step, outcome).Inc()
		return err
	}
	return backoff.RetryNotify(counted, pauses, func(err error, wait time.Duration) {
		reason := failure + ": " + err.Error()
		c.waiting.Store(&reason)
		c.log.Warn(failure, "error", err, "retry_in", wait.Round(time.Millisecond))
	})
}

// notReady lists why this process does not do its part. A spare does: it waits.
func (c *connector) notReady() (reasons []string) {
	select {
	case <-c.started:
	default:
		if reason := c.waiting.Load(); reason != nil {
			return []string{"starting: " + *reason}
		}
		return []string{"starting: topics and schema are not ready yet"}
	}
	if err := c.group.Err(); err != nil {
		reasons = append(reasons, err.Error())
	} else if !c.group.Joined() {
		reasons = append(reasons, "not a member of the consumer group yet")
	}
	for _, stream := range c.streams {
		state := stream.State()
		switch {
		case state.Phase == worker.Starting || state.Phase == worker.Failing:
			reason := fmt.Sprintf("tenant %s: %s", state.Name(), state.Phase)
			if state.Err != nil {
				reason += ": " + state.Err.Error()
			}
			reasons = append(reasons, reason)
		case state.Source.Stopped != nil:
			reasons = append(reasons, fmt.Sprintf("tenant %s: polling is stopped: %v", state.Name(), state.Source.Stopped))
		}
	}
	return reasons
}

// userAgent names the connector, its version and this process.
func userAgent() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return fmt.Sprintf("teams-kafka-connector/%s (instance %s)", version(), hex.EncodeToString(id[:]))
}

// release is the version of a build that has no module version, such as the image's. The linker sets it.
var release string

// version is the release, or the module's version from the build.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
