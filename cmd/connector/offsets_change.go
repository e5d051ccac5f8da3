package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/offsetsadmin"
	"github.com/teams-kafka/connector/internal/terminal"
)

// offsetsChange holds the flags that every change of positions has. The help of "connector offsets"
// describes its steps.
type offsetsChange struct {
	yes, json bool
	options   offsetsadmin.Options
}

func (o *offsetsChange) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&o.options.DryRun, "dry-run", false, "print the difference and stop; fences and writes nothing")
	cmd.Flags().BoolVar(&o.options.AllowLoss, "allow-loss", false, "also make changes that can lose messages")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the difference as one JSON object")
}

// selection holds the flags that choose positions.
type selection struct {
	users []string
	all   bool
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&s.users, "users", nil, "users whose positions to change, comma-separated, as list prints them")
	cmd.Flags().BoolVar(&s.all, "all", false, "all positions of the tenant")
}

func (s *selection) check(command string) error {
	if s.all == (len(s.users) > 0) {
		return usageError{fmt.Errorf("offsets %s: want either --users or --all", command)}
	}
	return nil
}

func offsetsRewindCommand() *cobra.Command {
	var change offsetsChange
	var selected selection
	var to string
	cmd := &cobra.Command{
		Use:   "rewind --to TIME (--users USER,... | --all)",
		Short: "Read everything modified since a time again",
		Long: `Move positions back, so that everything last modified at or after --to is read again. Marks before that time
stay as they are. Each rung looks back from its mark as always, so some earlier messages are read again as well.

Versions that the topic holds are recognized and not written again. What the topic has deleted since is written again,
with the same ce_id. Graph shows deleted messages for 21 days. Messages deleted earlier cannot be read again.

A user who has not been read up to --to has nothing to rewind. With --all, the positions of such users stay as they are.
If you name such a user, the command is refused. With --allow-loss it moves their positions forward to --to, and the
messages in between can be lost.`,
		Example: `  connector offsets rewind --to 36h --all
  connector offsets rewind --to 2026-01-31T08:00:00Z --users ada@contoso.com,grace@contoso.com`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := selected.check("rewind"); err != nil {
				return err
			}
			if to == "" {
				return usageError{errors.New("offsets rewind: want --to, for example --to 36h")}
			}
			at, err := parseInstant("--to", to, time.Now())
			if err != nil {
				return err
			}
			return change.run(cmd, offsetsadmin.Rewind(at.UnixMilli(), selected.users, change.options.AllowLoss))
		},
	}
	change.flags(cmd)
	selected.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "a time (RFC 3339), a date, or a duration back from now")
	return cmd
}

func offsetsDeleteCommand() *cobra.Command {
	var change offsetsChange
	var selected selection
	cmd := &cobra.Command{
		Use:   "delete (--users USER,... | --all)",
		Short: "Delete positions",
		Long: `Delete positions. A user who is still polled starts over at SOURCE_START. Messages between that time and the end of
what the deleted position would still have read can be lost, so the command usually requires --allow-loss. It can also
delete a position that this version cannot read.`,
		Example: "  connector offsets delete --users left@contoso.com --allow-loss",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := selected.check("delete"); err != nil {
				return err
			}
			return change.run(cmd, offsetsadmin.Delete(selected.users))
		},
	}
	change.flags(cmd)
	selected.flags(cmd)
	return cmd
}

func offsetsImportCommand() *cobra.Command {
	var change offsetsChange
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Write exported positions",
		Long: `Write the positions of an export, from a file or from standard input. The command checks every line first and writes
nothing if one is invalid. Users who are not in the file keep their positions.

The connector's name and the tenant in the file must be those of the environment.`,
		Example: `  connector offsets import positions.jsonl
  connector offsets import --yes < positions.jsonl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if len(args) == 1 && args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return usageError{fmt.Errorf("offsets import: %w", err)}
				}
				defer file.Close()
				in = file
			} else if !change.yes && !change.options.DryRun {
				return usageError{errors.New("offsets import: cannot ask for confirmation because standard input holds the positions; name a file, or use --yes")}
			}
			return change.run(cmd, offsetsadmin.Import(in))
		},
	}
	change.flags(cmd)
	return cmd
}

// run makes a change, or refuses it.
func (o *offsetsChange) run(cmd *cobra.Command, plan offsetsadmin.Planner) error {
	if !o.yes && !o.options.DryRun && !terminal.Is(cmd.InOrStdin()) {
		return usageError{errors.New("cannot ask for confirmation because standard input is not a terminal; use --yes, or --dry-run to see the difference")}
	}
	c, err := configured(cmd)
	if err != nil {
		return err
	}
	return offsetsadmin.Apply(cmd.Context(), c.positions(), plan, o.options, operator{cmd, o})
}

// operator is the person at the terminal, or the script that gave --yes.
type operator struct {
	cmd    *cobra.Command
	change *offsetsChange
}

func (p operator) Show(plan offsetsadmin.Plan) error {
	if p.change.json {
		return printJSON(p.cmd.OutOrStdout(), plan)
	}
	return plan.WriteText(p.cmd.OutOrStdout())
}

func (p operator) Note(text string) { fmt.Fprintln(p.cmd.ErrOrStderr(), text) }

func (p operator) Confirm(ctx context.Context, changes int) (bool, error) {
	if p.change.yes {
		return true, nil
	}
	return terminal.Confirm(ctx, p.cmd.InOrStdin(), p.cmd.ErrOrStderr(), fmt.Sprintf("Change %d positions?", changes))
}
