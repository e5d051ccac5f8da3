package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
)

// offsetsChange is a change of positions by an operator. Its steps are described in the help of "connector offsets".
type offsetsChange struct {
	yes, dryRun, allowLoss, json bool
}

func (o *offsetsChange) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the difference and end; fences and writes nothing")
	cmd.Flags().BoolVar(&o.allowLoss, "allow-loss", false, "also make changes that can lose messages")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the difference as one JSON object")
}

// changed is what happens to one user's position; nil is no position.
type changed struct {
	user          string
	before, after *offsets.Position
	// unreadable: there is a position before, which this version cannot read.
	unreadable bool
	// skips: what would still have been read is not read any more.
	skips bool
}

// changes is what an operator asked for, compared with what is stored.
type changes struct {
	users []changed
	means []string
}

// planner compares what is asked for with what is stored.
type planner func(c *chosen, stored *offsets.Snapshot, now time.Time) (changes, error)

func offsetsRewindCommand() *cobra.Command {
	var change offsetsChange
	var to string
	var users []string
	var all bool
	cmd := &cobra.Command{
		Use:   "rewind --to TIME (--users USER,... | --all)",
		Short: "Read again what was modified since a time",
		Long: `Set positions back, so that everything that was last modified at or after --to is read again. Marks that lie
before it stay where they are; each rung reaches back from its mark as always, so that somewhat more is read again.

What is in the topic already is recognised and not written again, as far back as INDEX_HORIZON reaches. Beyond it a
version comes a second time, with the same ce_id. Graph shows deleted messages for 21 days; what was deleted before
cannot be read again.

A user who has not yet been read up to --to is not rewound by it. With --all such users stay where they are; one that is
named is refused. With --allow-loss they are moved forward to --to, and what lies between may be lost.`,
		Example: `  connector offsets rewind --to 36h --all
  connector offsets rewind --to 2026-01-31T08:00:00Z --users ada@contoso.com,grace@contoso.com`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all == (len(users) > 0) {
				return usageError{errors.New("offsets rewind: want either --users or --all")}
			}
			if to == "" {
				return usageError{errors.New("offsets rewind: want --to, for example --to 36h")}
			}
			at, err := parseInstant("--to", to, time.Now())
			if err != nil {
				return err
			}
			return change.run(cmd, planRewind(at.UnixMilli(), users, change.allowLoss))
		},
	}
	change.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "a time (RFC 3339), a date, or a duration back from now")
	cmd.Flags().StringSliceVar(&users, "users", nil, "whose positions, comma-separated, as list prints them")
	cmd.Flags().BoolVar(&all, "all", false, "all positions of the tenant")
	return cmd
}

func offsetsDeleteCommand() *cobra.Command {
	var change offsetsChange
	var users []string
	var all bool
	cmd := &cobra.Command{
		Use:   "delete (--users USER,... | --all)",
		Short: "Delete positions",
		Long: `Delete positions. A user who is still polled begins anew at SOURCE_START; what lies between that and what the deleted
position would still have read may be lost, so that --allow-loss is needed as a rule. A position that this version cannot
read can be deleted as well.`,
		Example: "  connector offsets delete --users left@contoso.com --allow-loss",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all == (len(users) > 0) {
				return usageError{errors.New("offsets delete: want either --users or --all")}
			}
			return change.run(cmd, planDelete(users))
		},
	}
	change.flags(cmd)
	cmd.Flags().StringSliceVar(&users, "users", nil, "whose positions, comma-separated, as list prints them")
	cmd.Flags().BoolVar(&all, "all", false, "all positions of the tenant")
	return cmd
}

func offsetsImportCommand() *cobra.Command {
	var change offsetsChange
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Write positions that were exported",
		Long: `Write the positions of an export, from a file or from standard input. Every line is checked before anything is
written, and nothing is written if one is wrong. Users who are not in the file keep the position they have.

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
			} else if !change.yes && !change.dryRun {
				return usageError{errors.New("offsets import: standard input holds the positions, so that you cannot be asked there: name a file, or give --yes")}
			}
			return change.run(cmd, planImport(in))
		},
	}
	change.flags(cmd)
	return cmd
}

func planRewind(at int64, users []string, allowLoss bool) planner {
	return func(c *chosen, stored *offsets.Snapshot, now time.Time) (changes, error) {
		entries, err := readable(stored, users)
		if err != nil {
			return changes{}, err
		}
		horizon := now.Add(-c.Config().IndexHorizon).UnixMilli()
		var plan changes
		behind, again := 0, 0
		for _, e := range entries {
			before, after := e.Position, e.Position.Rewound(at)
			if before.ReadUpTo() < at {
				if len(users) == 0 && !allowLoss {
					behind++
					continue
				}
				after = before.Skipped(at)
			}
			if after.NeededFrom() < horizon {
				again++
			}
			plan.add(changed{user: e.User, before: &before, after: &after, skips: before.Skips(after)})
		}
		plan.means = append(plan.means,
			fmt.Sprintf("What was last modified since %s is read again, and somewhat more, because each rung reaches back from its mark.", showInstant(at)),
			fmt.Sprintf("Versions that are in the topic already are recognised and not written again, as far back as INDEX_HORIZON reaches, which is to %s.",
				showInstant(horizon)))
		if again > 0 {
			plan.means = append(plan.means, fmt.Sprintf("%d of the positions reach back further: older versions come a second time, with the same ce_id.", again))
		}
		if behind > 0 {
			plan.means = append(plan.means, fmt.Sprintf("%d users have not been read up to then yet and stay where they are.", behind))
		}
		return plan, nil
	}
}

func planDelete(users []string) planner {
	return func(c *chosen, stored *offsets.Snapshot, now time.Time) (changes, error) {
		entries := stored.Entries()
		if len(users) > 0 {
			var err error
			if entries, err = entriesOf(stored, users); err != nil {
				return changes{}, err
			}
		}
		anew := offsets.Position{Start: c.tenant.Start.Resolve(now)}
		var plan changes
		for _, e := range entries {
			d := changed{user: e.User, unreadable: e.Err != nil, skips: true}
			if e.Err == nil {
				d.before, d.skips = &e.Position, e.Position.Skips(anew)
			}
			plan.add(d)
		}
		plan.means = append(plan.means, fmt.Sprintf("A user who is still polled begins anew at SOURCE_START, which is %s if it is polled now.", showInstant(anew.Start)))
		return plan, nil
	}
}

func planImport(in io.Reader) planner {
	return func(c *chosen, stored *offsets.Snapshot, now time.Time) (changes, error) {
		positions, err := offsets.ParseLines(in, c.Config().Name, c.tenant.Tenant, now)
		if err != nil {
			return changes{}, fmt.Errorf("%w: %w", errRefused, err)
		}
		var plan changes
		for user, after := range positions {
			d := changed{user: user, after: &after}
			if e, ok := stored.Entry(user); ok {
				d.unreadable, d.skips = e.Err != nil, true
				if e.Err == nil {
					d.before, d.skips = &e.Position, e.Position.Skips(after)
				}
			}
			plan.add(d)
		}
		slices.SortFunc(plan.users, func(a, b changed) int { return strings.Compare(a.user, b.user) })
		stay := 0
		for _, e := range stored.Entries() {
			if _, ok := positions[e.User]; !ok {
				stay++
			}
		}
		plan.means = append(plan.means, fmt.Sprintf("The connector goes on from these positions. %d users are not in the file and keep theirs.", stay))
		return plan, nil
	}
}

// readable finds the positions of some users, or of all for none, and refuses one that cannot be read.
func readable(stored *offsets.Snapshot, users []string) ([]offsets.Entry, error) {
	entries := stored.Entries()
	if len(users) > 0 {
		var err error
		if entries, err = entriesOf(stored, users); err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		if e.Err != nil {
			return nil, fmt.Errorf("%w: %w", errRefused, e.Err)
		}
	}
	return entries, nil
}

// add notes a change unless it is none.
func (p *changes) add(d changed) {
	if d.before != nil && d.after != nil && d.before.Equal(*d.after) {
		return
	}
	p.users = append(p.users, d)
}

// run makes a change, or refuses it.
func (o *offsetsChange) run(cmd *cobra.Command, plan planner) error {
	ctx, notes := cmd.Context(), cmd.ErrOrStderr()
	if !o.yes && !o.dryRun && !isTerminal(cmd.InOrStdin()) {
		return usageError{errors.New("standard input is no terminal, so that you cannot be asked: give --yes, or --dry-run to see the difference")}
	}
	c, err := configured(cmd)
	if err != nil {
		return err
	}
	if err := o.refuseMembers(ctx, c, notes); err != nil {
		return err
	}
	var writer *sink.Writer
	if !o.dryRun {
		if writer, err = fence(ctx, c, notes); err != nil {
			return err
		}
		defer writer.Close()
	}
	// Read only now: what a fenced process had written before is decided.
	stored, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	planned, err := plan(c, stored, now)
	if err != nil {
		return err
	}
	if err := o.show(cmd.OutOrStdout(), planned); err != nil {
		return err
	}
	if len(planned.users) == 0 {
		return nil
	}
	if err := o.refuseLoss(planned, notes); err != nil {
		return err
	}
	if o.dryRun {
		fmt.Fprintln(notes, "Nothing was written: --dry-run.")
		return nil
	}
	if !o.yes {
		agreed, err := confirm(ctx, cmd.InOrStdin(), notes, fmt.Sprintf("Change %d positions?", len(planned.users)))
		if err != nil {
			return err
		}
		if !agreed {
			fmt.Fprintln(notes, "Nothing was written.")
			return nil
		}
	}
	// Again, because the answer may have taken its time. Whoever joins after this is kept from harm by the
	// transactional id: it fences this command, whose commit then fails (invariant 4).
	if err := o.refuseMembers(ctx, c, notes); err != nil {
		return err
	}
	if err := write(ctx, c, writer, stored, planned, now); err != nil {
		return err
	}
	fmt.Fprintf(notes, "%d positions were changed.\n", len(planned.users))
	return nil
}

// refuseMembers refuses a change while any process is in the group; a dry run only tells.
func (o *offsetsChange) refuseMembers(ctx context.Context, c *chosen, notes io.Writer) error {
	members, err := worker.Members(ctx, c.Kafka(), c.Config().Name)
	if err != nil || len(members) == 0 {
		return err
	}
	text := fmt.Sprintf("%d processes are in the consumer group %s: %s", len(members), c.Config().Name, strings.Join(members, ", "))
	if o.dryRun {
		fmt.Fprintf(notes, "%s. The change itself would be refused until they have stopped.\n", text)
		return nil
	}
	return fmt.Errorf("%w: %s. Stop them first, for example with kubectl scale --replicas=0; one that died or is paused leaves the group after KAFKA_SESSION_TIMEOUT (%v)",
		errRefused, text, c.Config().SessionTimeout)
}

// refuseLoss refuses what can lose messages, unless that is allowed.
func (o *offsetsChange) refuseLoss(planned changes, notes io.Writer) error {
	var losing []string
	for _, d := range planned.users {
		if d.skips {
			losing = append(losing, d.user)
		}
	}
	if len(losing) == 0 {
		return nil
	}
	text := fmt.Sprintf("%d of the changes leave out what would still have been read, which can lose messages: %s", len(losing), someOf(losing))
	if o.allowLoss || o.dryRun {
		fmt.Fprintln(notes, text)
		return nil
	}
	return fmt.Errorf("%w: %s; --allow-loss does it all the same", errRefused, text)
}

// someOf names a few of many.
func someOf(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// positionBatch bounds a batch of positions in bytes, well below any topic's limit.
const positionBatch = 64 << 10

// fence opens a writer as the tenant's worker does, so that no worker that is paused can write any more.
func fence(ctx context.Context, c *chosen, notes io.Writer) (*sink.Writer, error) {
	cfg := c.tenant.Writer
	cfg.Limits = sink.Limits{PositionBytes: positionBatch}
	writer, err := sink.OpenWriter(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.TransactionalID == "" {
		fmt.Fprintln(notes, "DELIVERY=idempotent: there is no transactional id to fence. A process that is paused now and wakes up later writes over this change; make sure that there is none.")
	} else {
		fmt.Fprintf(notes, "Transactional id %s is fenced: no process that was paused can write any more.\n", cfg.TransactionalID)
	}
	return writer, nil
}

// write produces all changes, in one transaction if there are transactions.
func write(ctx context.Context, c *chosen, writer *sink.Writer, stored *offsets.Snapshot, planned changes, now time.Time) error {
	var records []*kgo.Record
	for _, d := range planned.users {
		if d.after == nil {
			records = append(records, stored.Delete(d.user)...)
		} else {
			records = append(records, stored.Put(d.user, *d.after, now)...)
		}
	}
	for _, r := range records {
		writer.WritePosition(r)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Config().TransactionTimeout)
	defer cancel()
	err := writer.Commit(ctx)
	switch {
	case errors.Is(err, sink.ErrFenced):
		return fmt.Errorf("%w: nothing was written, because a connector was started meanwhile and has taken the tenant over; stop it and try again (%w)", errRefused, err)
	case err != nil:
		return fmt.Errorf("write the positions; \"connector offsets list\" tells whether they were written: %w", err)
	}
	return nil
}

// show prints the difference and what it means.
func (o *offsetsChange) show(out io.Writer, planned changes) error {
	if o.json {
		return o.showJSON(out, planned)
	}
	if len(planned.users) == 0 {
		fmt.Fprintln(out, "No position changes.")
	}
	for _, d := range planned.users {
		what := ""
		switch {
		case d.unreadable:
			what = "  (the present position cannot be read)"
		case d.before == nil:
			what = "  (has no position yet)"
		}
		if d.skips {
			what += "  can lose messages"
		}
		fmt.Fprintf(out, "%s%s\n", d.user, what)
		t := tabwriter.NewWriter(out, 0, 4, 1, ' ', 0)
		for _, l := range difference(d.before, d.after) {
			fmt.Fprintf(t, "  %s\t%s\t→ %s\n", l.name, l.before, l.after)
		}
		_ = t.Flush()
	}
	for _, sentence := range planned.means {
		fmt.Fprintln(out, sentence)
	}
	return nil
}

func (o *offsetsChange) showJSON(out io.Writer, planned changes) error {
	type change struct {
		User        string        `json:"user"`
		Before      *positionView `json:"before"`
		After       *positionView `json:"after"`
		Unreadable  bool          `json:"before_unreadable,omitempty"`
		CanLoseData bool          `json:"can_lose"`
	}
	shown := struct {
		Changes []change `json:"changes"`
		Means   []string `json:"means"`
	}{Changes: []change{}, Means: planned.means}
	for _, d := range planned.users {
		shown.Changes = append(shown.Changes, change{d.user, viewPosition(d.before), viewPosition(d.after), d.unreadable, d.skips})
	}
	return printJSON(out, shown)
}

// differs is a field of a position before and after a change; - is no value.
type differs struct{ name, before, after string }

// difference lists the fields that change.
func difference(before, after *offsets.Position) []differs {
	var lines []differs
	next := positionFields(after)
	for _, f := range positionFields(before) {
		line := differs{f.name, f.value, "-"}
		if i := slices.IndexFunc(next, func(n positionField) bool { return n.name == f.name }); i >= 0 {
			line.after = next[i].value
			next = slices.Delete(next, i, i+1)
		}
		if line.before != line.after {
			lines = append(lines, line)
		}
	}
	for _, f := range next {
		lines = append(lines, differs{f.name, "-", f.value})
	}
	return lines
}
