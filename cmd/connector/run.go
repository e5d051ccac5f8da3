package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/worker"
)

func runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the connector, configured by environment variables",
		Long: "Run the connector until it is told to stop (SIGTERM or SIGINT), configured by environment variables\n" +
			"alone. Logs go to standard error; on a terminal, a line per tenant below them shows how far it has come.\n\n" + variables(),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			keepHeadroom()
			screen := newLive(cmd.ErrOrStderr())
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
			showing.Go(func() { (&progress{rates: make(map[string]*itemRate)}).keep(shown, c, screen) })
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
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogText {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// variables lists every variable for --help.
func variables() string {
	var b strings.Builder
	b.WriteString("Environment variables:\n")
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, s := range config.All() {
		def := s.Default
		if def == "" {
			def = "-"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", s.Name, def, s.Sentences())
	}
	_ = t.Flush()
	b.WriteString("\nWith GRAPH_TENANTS=contoso,fabrikam each tenant has variables of its own, such as CONTOSO_AZURE_TENANT_ID.\n" +
		"Credentials and users are never taken from an unprefixed variable then.\n")
	return b.String()
}
