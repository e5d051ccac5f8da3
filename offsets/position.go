package offsets

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Position is how far one user's stream has been read. All instants are milliseconds since
// 1970-01-01T00:00:00Z.
type Position struct {
	// Start is where the stream begins: nothing that was last modified before it is asked for.
	Start int64
	// Marks holds one mark per rung, the shortest rung first. It is empty until the first window
	// has been read to its end.
	Marks []Mark
	// Window is the window in progress, nil between two windows.
	Window *Window
	// Listed is when the newest discovery that found the user began, as far as it was written with
	// another change; 0 if none is known.
	Listed int64
	// Removed is when the first discovery that no longer found the user began, 0 for a user who is
	// found.
	Removed int64
	// Excluded is when a discovery first found that the configuration excludes the user, 0 if it does not.
	// Connectors of before it existed pass it over.
	Excluded int64
}

// Mark is the upper bound of the last window that served a rung.
type Mark struct {
	Rung time.Duration
	At   int64
}

// Window is a stretch of time that is being read: From is its first instant, To the first instant
// that no longer belongs to it, Done the first instant that has not been read and committed yet.
type Window struct {
	From, To, Done int64
}

// Mark returns a rung's mark. A rung that has none, because the ladder was changed, takes the oldest
// one; ok is false if there is no mark at all.
func (p Position) Mark(rung time.Duration) (at int64, ok bool) {
	for i, m := range p.Marks {
		if m.Rung == rung {
			return m.At, true
		}
		if i == 0 || m.At < at {
			at = m.At
		}
	}
	return at, len(p.Marks) > 0
}

// Clone returns a copy that shares nothing with p.
func (p Position) Clone() Position {
	p.Marks = slices.Clone(p.Marks)
	if p.Window != nil {
		w := *p.Window
		p.Window = &w
	}
	return p
}

// FormatVersion is the value's "version" field. It grows when a reader of the present version would
// misunderstand what is written. Values of each earlier version are read.
const FormatVersion = 1

// The fields of a value. A mark's field is markPrefix and the rung's length, for instance "mark.10m".
const (
	fieldVersion  = "version"
	fieldStart    = "start"
	fieldFrom     = "window.from"
	fieldTo       = "window.to"
	fieldDone     = "window.done"
	fieldListed   = "listed"
	fieldRemoved  = "removed"
	fieldExcluded = "excluded"
	markPrefix    = "mark."
)

// latest is the last instant that RFC 3339 can write, at the end of the year 9999. A number beyond it is
// nobody's position, and arithmetic with it could overflow.
const latest = 253402300799999

// ErrFormat is wrapped by the error of a record that holds no position this version can read.
var ErrFormat = errors.New("not a position")

// Value encodes a position as the value of its record: a flat JSON object of whole numbers.
func (p Position) Value() []byte {
	fields := map[string]int64{fieldVersion: FormatVersion, fieldStart: p.Start}
	for _, m := range p.Marks {
		fields[markPrefix+FormatDuration(m.Rung)] = m.At
	}
	if p.Window != nil {
		fields[fieldFrom], fields[fieldTo], fields[fieldDone] = p.Window.From, p.Window.To, p.Window.Done
	}
	for name, at := range map[string]int64{fieldListed: p.Listed, fieldRemoved: p.Removed, fieldExcluded: p.Excluded} {
		if at != 0 {
			fields[name] = at
		}
	}
	value, err := json.Marshal(fields) // sorts its keys, so equal positions are equal bytes
	if err != nil {
		panic("offsets: a map of numbers always encodes: " + err.Error())
	}
	return value
}

// ParseValue reads what Value wrote. Fields it does not know are passed over. Every error wraps
// ErrFormat.
func ParseValue(value []byte) (Position, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil || fields == nil {
		return Position{}, fmt.Errorf("%w: the value is not a JSON object", ErrFormat)
	}
	number := func(name string) (int64, error) {
		raw, ok := fields[name]
		if !ok {
			return 0, fmt.Errorf("%w: field %q is missing", ErrFormat, name)
		}
		var n int64
		if err := json.Unmarshal(raw, &n); err != nil || string(raw) == "null" {
			return 0, fmt.Errorf("%w: field %q is not a whole number", ErrFormat, name)
		}
		if n < 0 || n > latest {
			return 0, fmt.Errorf("%w: field %q is %d, which is not from 0 to %d", ErrFormat, name, n, latest)
		}
		return n, nil
	}

	version, err := number(fieldVersion)
	if err != nil {
		return Position{}, err
	}
	if version < 1 || version > FormatVersion {
		return Position{}, fmt.Errorf("%w: version %d was written by a newer connector, this one reads up to %d",
			ErrFormat, version, FormatVersion)
	}

	var p Position
	if p.Start, err = number(fieldStart); err != nil {
		return Position{}, err
	}
	for name, target := range map[string]*int64{fieldListed: &p.Listed, fieldRemoved: &p.Removed, fieldExcluded: &p.Excluded} {
		if _, ok := fields[name]; !ok {
			continue
		}
		if *target, err = number(name); err != nil {
			return Position{}, err
		}
	}
	for name := range fields {
		length, ok := strings.CutPrefix(name, markPrefix)
		if !ok {
			continue
		}
		rung, err := time.ParseDuration(length)
		if err != nil || rung <= 0 {
			return Position{}, fmt.Errorf("%w: field %q names no rung", ErrFormat, name)
		}
		at, err := number(name)
		if err != nil {
			return Position{}, err
		}
		p.Marks = append(p.Marks, Mark{Rung: rung, At: at})
	}
	slices.SortFunc(p.Marks, func(a, b Mark) int { return int(min(1, max(-1, a.Rung-b.Rung))) })

	if _, ok := fields[fieldFrom]; ok {
		var w Window
		for name, target := range map[string]*int64{fieldFrom: &w.From, fieldTo: &w.To, fieldDone: &w.Done} {
			if *target, err = number(name); err != nil {
				return Position{}, err
			}
		}
		if w.Done < w.From || w.To < w.Done {
			return Position{}, fmt.Errorf("%w: the window in progress is not from ≤ done ≤ to", ErrFormat)
		}
		p.Window = &w
	}
	return p, nil
}

// FormatDuration prints a duration without the zero units that time.Duration prints: 10m, not 10m0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
