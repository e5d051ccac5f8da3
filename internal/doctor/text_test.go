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
		"one line":       {seen: "the token is refused: AADSTS7000215", first: "  ok       check                    the token is refused: AADSTS7000215", longest: 100},
		"lines":          {seen: "configuration is invalid:\n   KAFKA_BROKERS is missing\n\n   SOURCE_USERS is empty\n", first: "configuration is invalid (2)", below: "KAFKA_BROKERS is missing", longest: 120},
		"a long way":     {seen: "sink: create topic out: " + long + ": POLICY_VIOLATION: needs 3 replicas", first: "POLICY_VIOLATION: needs 3 replicas", below: "sink: create topic out: and so on", longest: 560},
		"terminal codes": {seen: "said \x1b[2J\r\nok       all is well", first: "check                    said [2J ok all is well", below: "said [2J", longest: 100},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := NewReport(&out, false, false)
			r.Add(Finding{Check: "check", Verdict: OK, Seen: c.seen})
			_, found, _ := strings.Cut(out.String(), "\n")
			first, below, _ := strings.Cut(found, "\n")
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

// Findings stand below what they are about; what is skipped for one reason is one line; the remedy is right
// below what failed.
func TestReport_GroupsFindingsAndFoldsWhatIsSkipped(t *testing.T) {
	var out bytes.Buffer
	r := NewReport(&out, false, false)
	for _, f := range []Finding{
		{Check: CheckConfiguration, Verdict: OK, Seen: "2 tenants"},
		{Check: "token", Tenant: "a", Verdict: Fail, Seen: "refused", Remedy: "renew the secret", Seconds: 1.25},
		{Check: "users", Tenant: "a", Verdict: Skipped, Seen: "not looked at"},
		{Check: "messages", Tenant: "a", Verdict: Skipped, Seen: "not looked at"},
		{Check: "kafka", Verdict: OK, Seen: "3 brokers"},
		{Check: "positions", Verdict: Skipped, Seen: "nobody has been read"},
		{Check: "registry", Verdict: Skipped, Seen: "no URL"},
		{Check: "schema", Verdict: Skipped, Seen: "no URL"},
	} {
		r.Add(f)
	}
	if passed, err := r.End(); passed || err != nil {
		t.Errorf("passed %v, %v", passed, err)
	}
	want := `Configuration
  ok       configuration            2 tenants

Microsoft Graph
  fail     token of a               refused  (1.2 s)
           -> renew the secret
  skipped  2 checks: not looked at
              users of a, messages of a

Kafka
  ok       kafka                    3 brokers
  skipped  positions                nobody has been read

Schema registry
  skipped  2 checks: no URL
              registry, schema

2 ok, 0 warn, 1 fail, 5 skipped
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReport_ColorsVerdictsOnlyWhereAsked(t *testing.T) {
	for _, color := range []bool{false, true} {
		var out bytes.Buffer
		NewReport(&out, false, color).Add(Finding{Check: "token", Verdict: Fail, Seen: "refused"})
		if got := strings.Contains(out.String(), "\x1b[31mfail   \x1b[0m"); got != color {
			t.Errorf("color %v: %q", color, out.String())
		}
	}
}
