package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/audit"
	"github.com/teams-kafka/connector/offsets"
)

// verification is an audit as the command line asks for it.
type verification struct {
	from, to string
	users    []string
	examples int
	json     bool
}

func verifyCommand() *cobra.Command {
	var v verification
	cmd := &cobra.Command{
		Use:   "verify --from TIME --to TIME",
		Short: "Read a range of time from Graph again and compare it with the topic",
		Long: `Read all messages that Graph shows of a range of time again, by their last modification, and compare them with what
the topic holds. Run it with the environment of "connector run", beside it or without it. It never writes: it makes no
producer, uses no transactional id and joins no group.

Every version that Graph shows is one of these:

  present          in the topic, or in the dead letters
  superseded       not in the topic, but a newer version of the same message is
  version differs  not in the topic, which holds older versions of the message only
  missing          not in the topic, nor is any other version of the message

A version that differs or is missing may still be on its way: Graph is up to 24 h late, and the rungs of SOURCE_LOOKBACKS
read everything again. What a later window will ask for again is called "still to be read". For a final answer, let --to lie
further back than the longest rung and SOURCE_POLL_INTERVAL together (72h by default).

What the topic holds and Graph does not show is no fault: "replaced" by a newer version, "purged" by Graph 21 days after it
was deleted, or "extra", for instance because it was modified after --to and not read since, or its mailbox is gone. With
--users only chats of which Graph shows these users something are looked at for this.

If a part of the topic has been deleted by retention and the range may have been in it, that is said, and what was deleted
counts as missing. TRANSFORM_EXCLUDE_CHATS and GRAPH_FILTER leave out here what they leave out when the connector runs.

It asks Graph at most SOURCE_RATE times a second, out of the same quota of the tenant that a running connector lives on.
Give it a part of that and the connector the rest. Memory: up to ` + fmt.Sprint(audit.VersionBytes) + ` bytes for each version of the range.

Exit code 0: nothing is missing. 1: a version is missing or differs, also if it is still to be read; or a mailbox could not
be read. 2: the arguments, the configuration or a topic is refused.`,
		Example: `  connector verify --from 10d --to 72h
  SOURCE_RATE=40 connector verify --from 2026-01-01 --to 2026-02-01 --json
  connector verify --from 2026-01-31T08:00:00Z --to 2026-01-31T09:00:00Z --users ada@contoso.com`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	cmd.Flags().StringVar(&v.from, "from", "", "first instant of the range: a time (RFC 3339), a date, or a duration back from now")
	cmd.Flags().StringVar(&v.to, "to", "", "first instant after the range")
	cmd.Flags().StringSliceVar(&v.users, "users", nil, "whose mailboxes to read, comma-separated (default: SOURCE_USERS)")
	cmd.Flags().IntVar(&v.examples, "examples", 20, "how many findings of each kind to list; -1 for all")
	addTenantFlag(cmd.Flags())
	cmd.Flags().BoolVar(&v.json, "json", false, "print one JSON object")
	return cmd
}

func (v *verification) run(cmd *cobra.Command) error {
	ctx, now := cmd.Context(), time.Now()
	if v.from == "" || v.to == "" {
		return usageError{errors.New("verify: want --from and --to, for example --from 10d --to 72h")}
	}
	from, err := parseInstant("--from", v.from, now)
	if err != nil {
		return err
	}
	to, err := parseInstant("--to", v.to, now)
	if err != nil {
		return err
	}
	if !from.Before(to) {
		return usageError{fmt.Errorf("verify: --from %s does not lie before --to %s", v.from, v.to)}
	}
	c, stored, err := loadPositions(cmd)
	if err != nil {
		return err
	}
	users := v.users
	if len(users) == 0 {
		if users, err = everyone(ctx, c, stored); err != nil {
			return err
		}
	}
	screen := newLive(cmd.ErrOrStderr())
	report, err := audit.Run(ctx, v.config(c, stored, users, from, to, (&progressLine{screen: screen}).show))
	screen.clear()
	if errors.Is(err, audit.ErrNoTopic) {
		return fmt.Errorf("%w: %w; is it KAFKA_TOPIC that differs?", errRefused, err)
	}
	if err != nil {
		return err
	}
	if v.json {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = printReport(cmd.OutOrStdout(), report)
	}
	if err != nil {
		return err
	}
	if !report.OK() {
		return errJudged
	}
	return nil
}

// everyone lists the users who are polled now and those who have a position from before.
func everyone(ctx context.Context, c *chosen, stored *offsets.Snapshot) ([]string, error) {
	found, err := c.tenant.Directory.Discover(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify: discover the users: %w", err)
	}
	for _, e := range stored.Entries() {
		if !found.Excluded[e.User] {
			found.Users[e.User] = true
		}
	}
	return slices.Sorted(maps.Keys(found.Users)), nil
}

func (v *verification) config(c *chosen, stored *offsets.Snapshot, users []string, from, to time.Time, progress func(audit.Progress)) audit.Config {
	positions := make(map[string]offsets.Position)
	for _, e := range stored.Entries() {
		if e.Err == nil {
			positions[e.User] = e.Position
		}
	}
	return audit.Config{
		From: from, To: to,
		Graph: c.tenant.Client, Query: c.tenant.Query, Users: users, SomeUsers: len(v.users) > 0,
		PageSize: c.tenant.PageSize, InFlight: c.tenant.InFlight, Policy: c.tenant.Policy,
		Positions: positions, Ladder: c.tenant.Ladder,
		Kafka: c.Kafka(), Tenant: c.tenant.Tenant, Topic: c.Config().Topic, DeadLetters: c.Config().DeadLetters(), Patience: c.Config().RebuildTimeout,
		Examples: v.examples, Progress: progress,
	}
}

// progressLine shows on a terminal how far it has come.
type progressLine struct {
	screen *live
	last   time.Time
}

// show is called often and draws a few times a second.
func (l *progressLine) show(p audit.Progress) {
	if time.Since(l.last) < 200*time.Millisecond {
		return
	}
	l.last = time.Now()
	l.screen.show(fmt.Sprintf("users read %d of %d · versions %d · records %d", p.UsersDone, p.Users, p.Versions, p.Records))
}

func printReport(out io.Writer, r *audit.Report) error {
	fmt.Fprintf(out, "%s to %s, %d users\n\n", showInstant(r.From.UnixMilli()), showInstant(r.To.UnixMilli()), r.Users)
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, row := range []struct {
		name  string
		count int
		note  string
	}{
		{"shown by Graph", r.Shown, ""},
		{"  present", r.Present, fmt.Sprintf("%d of them in the dead letters", r.DeadLetters)},
		{"  superseded", r.Superseded, "the topic holds a newer version"},
		{"  version differs", r.VersionDiffers, "the topic holds older versions only"},
		{"  missing", r.Missing, ""},
		{"only in the topic", r.Replaced + r.Purged + r.Extra, ""},
		{"  replaced", r.Replaced, "by a newer version"},
		{"  purged", r.Purged, "deleted more than 21 days ago"},
		{"  extra", r.Extra, ""},
		{"excluded", r.Excluded, "items of chats that the policy leaves out"},
		{"outside", r.Outside, "items that Graph showed although they lie outside the range"},
	} {
		fmt.Fprintf(t, "%s\t%d\t%s\n", row.name, row.count, row.note)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	for _, kind := range []audit.Kind{audit.KindMissing, audit.KindVersionDiffers, audit.KindExtra} {
		if len(r.Findings[kind]) > 0 {
			fmt.Fprintf(out, "\n%s:\n", kind)
		}
		for _, f := range r.Findings[kind] {
			fmt.Fprintln(out, "  "+describeFinding(f))
		}
	}
	for _, u := range r.Unreadable {
		fmt.Fprintf(out, "\nuser %s could not be read: %s\n", u.User, u.Error)
	}
	for _, u := range r.Uncovered {
		begins := "and is empty"
		if u.Begins != nil {
			begins = "where the first record is of " + showInstant(u.Begins.UnixMilli())
		}
		fmt.Fprintf(out, "\nThe range is not covered: %s partition %d begins at offset %d, %s. What was deleted there counts as missing.\n",
			u.Topic, u.Partition, u.Offset, begins)
	}
	fmt.Fprintf(out, "\n%s (%.1f s)\n", verdictOf(r), r.Seconds)
	return nil
}

func describeFinding(f audit.Finding) string {
	if f.Name != "" {
		return "item without identity " + f.Name
	}
	text := fmt.Sprintf("chat %s message %s etag %s of %s", f.ChatID, f.ID, f.ETag, showInstant(f.Time.UnixMilli()))
	if f.TopicETag != "" {
		text += ", the topic holds etag " + f.TopicETag
	}
	switch f.Why {
	case audit.WhyStillToRead:
		text += " (still to be read)"
	case audit.WhyNotPolled:
		text += " (no user who has it has a position)"
	case audit.WhyBeforeStart:
		text += " (before the start of the users who have it)"
	}
	return text
}

func verdictOf(r *audit.Report) string {
	absent := r.Missing + r.VersionDiffers
	switch {
	case absent > 0:
		return fmt.Sprintf("%d versions are not in the topic: %d still to be read, %d of users without a position, %d before the users' start, %d without an excuse",
			absent, r.StillToRead, r.NotPolled, r.BeforeStart, absent-r.StillToRead-r.NotPolled-r.BeforeStart)
	case len(r.Unreadable) > 0:
		return fmt.Sprintf("nothing is missing of what could be read, but %d users could not be read", len(r.Unreadable))
	default:
		return "nothing is missing"
	}
}
