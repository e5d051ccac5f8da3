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
	out         io.Writer
	json, color bool
	found       []Finding

	group   string    // of the last finding
	skipped []Finding // not shown yet: those that follow each other for one reason are one line
}

// NewReport returns an empty report. color is for a terminal.
func NewReport(out io.Writer, asJSON, color bool) *Report {
	return &Report{out: out, json: asJSON, color: color, found: []Finding{}}
}

// Add takes the next finding.
func (r *Report) Add(f Finding) {
	r.found = append(r.found, f)
	if r.json {
		return
	}
	group := group(f.Check)
	if len(r.skipped) > 0 && (f.Verdict != Skipped || f.Seen != r.skipped[0].Seen || group != r.group) {
		r.showSkipped()
	}
	if group != r.group {
		if r.group != "" {
			fmt.Fprintln(r.out)
		}
		fmt.Fprintln(r.out, group)
		r.group = group
	}
	if f.Verdict == Skipped {
		r.skipped = append(r.skipped, f)
		return
	}
	r.show(f)
}

// Invalid adds the findings of a configuration that cannot be used, which leaves nothing else to look at.
func (r *Report) Invalid(err error) {
	r.Add(Finding{Check: CheckConfiguration, Verdict: Fail, Seen: err.Error(),
		Remedy: `correct the variables named; "connector run --help" lists all`})
	for _, name := range Names()[1:] {
		r.Add(Finding{Check: name, Verdict: Skipped, Seen: "not looked at, because the configuration is invalid"})
	}
}

// group is the heading that a check is shown below.
func group(check string) string {
	switch check {
	case CheckConfiguration:
		return "Configuration"
	case "token", "users", "messages", "clock":
		return "Microsoft Graph"
	case "registry", "schema":
		return "Schema registry"
	default:
		return "Kafka"
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
		r.showSkipped()
		_, err = fmt.Fprintf(r.out, "\n%d ok, %d warn, %d fail, %d skipped\n", counts[OK], counts[Warn], counts[Fail], counts[Skipped])
	}
	if err != nil {
		return false, fmt.Errorf("print the findings: %w", err)
	}
	return counts[Fail] == 0, nil
}

// nameWidth is that of the longest name of a check.
const nameWidth = len("access-transactional-id")

// indent is where what belongs to the line above begins.
var indent = strings.Repeat(" ", len("  skipped  "))

// show prints a finding for a person: one line, below it a text that does not fit, and the remedy.
func (r *Report) show(f Finding) {
	seen, below := inOneLine(f.Seen)
	if f.Seconds >= 0.1 {
		seen += fmt.Sprintf("  (%.1f s)", f.Seconds)
	}
	fmt.Fprintf(r.out, "  %s  %-*s  %s\n", r.painted(f.Verdict), nameWidth, f.name(), seen)
	for _, line := range below {
		fmt.Fprintf(r.out, "%s   %s\n", indent, line)
	}
	if f.Remedy != "" {
		fmt.Fprintf(r.out, "%s-> %s\n", indent, f.Remedy)
	}
}

// showSkipped prints the skipped findings that wait as one line.
func (r *Report) showSkipped() {
	if len(r.skipped) == 0 {
		return
	}
	names := make([]string, len(r.skipped))
	for i, f := range r.skipped {
		names[i] = f.name()
	}
	together := r.skipped[0]
	r.skipped = nil
	if len(names) == 1 {
		r.show(together)
		return
	}
	fmt.Fprintf(r.out, "  %s  %d checks: %s\n", r.painted(Skipped), len(names), together.Seen)
	fmt.Fprintf(r.out, "%s   %s\n", indent, strings.Join(names, ", "))
}

func (f Finding) name() string {
	if f.Tenant == "" {
		return f.Check
	}
	return f.Check + " of " + f.Tenant
}

// painted is a verdict as wide as the longest, in its color on a terminal (ECMA-48).
func (r *Report) painted(v Verdict) string {
	text := fmt.Sprintf("%-7s", v)
	code, colored := map[Verdict]string{OK: "32", Warn: "33", Fail: "31", Skipped: "2"}[v]
	if !r.color || !colored {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// What is shown of a text on a finding's first line, in runes: its beginning, and its end, where an error
// has its cause.
const headRunes, tailRunes = 200, 300

// inOneLine returns a text as one line of bounded length, and the whole text's lines if that does not hold it.
// A list below a line that ends in a colon stays a list.
func inOneLine(text string) (line string, below []string) {
	for part := range strings.Lines(text) {
		if part = cleanLine(part); part != "" {
			below = append(below, part)
		}
	}
	if len(below) > 2 && strings.HasSuffix(below[0], ":") {
		return fmt.Sprintf("%s (%d)", strings.TrimSuffix(below[0], ":"), len(below)-1), below[1:]
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
