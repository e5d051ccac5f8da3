package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/offsets"
)

func offsetsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "offsets",
		Short: "Look at positions, rewind, delete, export and import them",
		Long: `Look at the positions in the offsets topic and change them. Run it with the environment of "connector run".

A position says how far a user's stream has been read: one mark per rung of SOURCE_LOOKBACKS and, while one is
under way, the window in progress. list, get and export only read, and may run beside a running connector.

A change (rewind, delete, import) goes like this, and ends at the first thing that is not as it should be:

  1. It is refused while any process is in the connector's consumer group. Stop them first, for example with
     kubectl scale --replicas=0.
  2. The tenant's transactional id is fenced, so that a process that was paused and wakes up later cannot
     write over the change. With DELIVERY=idempotent there is nothing to fence, and you are told so.
  3. The difference is printed, with what it means, and you are asked. --yes answers for you; --dry-run ends here
     and may be used while the connector runs, because it neither fences nor writes.
  4. All records are written in one transaction (with DELIVERY=idempotent one by one).

What makes a position count something as read that would still have been read can lose messages. That needs
--allow-loss.`,
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

READ UP TO is the newest instant that was read, STILL READS FROM the earliest that a later window can still ask
for, because the longer rungs read everything a second time.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, snapshot, err := loadPositions(cmd)
			if err != nil {
				return err
			}
			return printEntries(cmd.OutOrStdout(), snapshot.Entries(), asJSON, listTable)
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
		Long: `Show the positions of some users in full. A user is named as SOURCE_USERS or the directory names them to the
connector, which is how "connector offsets list" prints them: by id or by user principal name, not by either.`,
		Example: "  connector offsets get ada@contoso.com",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("offsets get: name one user or more")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			_, snapshot, err := loadPositions(cmd)
			if err != nil {
				return err
			}
			entries, err := entriesOf(snapshot, args)
			if err != nil {
				return err
			}
			return printEntries(cmd.OutOrStdout(), entries, asJSON, fullTable)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func offsetsExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print all positions as JSON lines, for import",
		Long: `Print all positions of the tenant to standard output, one JSON object a line: connector, partition and offset, which
are the key and the value that stand in the topic, by the names that Kafka Connect gives them.

A position that cannot be read makes it fail: an export with holes would look whole.`,
		Example: "  connector offsets export > positions.jsonl",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stored, snapshot, err := loadPositions(cmd)
			if err != nil {
				return err
			}
			entries := snapshot.Entries()
			for _, e := range entries {
				if e.Err != nil {
					return fmt.Errorf("nothing is exported: %w", e.Err)
				}
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			for _, e := range entries {
				key := offsets.Key{Connector: stored.Config().Name, Tenant: stored.tenant.Tenant, User: e.User}
				if _, err := out.Write(offsets.AppendLine(nil, key, e.Position)); err != nil {
					return fmt.Errorf("write the export: %w", err)
				}
			}
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
			return nil
		},
	}
}

// chosen is a connector that is not going to run, and the one of its tenants that a command is about.
type chosen struct {
	*daemon.Daemon
	tenant worker.Config
}

// tenantFlag lets a command choose a tenant.
const tenantFlag = "tenant"

func addTenantFlag(flags *pflag.FlagSet) {
	flags.String(tenantFlag, "", "which of GRAPH_TENANTS, by its alias or its id (needed only if there are several)")
}

// configured wires what a command is about.
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

// loadPositions reads the positions of the tenant that the environment and the command choose.
func loadPositions(cmd *cobra.Command) (*chosen, *offsets.Snapshot, error) {
	c, err := configured(cmd)
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := c.snapshot(cmd.Context())
	return c, snapshot, err
}

func (c *chosen) snapshot(ctx context.Context) (*offsets.Snapshot, error) {
	snapshot, err := offsets.Load(ctx, c.Kafka(), c.Config().OffsetsTopic, c.Config().Name, c.tenant.Tenant, c.Config().RebuildTimeout)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, fmt.Errorf("%w: there is no topic %s; is it CONNECTOR_NAME or KAFKA_OFFSETS_TOPIC that differs? \"connector run\" creates it (%w)",
			errRefused, c.Config().OffsetsTopic, err)
	}
	return snapshot, err
}

// entriesOf finds the positions of users by their exact names.
func entriesOf(snapshot *offsets.Snapshot, users []string) ([]offsets.Entry, error) {
	var found []offsets.Entry
	var missing []error
	for _, user := range users {
		entry, ok := snapshot.Entry(user)
		if ok {
			found = append(found, entry)
			continue
		}
		hint := ""
		for _, e := range snapshot.Entries() {
			if strings.EqualFold(e.User, user) {
				hint = fmt.Sprintf("; there is %s, names are compared letter by letter", e.User)
			}
		}
		missing = append(missing, fmt.Errorf("user %s has no position%s", user, hint))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w: %w", errRefused, errors.Join(missing...))
	}
	return found, nil
}

// printEntries prints positions, and fails after it has printed them if one of them could not be read.
func printEntries(out io.Writer, entries []offsets.Entry, asJSON bool, table func(io.Writer, []offsets.Entry)) error {
	var unreadable []error
	views := make([]positionView, 0, len(entries))
	for _, e := range entries {
		views = append(views, viewEntry(e))
		if e.Err != nil {
			unreadable = append(unreadable, e.Err)
		}
	}
	if asJSON {
		if err := printJSON(out, views); err != nil {
			return err
		}
	} else {
		table(out, entries)
	}
	return errors.Join(unreadable...)
}

func listTable(out io.Writer, entries []offsets.Entry) {
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "USER\tREAD UP TO\tSTILL READS FROM\tIN PROGRESS\tWRITTEN")
	for _, e := range entries {
		if e.Err != nil {
			fmt.Fprintf(t, "%s\tunreadable\t-\t-\t%s\n", e.User, showInstant(e.Written.UnixMilli()))
			continue
		}
		progress := "-"
		if w := e.Position.Window; w != nil {
			progress = "to " + showInstant(w.To)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", e.User, showInstant(e.Position.ReadUpTo()), showInstant(e.Position.NeededFrom()),
			progress, showInstant(e.Written.UnixMilli()))
	}
	_ = t.Flush()
}

func fullTable(out io.Writer, entries []offsets.Entry) {
	for _, e := range entries {
		fmt.Fprintln(out, e.User)
		t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		if e.Err != nil {
			fmt.Fprintf(t, "  unreadable\t%v\n", e.Err)
		} else {
			for _, f := range positionFields(&e.Position) {
				fmt.Fprintf(t, "  %s\t%s\n", f.name, f.value)
			}
		}
		fmt.Fprintf(t, "  written\t%s\n", showInstant(e.Written.UnixMilli()))
		_ = t.Flush()
	}
}

// positionView is a position as --json shows it. Times are in RFC 3339, UTC.
type positionView struct {
	User       string       `json:"user,omitempty"`
	ReadUpTo   string       `json:"read_up_to,omitempty"`
	NeededFrom string       `json:"still_reads_from,omitempty"`
	Start      string       `json:"start,omitempty"`
	Marks      []markView   `json:"marks,omitempty"`
	Window     *offsetsSpan `json:"window,omitempty"`
	Written    string       `json:"written,omitempty"`
	Error      string       `json:"error,omitempty"`
}

type markView struct {
	Rung string `json:"rung"`
	At   string `json:"at"`
}

type offsetsSpan struct {
	From string `json:"from"`
	Done string `json:"done"`
	To   string `json:"to"`
}

func viewEntry(e offsets.Entry) positionView {
	v := positionView{}
	if e.Err != nil {
		v.Error = e.Err.Error()
	} else {
		v = *viewPosition(&e.Position)
	}
	v.User, v.Written = e.User, showInstant(e.Written.UnixMilli())
	return v
}

// viewPosition is nil for no position.
func viewPosition(p *offsets.Position) *positionView {
	if p == nil {
		return nil
	}
	v := &positionView{ReadUpTo: showInstant(p.ReadUpTo()), NeededFrom: showInstant(p.NeededFrom()), Start: showInstant(p.Start)}
	for _, m := range p.Marks {
		v.Marks = append(v.Marks, markView{offsets.FormatDuration(m.Rung), showInstant(m.At)})
	}
	if w := p.Window; w != nil {
		v.Window = &offsetsSpan{showInstant(w.From), showInstant(w.Done), showInstant(w.To)}
	}
	return v
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

// positionField is one line of a position.
type positionField struct{ name, value string }

// positionFields lists what a position says; nil for no position.
func positionFields(p *offsets.Position) []positionField {
	if p == nil {
		return nil
	}
	fields := []positionField{{"start", showInstant(p.Start)}}
	for _, m := range p.Marks {
		fields = append(fields, positionField{"mark " + offsets.FormatDuration(m.Rung), showInstant(m.At)})
	}
	if w := p.Window; w != nil {
		fields = append(fields,
			positionField{"window from", showInstant(w.From)},
			positionField{"window done", showInstant(w.Done)},
			positionField{"window to", showInstant(w.To)})
	}
	return fields
}
