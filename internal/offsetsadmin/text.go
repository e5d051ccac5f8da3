package offsetsadmin

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/teams-kafka/connector/offsets"
)

// WriteTable writes positions for people, one user a line.
func WriteTable(out io.Writer, entries []offsets.Entry) error {
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "USER\tREAD UP TO\tSTILL READS FROM\tIN PROGRESS\tWRITTEN")
	for _, e := range entries {
		if e.Err != nil {
			fmt.Fprintf(t, "%s\tunreadable\t-\t-\t%s\n", e.User, offsets.FormatTime(e.Written.UnixMilli()))
			continue
		}
		progress := "-"
		if w := e.Position.Window; w != nil {
			progress = "to " + offsets.FormatTime(w.To)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", e.User, offsets.FormatTime(e.Position.ReadUpTo()), offsets.FormatTime(e.Position.NeededFrom()),
			progress, offsets.FormatTime(e.Written.UnixMilli()))
	}
	return t.Flush()
}

// WriteDetails writes positions for people, each with all its fields.
func WriteDetails(out io.Writer, entries []offsets.Entry) error {
	for _, e := range entries {
		fmt.Fprintln(out, e.User)
		t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		if e.Err != nil {
			fmt.Fprintf(t, "  unreadable\t%v\n", e.Err)
		} else {
			for _, f := range fields(&e.Position) {
				fmt.Fprintf(t, "  %s\t%s\n", f.name, f.value)
			}
		}
		fmt.Fprintf(t, "  written\t%s\n", offsets.FormatTime(e.Written.UnixMilli()))
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// WriteText writes a plan for people: the difference for each user, then what it means.
func (p Plan) WriteText(out io.Writer) error {
	if len(p.Changes) == 0 {
		fmt.Fprintln(out, "No position changes.")
	}
	for _, c := range p.Changes {
		remark := ""
		switch {
		case c.Unreadable:
			remark = "  (the current position cannot be read)"
		case c.Before == nil:
			remark = "  (has no position yet)"
		}
		if c.CanLose {
			remark += "  can lose messages"
		}
		fmt.Fprintf(out, "%s%s\n", c.User, remark)
		t := tabwriter.NewWriter(out, 0, 4, 1, ' ', 0)
		for _, d := range difference(c.Before, c.After) {
			fmt.Fprintf(t, "  %s\t%s\t→ %s\n", d.name, d.before, d.after)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, sentence := range p.Consequences {
		if _, err := fmt.Fprintln(out, sentence); err != nil {
			return err
		}
	}
	return nil
}

// field is one line of a position.
type field struct{ name, value string }

// fields lists what a position says. It returns nil for nil.
func fields(p *offsets.Position) []field {
	if p == nil {
		return nil
	}
	list := []field{{"start", offsets.FormatTime(p.Start)}}
	for _, m := range p.Marks {
		list = append(list, field{"mark " + offsets.FormatDuration(m.Rung), offsets.FormatTime(m.At)})
	}
	if w := p.Window; w != nil {
		list = append(list,
			field{"window from", offsets.FormatTime(w.From)},
			field{"window done", offsets.FormatTime(w.Done)},
			field{"window to", offsets.FormatTime(w.To)})
	}
	return list
}

// changedField is a field of a position before and after a change; - means no value.
type changedField struct{ name, before, after string }

// difference lists the fields that change.
func difference(before, after *offsets.Position) []changedField {
	var changed []changedField
	next := fields(after)
	for _, f := range fields(before) {
		c := changedField{f.name, f.value, "-"}
		if i := slices.IndexFunc(next, func(n field) bool { return n.name == f.name }); i >= 0 {
			c.after = next[i].value
			next = slices.Delete(next, i, i+1)
		}
		if c.before != c.after {
			changed = append(changed, c)
		}
	}
	for _, f := range next {
		changed = append(changed, changedField{f.name, "-", f.value})
	}
	return changed
}
