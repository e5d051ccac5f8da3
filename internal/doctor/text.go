package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Report shows findings: each as it comes, or all at the end as one JSON list.
type Report struct {
	out   io.Writer
	json  bool
	found []Finding
}

// NewReport returns an empty report.
func NewReport(out io.Writer, asJSON bool) *Report {
	return &Report{out: out, json: asJSON, found: []Finding{}}
}

// Add takes the next finding.
func (r *Report) Add(f Finding) {
	r.found = append(r.found, f)
	if !r.json {
		f.writeText(r.out)
	}
}

// End prints what comes last and reports whether no check failed.
func (r *Report) End() (passed bool, err error) {
	counts := make(map[Verdict]int)
	for _, f := range r.found {
		counts[f.Verdict]++
	}
	if r.json {
		encoder := json.NewEncoder(r.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r.found)
	} else {
		_, err = fmt.Fprintf(r.out, "\n%d ok, %d warn, %d fail, %d skipped\n", counts[OK], counts[Warn], counts[Fail], counts[Skipped])
	}
	if err != nil {
		return false, fmt.Errorf("print the findings: %w", err)
	}
	return counts[Fail] == 0, nil
}

// writeText prints a finding for a person: one line, and below it a text that does not fit, and the remedy.
func (f Finding) writeText(out io.Writer) {
	name := f.Check
	if f.Tenant != "" {
		name += " of " + f.Tenant
	}
	seen, below := inOneLine(f.Seen)
	fmt.Fprintf(out, "%-8s %s: %s\n", f.Verdict, name, seen)
	for _, line := range below {
		fmt.Fprintf(out, "%-8s    %s\n", "", line)
	}
	if f.Remedy != "" {
		fmt.Fprintf(out, "%-8s -> %s\n", "", f.Remedy)
	}
}

// What is shown of a text on a finding's first line, in runes: its beginning, and its end, where an error
// has its cause.
const headRunes, tailRunes = 200, 300

// inOneLine returns a text as one line of bounded length, and the whole text's lines if that does not hold it.
func inOneLine(text string) (line string, below []string) {
	for part := range strings.Lines(text) {
		if part = cleanLine(part); part != "" {
			below = append(below, part)
		}
	}
	line = strings.Join(below, " ")
	if runes := []rune(line); len(runes) > headRunes+tailRunes {
		return string(runes[:headRunes]) + " … " + string(runes[len(runes)-tailRunes:]), below
	}
	if len(below) < 2 {
		return line, nil
	}
	return line, below
}

// cleanLine drops what a terminal would obey, and surplus space.
func cleanLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
	}), " ")
}
