package daemon

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// tenant wires one tenant's stream. Nothing of it is shared with another tenant's but the topics: it has its
// own connections, tokens, request rate and metrics, which carry the tenant's id as a label.
func (d *Daemon) tenant(tenant config.Tenant, httpClient *http.Client, agent string) (worker.Config, error) {
	cfg := d.cfg
	ladder, err := source.NewLadder(tenant.Lookbacks, tenant.PollInterval)
	if err != nil {
		return worker.Config{}, fmt.Errorf("%w: SOURCE_LOOKBACKS of tenant %v: %w", config.ErrInvalid, tenant, err)
	}
	registry := prometheus.WrapRegistererWith(prometheus.Labels{"tenant": tenant.ID}, d.registry)
	sourceMetrics, workerMetrics := source.NewMetrics(registry), worker.NewMetrics(registry)
	credentials := credentialsOf(tenant, httpClient)
	credentials.Metrics = sourceMetrics
	credentials.Log = d.log.With(worker.LogAttributes(tenant.ID, tenant.Alias)...)

	transactionalID := ""
	if cfg.ExactlyOnce {
		transactionalID = sink.TransactionalID(cfg.Topic, tenant.ID)
	}
	policy := transform.Policy{DropBody: tenant.DropBody, ExcludeChats: make(map[string]struct{})}
	for _, chat := range tenant.ExcludeChats {
		policy.ExcludeChats[chat] = struct{}{}
	}
	client := source.NewClient(tenant.Graph, httpClient, source.NewTokens(credentials), source.NewGate(tenant.Rate), agent, sourceMetrics)
	who := tenant.Users
	return worker.Config{
		Name: cfg.Name, Tenant: tenant.ID, Alias: tenant.Alias,
		Client: client,
		Ladder: ladder,
		Query:  source.Query{Filter: tenant.GraphFilter, Model: tenant.GraphModel},
		Directory: &source.Directory{Client: client, Log: credentials.Log, Listed: who.Listed, File: who.File, Groups: who.Groups,
			Everyone: who.Everyone, Filter: who.Filter, Exclude: who.Exclude},
		UsersRefresh: who.Refresh, UsersRetention: who.Retention,
		Start: tenant.Start, PageSize: tenant.PageSize, InFlight: tenant.InFlight,
		Settle: tenant.Settle,
		Policy: policy, IngestTimestamp: cfg.IngestTimestamp,
		Writer: sink.WriterConfig{
			Client: d.kafka,
			Topics: sink.Topics{
				Output: cfg.Topic, DeadLetters: cfg.DeadLetters(), Offsets: cfg.OffsetsTopic,
				Partitions: cfg.Partitions, Replication: cfg.Replication, Retention: cfg.Retention,
			},
			TransactionalID: transactionalID, TransactionTimeout: cfg.TransactionTimeout,
			Hook: worker.KafkaHook(d.registry, "writer", tenant.ID),
		},
		CommitInterval: cfg.CommitInterval, CommitRecords: cfg.CommitRecords,
		IndexMaxEntries: cfg.IndexMaxEntries,
		RebuildTimeout:  cfg.RebuildTimeout, FinishTimeout: cfg.ShutdownTimeout / 2,
		Metrics: workerMetrics, SourceMetrics: sourceMetrics,
	}, nil
}

// credentialsOf are a tenant's credentials. What can be rotated is read anew for each token.
func credentialsOf(tenant config.Tenant, httpClient *http.Client) source.Credentials {
	id := tenant.Identity
	return source.Credentials{
		Kind: id.Kind, TenantID: tenant.ID, ClientID: id.ClientID,
		Secret:          id.Secret.Reveal,
		CertificateFile: id.CertificateFile, CertificatePassword: id.CertificatePassword.Reveal,
		FederatedTokenFile: id.FederatedTokenFile,
		Authority:          id.Authority, Scope: id.Scope, HTTP: httpClient,
	}
}
