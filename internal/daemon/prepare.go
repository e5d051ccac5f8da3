package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
)

// prepare finds the topics and the schema's id, and waits for a Kafka or a registry that is down.
func (d *Daemon) prepare(ctx context.Context) error {
	for _, tenant := range d.tenants { // each for the retention it needs
		if err := d.persist(ctx, "topics", "topics are not ready", reasonOf, func() error {
			_, err := worker.EnsureTopics(ctx, tenant)
			switch {
			case errors.Is(err, sink.ErrTopic), sink.Denied(err), SignInRefused(err):
				return backoff.Permanent(err)
			case sink.Untrusted(err):
				return backoff.Permanent(fmt.Errorf("%w: %w", ErrRefused, err))
			}
			return err
		}); err != nil {
			return err
		}
	}
	encoder, err := d.encoder(ctx)
	if err != nil {
		return err
	}
	for i := range d.tenants {
		d.tenants[i].Encoder = encoder
	}
	return nil
}

// encoder registers the schema, if there is a registry.
func (d *Daemon) encoder(ctx context.Context) (encoder schema.Encoder, err error) {
	if len(d.cfg.Registry.URLs) == 0 {
		return schema.NewSingleObjectEncoder(), nil
	}
	subject := schema.Subject(d.cfg.Topic)
	err = d.persist(ctx, "schema", "schema is not registered", registryReason, func() error {
		registry, err := RegistryClient(d.cfg.Registry) // with the password and the certificates of the moment
		if err != nil {
			return backoff.Permanent(err)
		}
		defer registry.Close()
		registered, err := registry.Register(ctx, subject)
		if schema.IsPermanent(err) {
			return backoff.Permanent(err)
		}
		if err != nil {
			return err
		}
		d.log.Info("schema is registered", "subject", subject, "id", registered.ID)
		if registered.NoLevel != nil {
			d.log.Warn("subject has no compatibility level", "subject", subject, "error", registered.NoLevel)
		}
		// The registry is not needed from here on, and may be down.
		encoder, err = schema.NewConfluentEncoder(registered.ID)
		return err
	})
	return encoder, err
}

func registryReason(error) reason { return stalledRegistry }

// persist repeats what another system's downtime makes fail. because returns the reason of a failure.
func (d *Daemon) persist(ctx context.Context, step, failure string, because func(error) reason, try func() error) error {
	pauses := backoff.WithContext(backoff.NewExponentialBackOff(backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second), backoff.WithMaxElapsedTime(0)), ctx)
	var since time.Time
	counted := func() error {
		err := try()
		if err == nil {
			d.waiting.Store(d.beginning())
		}
		outcome := "ok"
		if err != nil {
			outcome = "failed"
		}
		d.prepared.WithLabelValues(step, outcome).Inc()
		return err
	}
	return backoff.RetryNotify(counted, pauses, func(err error, wait time.Duration) {
		if since.IsZero() {
			since = time.Now()
		}
		d.waiting.Store(&stall{reason: because(err), what: "starting: " + failure, detail: cleaned(err.Error()), since: since, until: time.Now().Add(wait)})
		d.log.Warn(failure, "error", err, "retry_in", wait.Round(time.Millisecond))
	})
}
