package doctor

import (
	"bytes"
	"strings"
	"testing"
)

// The first line of a finding has the cause, however long the text is and wherever it breaks; the whole text
// is below it.
func TestReport_TheFirstLineHasTheCause(t *testing.T) {
	long := strings.Repeat("and so on ", 200)
	for name, c := range map[string]struct {
		seen    string
		first   string // ends the first line
		below   string // is on a line below; empty for no such line
		longest int    // of the first line, in bytes
	}{
		"one line":       {seen: "the token is refused: AADSTS7000215", first: "ok       check: the token is refused: AADSTS7000215", longest: 100},
		"lines":          {seen: "configuration is invalid:\n   KAFKA_BROKERS is missing\n\n   SOURCE_USERS is empty\n", first: "is invalid: KAFKA_BROKERS is missing SOURCE_USERS is empty", below: "KAFKA_BROKERS is missing", longest: 120},
		"a long way":     {seen: "sink: create topic out: " + long + ": POLICY_VIOLATION: needs 3 replicas", first: "POLICY_VIOLATION: needs 3 replicas", below: "sink: create topic out: and so on", longest: 540},
		"terminal codes": {seen: "said \x1b[2J\r\nok       all is well", first: "ok       check: said [2J ok all is well", below: "said [2J", longest: 100},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := NewReport(&out, false)
			r.Add(Finding{Check: "check", Verdict: OK, Seen: c.seen})
			first, below, _ := strings.Cut(out.String(), "\n")
			if !strings.HasSuffix(first, c.first) || len(first) > c.longest {
				t.Errorf("first line %q", first)
			}
			if (c.below != "") != (below != "") || !strings.Contains(below, c.below) {
				t.Errorf("below: %q", below)
			}
			for line := range strings.Lines(below) {
				if !strings.HasPrefix(line, "            ") {
					t.Errorf("the line %q looks like a finding", line)
				}
			}
		})
	}
}
