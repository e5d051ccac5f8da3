package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/offsetsadmin"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/offsets"
)

func offsetsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "offsets",
		Short: "List, rewind, delete, export and import positions",
		Long: `List and change the positions in the offsets topic. Run it with the environment of "connector run".

A position says how far a user's messages have been read: one mark per rung of SOURCE_LOOKBACKS and the window in
progress, if there is one. list, get and export only read. You can run them beside a running connector.

A change (rewind, delete or import) takes these steps. It stops at the first one that fails.

  1. It is refused while a process is in the connector's consumer group. Stop the processes first, for example
     with kubectl scale --replicas=0.
  2. It fences the tenant's transactional ID, so a paused process that wakes up later cannot overwrite the change.
     With DELIVERY=idempotent there is no transactional ID to fence, and the command says so.
  3. It prints the difference and its consequences, and asks for confirmation. --yes answers for you. --dry-run
     stops here. You can use it while the connector runs, because it neither fences nor writes.
  4. It writes all records in one transaction. With DELIVERY=idempotent it writes them one by one.

A change that skips unread messages can lose them. It requires --allow-loss.`,
		Example: `  connector offsets list
  connector offsets get ada@contoso.com --json
  connector offsets rewind --to 36h --users ada@contoso.com,grace@contoso.com
  connector offsets rewind --to 2026-01-31T08:00:00Z --all --dry-run
  connector offsets export > positions.jsonl
  connector offsets import positions.jsonl`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	addTenantFlag(cmd.PersistentFlags())
	cmd.AddCommand(offsetsListCommand(), offsetsGetCommand(), offsetsExportCommand(),
		offsetsRewindCommand(), offsetsDeleteCommand(), offsetsImportCommand())
	return cmd
}

func offsetsListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all positions of the tenant",
		Long: `List all positions of the tenant, one user a line.

READ UP TO is the latest time that was read. STILL READS FROM is the earliest time that a later window can still
start at, because the longer rungs read everything a second time.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, snapshot, err := loadPositions(cmd)
			if err != nil {
				return err
			}
			return printEntries(cmd.OutOrStdout(), snapshot.Entries(), asJSON, offsetsadmin.WriteTable)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func offsetsGetCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "get USER...",
		Short: "Show the positions of some users in full",
		Long: `Show the positions of some users in full. Name users as "connector offsets list" prints them: by ID or by user
principal name, whichever SOURCE_USERS or the directory uses.`,
		Example: "  connector offsets get ada@contoso.com",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("offsets get: name at least one user")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			_, snapshot, err := loadPositions(cmd)
			if err != nil {
				return err
			}
			entries, err := offsetsadmin.Find(snapshot, args)
			if err != nil {
				return err
			}
			return printEntries(cmd.OutOrStdout(), entries, asJSON, offsetsadmin.WriteDetails)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func offsetsExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print all positions as JSON lines, for import",
		Long: `Print all positions of the tenant to standard output, one JSON object a line. Its fields connector, partition and
offset are the key and the value in the topic, named as in Kafka Connect.

If a position cannot be read, the command fails and prints nothing, because an export with gaps would look complete.`,
		Example: "  connector offsets export > positions.jsonl",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, snapshot, err := loadPositions(cmd)
			if err != nil {
				return err
			}
			return offsetsadmin.Export(cmd.OutOrStdout(), c.positions(), snapshot)
		},
	}
}

// chosen is a connector that is not going to run, and the tenant that a command is about.
type chosen struct {
	*daemon.Daemon
	tenant worker.Config
}

// tenantFlag lets a command choose a tenant.
const tenantFlag = "tenant"

func addTenantFlag(flags *pflag.FlagSet) {
	flags.String(tenantFlag, "", "one of GRAPH_TENANTS, by alias or ID (required only if there are several)")
}

// configured wires a connector from the environment and chooses the tenant of the command line.
func configured(cmd *cobra.Command) (*chosen, error) {
	name, err := cmd.Flags().GetString(tenantFlag)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load()
	if err != nil {
		return nil, err
	}
	c, err := daemon.New(cfg, version(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, tenant := range c.Tenants() {
		if strings.EqualFold(name, tenant.Alias) && name != "" || strings.EqualFold(name, tenant.Tenant) || name == "" && len(c.Tenants()) == 1 {
			return &chosen{c, tenant}, nil
		}
		names = append(names, cmp.Or(tenant.Alias, tenant.Tenant))
	}
	return nil, usageError{fmt.Errorf("--%s is %q: want one of %s", tenantFlag, name, strings.Join(names, ", "))}
}

// positions returns how to reach the positions of the tenant.
func (c *chosen) positions() offsetsadmin.Config {
	cfg := c.Config()
	return offsetsadmin.Config{
		Kafka: c.Kafka(), Name: cfg.Name, Tenant: c.tenant.Tenant,
		OffsetsTopic: cfg.OffsetsTopic, Patience: cfg.RebuildTimeout,
		Writer: c.tenant.Writer, Start: c.tenant.Start.Resolve,
		SessionTimeout: cfg.SessionTimeout, TransactionTimeout: cfg.TransactionTimeout,
	}
}

// loadPositions reads the positions of the tenant that the environment and the command line choose.
func loadPositions(cmd *cobra.Command) (*chosen, *offsets.Snapshot, error) {
	c, err := configured(cmd)
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := offsetsadmin.Load(cmd.Context(), c.positions())
	return c, snapshot, err
}

// printEntries prints positions. It fails after printing if a position could not be read.
func printEntries(out io.Writer, entries []offsets.Entry, asJSON bool, table func(io.Writer, []offsets.Entry) error) error {
	var unreadable []error
	views := make([]offsetsadmin.View, 0, len(entries))
	for _, e := range entries {
		views = append(views, offsetsadmin.ViewOf(e))
		if e.Err != nil {
			unreadable = append(unreadable, e.Err)
		}
	}
	var err error
	if asJSON {
		err = printJSON(out, views)
	} else {
		err = table(out, entries)
	}
	if err != nil {
		return err
	}
	return errors.Join(unreadable...)
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
