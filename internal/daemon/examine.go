package daemon

import (
	"fmt"
	"log/slog"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/doctor"
	"github.com/teams-kafka/connector/internal/worker"
)

// Examined wires what the doctor looks at. The caller closes its Registry, if there is one.
func Examined(cfg config.Config, version string) (doctor.Config, error) {
	daemon, err := New(cfg, version, slog.New(slog.DiscardHandler)) // the findings say what it would log
	if err != nil {
		return doctor.Config{}, err
	}
	unsigned := cfg
	unsigned.SASL = config.SASL{}
	d := doctor.Config{
		Kafka: daemon.kafka, Unsigned: KafkaOptions(unsigned, version, daemon.log), SignIn: signIn(cfg), Group: cfg.Name, IngestTimestamp: cfg.IngestTimestamp,
		ExactlyOnce: cfg.ExactlyOnce, TransactionTimeout: cfg.TransactionTimeout,
		Lookup: cfg.Registry.Lookup,
	}
	for _, t := range daemon.tenants {
		topics := worker.Topics(t)
		topics.NeededRetention = max(topics.NeededRetention, d.Topics.NeededRetention)
		d.Topics = topics
		d.Tenants = append(d.Tenants, doctor.Tenant{ID: t.Tenant, Alias: t.Alias, Client: t.Client, Directory: t.Directory, Query: t.Query, Ladder: t.Ladder})
	}
	if len(cfg.Registry.URLs) > 0 {
		d.Registry, err = RegistryClient(cfg.Registry)
	}
	return d, err
}

// signIn says how the cluster is signed in to.
func signIn(cfg config.Config) string {
	over := "without TLS"
	if cfg.TLS != nil {
		over = "over TLS"
		if cfg.TLS.HasCertificate() {
			over += " with a client certificate"
		}
	}
	if cfg.SASL.Mechanism == "" {
		return "no SASL, " + over
	}
	if cfg.SASL.Mechanism == "OAUTHBEARER" {
		return fmt.Sprintf("OAUTHBEARER as client %s of %s, %s", cfg.SASL.OAuth.ClientID, cfg.SASL.OAuth.TokenURL.Host, over)
	}
	return fmt.Sprintf("%s as user %s, %s", cfg.SASL.Mechanism, cfg.SASL.Username, over)
}
