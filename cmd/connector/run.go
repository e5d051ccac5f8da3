package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/terminal"
	"github.com/teams-kafka/connector/internal/worker"
)

func runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the connector, configured by environment variables",
		Long: "Run the connector until it is told to stop (SIGTERM or SIGINT), configured by environment variables\n" +
			"alone. Logs go to standard error; on a terminal, a line per tenant below them shows how far it has come.\n\n" + config.Usage(),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			if os.Getenv("GOGC") == "" {
				daemon.KeepHeadroom()
			}
			screen := terminal.NewLive(cmd.ErrOrStderr())
			log := newLog(screen, cfg)
			c, err := daemon.New(cfg, version(), log)
			if err != nil {
				return err
			}
			log.Info("connector starts", "version", version(), "name", cfg.Name, "tenants", len(cfg.Tenants),
				"topic", cfg.Topic, "offsets_topic", cfg.OffsetsTopic)
			for _, tenant := range cfg.Tenants {
				log.Info("tenant is configured", append(worker.LogAttributes(tenant.ID, tenant.Alias),
					"sign_in", tenant.Identity.Kind, "graph", tenant.Graph.Host,
					"lookbacks", fmt.Sprint(tenant.Lookbacks), "interval", tenant.PollInterval, "rate", tenant.Rate)...)
			}
			shown, hide := context.WithCancel(cmd.Context())
			var showing sync.WaitGroup
			showing.Go(func() { c.ShowProgress(shown, screen.Show) })
			err = c.Run(cmd.Context())
			hide()
			showing.Wait()
			if err == nil {
				log.Info("connector has stopped")
			}
			return err
		},
	}
}

func newLog(w io.Writer, cfg config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // JSON would show nanoseconds
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	if cfg.LogText {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
