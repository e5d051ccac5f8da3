package audit

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/teams-kafka/connector/offsets"
)

// WriteText writes the report for people: counts, findings and the verdict.
func (r *Report) WriteText(out io.Writer) error {
	fmt.Fprintf(out, "%s to %s, %d users\n\n", offsets.FormatTime(r.From.UnixMilli()), offsets.FormatTime(r.To.UnixMilli()), r.Users)
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
	for _, kind := range []Kind{KindMissing, KindVersionDiffers, KindExtra} {
		if len(r.Findings[kind]) > 0 {
			fmt.Fprintf(out, "\n%s:\n", kind)
		}
		for _, f := range r.Findings[kind] {
			fmt.Fprintln(out, "  "+f.String())
		}
	}
	for _, u := range r.Unreadable {
		fmt.Fprintf(out, "\nuser %s could not be read: %s\n", u.User, u.Error)
	}
	for _, user := range r.Gone {
		fmt.Fprintf(out, "\nuser %s was removed, and Graph no longer has the mailbox\n", user)
	}
	for _, u := range r.Uncovered {
		begins := "and is empty"
		if u.Begins != nil {
			begins = "where the first record is of " + offsets.FormatTime(u.Begins.UnixMilli())
		}
		fmt.Fprintf(out, "\nThe range is not covered: %s partition %d begins at offset %d, %s. What was deleted there counts as missing.\n",
			u.Topic, u.Partition, u.Offset, begins)
	}
	fmt.Fprintf(out, "\n%s (%.1f s)\n", r.Verdict(), r.Seconds)
	return nil
}

// String describes the version of a finding and why it is absent, if that is known.
func (f Finding) String() string {
	if f.Name != "" {
		return "item without identity " + f.Name
	}
	text := fmt.Sprintf("chat %s message %s etag %s of %s", f.ChatID, f.ID, f.ETag, offsets.FormatTime(f.Time.UnixMilli()))
	if f.TopicETag != "" {
		text += ", the topic holds etag " + f.TopicETag
	}
	switch f.Why {
	case WhyStillToRead:
		text += " (still to be read)"
	case WhyNotPolled:
		text += " (no user who has it has a position)"
	case WhyLeft:
		text += " (the users who have it were removed or excluded before)"
	case WhyBeforeStart:
		text += " (before the start of the users who have it)"
	}
	return text
}

// Verdict returns the result in one sentence.
func (r *Report) Verdict() string {
	absent := r.Missing + r.VersionDiffers
	switch {
	case r.wanting() > 0:
		return fmt.Sprintf("%d versions are not in the topic: %d still to be read, %d of users without a position, %d before the users' start, %d of users who left, %d without an excuse",
			absent, r.StillToRead, r.NotPolled, r.BeforeStart, r.Left, r.wanting()-r.StillToRead-r.NotPolled)
	case len(r.Unreadable) > 0:
		return fmt.Sprintf("nothing is missing of what could be read, but %d users could not be read", len(r.Unreadable))
	case absent > 0:
		return fmt.Sprintf("nothing is missing of what the connector reads; it does not read %d versions before the users' start and %d of users who left", r.BeforeStart, r.Left)
	default:
		return "nothing is missing"
	}
}
