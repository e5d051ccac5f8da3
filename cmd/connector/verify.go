package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/audit"
	"github.com/teams-kafka/connector/internal/terminal"
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

What nobody reads is not missed: versions before a user's start, and of users who were removed before or are excluded.

What the topic holds and Graph does not show is not a fault: "replaced" by a newer version, "purged" by Graph 21 days after it
was deleted, or "extra", for instance because it was modified after --to and not read since, or its mailbox is gone. With
--users only chats of which Graph shows these users something are looked at for this.

If a part of the topic has been deleted by retention and the range may have been in it, that is said, and what was deleted
counts as missing. TRANSFORM_EXCLUDE_CHATS and GRAPH_FILTER leave out here what they leave out when the connector runs.

It asks Graph at most SOURCE_RATE times a second, out of the same quota of the tenant that a running connector lives on.
Give it a part of that and the connector the rest. Memory: up to ` + fmt.Sprint(audit.VersionBytes) + ` bytes for each version of the range.

Exit code 0: nothing is missing that the connector reads. 1: a version is missing or differs, also if it is still to be
read; or a mailbox could not be read, unless its user was removed and it no longer exists. 2: the arguments, the configuration or a topic is refused.`,
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
		if users, err = audit.Mailboxes(ctx, c.tenant.Directory, stored); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	screen := terminal.NewLive(cmd.ErrOrStderr())
	report, err := audit.Run(ctx, v.config(c, stored, users, from, to, (&progressLine{draw: screen.Show}).show))
	screen.Clear()
	if errors.Is(err, audit.ErrNoTopic) {
		return fmt.Errorf("%w: %w; is it KAFKA_TOPIC that differs?", errRefused, err)
	}
	if err != nil {
		return err
	}
	if v.json {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.WriteText(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	if !report.OK() {
		return errJudged
	}
	return nil
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

// progressLine shows how far a verification has come.
type progressLine struct {
	draw func(lines ...string)
	last time.Time
}

// show is called often and draws a few times a second.
func (l *progressLine) show(p audit.Progress) {
	if time.Since(l.last) < 200*time.Millisecond {
		return
	}
	l.last = time.Now()
	l.draw(fmt.Sprintf("users read %d of %d · versions %d · records %d", p.UsersDone, p.Users, p.Versions, p.Records))
}
