package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// connector is the daemon, wired together from its configuration.
type connector struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	kafka    []kgo.Opt
	metrics  *worker.Metrics
	tenant   worker.Config
	group    *worker.Group
	stream   *worker.Tenant
	started  chan struct{} // closed once group and stream are there
}

// newConnector wires everything that needs no network.
func newConnector(cfg config.Config, log *slog.Logger) (*connector, error) {
	ladder, err := source.NewLadder(cfg.Lookbacks, cfg.PollInterval)
	if err != nil {
		return nil, fmt.Errorf("%w: SOURCE_LOOKBACKS: %w", config.ErrInvalid, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	sourceMetrics, workerMetrics := source.NewMetrics(registry), worker.NewMetrics(registry)

	httpClient := graphHTTP(cfg)
	tokens := source.NewTokens(source.Credentials{
		TenantID: cfg.TenantID, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret.Reveal(),
		Authority: cfg.Authority, HTTP: httpClient,
	}, cfg.Graph.String())

	client := source.NewClient(cfg.Graph, httpClient, tokens, source.NewGate(cfg.Rate), userAgent(), sourceMetrics)
	kafka := kafkaOptions(cfg)
	transactionalID := ""
	if cfg.ExactlyOnce {
		transactionalID = sink.TransactionalID(cfg.Topic, cfg.TenantID)
	}
	policy := transform.Policy{DropBody: cfg.DropBody, ExcludeChats: make(map[string]struct{})}
	for _, chat := range cfg.ExcludeChats {
		policy.ExcludeChats[chat] = struct{}{}
	}
	return &connector{
		cfg: cfg, log: log, registry: registry, kafka: kafka, metrics: workerMetrics, started: make(chan struct{}),
		tenant: worker.Config{
			Name: cfg.Name, Tenant: cfg.TenantID,
			Client: client,
			Ladder: ladder,
			Query:  source.Query{Filter: cfg.GraphFilter, Model: cfg.GraphModel},
			Directory: &source.Directory{Client: client, Listed: cfg.Users.Listed, File: cfg.Users.File, Groups: cfg.Users.Groups,
				Everyone: cfg.Users.Everyone, Filter: cfg.Users.Filter, Exclude: cfg.Users.Exclude},
			UsersRefresh: cfg.Users.Refresh, UsersRetention: cfg.Users.Retention,
			Start: cfg.Start, PageSize: cfg.PageSize, InFlight: cfg.InFlight,
			Settle: cfg.Settle,
			Policy: policy, IngestTimestamp: cfg.IngestTimestamp,
			Writer: sink.WriterConfig{
				Client: kafka,
				Topics: sink.Topics{
					Output: cfg.Topic, DeadLetters: cfg.DeadLetters(), Offsets: cfg.OffsetsTopic,
					Partitions: cfg.Partitions, Replication: cfg.Replication, Retention: cfg.Retention,
				},
				TransactionalID: transactionalID, TransactionTimeout: cfg.TransactionTimeout,
			},
			CommitInterval: cfg.CommitInterval, CommitRecords: cfg.CommitRecords,
			IndexHorizon: cfg.IndexHorizon, IndexMaxEntries: cfg.IndexMaxEntries,
			RebuildTimeout: cfg.RebuildTimeout, FinishTimeout: cfg.ShutdownTimeout / 2,
			Metrics: workerMetrics, SourceMetrics: sourceMetrics,
		},
	}, nil
}

// run streams until the context ends. It returns an error only for what needs an operator: an unfit
// topic, a schema that the registry refuses, an admin address that is taken.
func (c *connector) run(ctx context.Context) error {
	if c.cfg.PollInterval < 24*time.Hour {
		c.log.Warn("Microsoft permits polling a Teams resource for changes once a day; a shorter SOURCE_POLL_INTERVAL is your decision",
			"interval", c.cfg.PollInterval)
	}
	running, ctx := errgroup.WithContext(ctx)
	if c.cfg.AdminAddress != "" {
		server, err := admin.Listen(c.cfg.AdminAddress, c.registry, c.notReady)
		if err != nil {
			return err
		}
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
		c.stream = worker.NewTenant(c.tenant, c.log)
		c.group = &worker.Group{
			Client: c.kafka, Name: c.cfg.Name, Topic: c.cfg.OffsetsTopic, SessionTimeout: c.cfg.SessionTimeout,
			Tenants: []*worker.Tenant{c.stream}, Log: c.log, Metrics: c.metrics,
		}
		close(c.started)
		return c.group.Run(ctx)
	})
	return running.Wait()
}

// prepare finds the topics and the schema's id, and waits for a Kafka or a registry that is down.
func (c *connector) prepare(ctx context.Context) error {
	if err := c.persist(ctx, "topics are not ready", func() error {
		_, err := worker.EnsureTopics(ctx, c.tenant)
		if errors.Is(err, sink.ErrTopic) {
			return backoff.Permanent(err)
		}
		return err
	}); err != nil {
		return err
	}
	if c.cfg.RegistryURL == "" {
		encoder, err := schema.NewSingleObjectEncoder()
		c.tenant.Encoder = encoder
		return err
	}
	registry, err := schema.NewRegistry(schema.RegistryConfig{URLs: []string{c.cfg.RegistryURL}, Mode: schema.RegistryRegister})
	if err != nil {
		return err
	}
	defer registry.Close()
	return c.persist(ctx, "schema is not registered", func() error {
		id, err := registry.Register(ctx, schema.Subject(c.cfg.Topic))
		for _, permanent := range []error{schema.ErrRegistryConfig, schema.ErrNotRegistered, schema.ErrIncompatible, schema.ErrRegistryRefused} {
			if errors.Is(err, permanent) {
				return backoff.Permanent(err)
			}
		}
		if err != nil {
			return err
		}
		c.log.Info("schema is registered", "subject", schema.Subject(c.cfg.Topic), "id", id)
		c.tenant.Encoder, err = schema.NewConfluentEncoder(id)
		return err
	})
}

// persist repeats what another system's downtime makes fail.
func (c *connector) persist(ctx context.Context, failure string, try func() error) error {
	pauses := backoff.WithContext(backoff.NewExponentialBackOff(backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second), backoff.WithMaxElapsedTime(0)), ctx)
	return backoff.RetryNotify(try, pauses, func(err error, wait time.Duration) {
		c.log.Warn(failure, "error", err, "retry_in", wait.Round(time.Millisecond))
	})
}

// notReady lists why this process does not do its part. A spare does: it waits.
func (c *connector) notReady() (reasons []string) {
	select {
	case <-c.started:
	default:
		return []string{"starting: topics and schema are not ready yet"}
	}
	if !c.group.Joined() {
		reasons = append(reasons, "not a member of the consumer group yet")
	}
	state := c.stream.State()
	switch {
	case state.Phase == worker.Starting || state.Phase == worker.Failing:
		reason := fmt.Sprintf("tenant %s: %s", state.Tenant, state.Phase)
		if state.Err != nil {
			reason += ": " + state.Err.Error()
		}
		reasons = append(reasons, reason)
	case state.Source.Stopped != nil:
		reasons = append(reasons, fmt.Sprintf("tenant %s: polling is stopped: %v", state.Tenant, state.Source.Stopped))
	}
	return reasons
}

// kafkaOptions are the options that every client of the cluster shares.
func kafkaOptions(cfg config.Config) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID("teams-kafka-connector"),
		kgo.SoftwareNameAndVersion("teams-kafka-connector", version()),
	}
	if cfg.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(cfg.TLS))
	}
	user, password := cfg.SASL.Username, cfg.SASL.Password.Reveal()
	switch cfg.SASL.Mechanism {
	case "PLAIN":
		opts = append(opts, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case "SCRAM-SHA-256":
		opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	}
	return opts
}

// graphHTTP is the HTTP client for Graph and the login endpoint.
func graphHTTP(cfg config.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.GraphRoots},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: cfg.InFlight,
		IdleConnTimeout:     90 * time.Second,
	}}
}

// userAgent names the connector, its version and this process.
func userAgent() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return fmt.Sprintf("teams-kafka-connector/%s (instance %s)", version(), hex.EncodeToString(id[:]))
}

// version is the module's version, from the build.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
