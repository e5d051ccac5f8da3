package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/doctor"
)

func doctorCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything the connector needs, and say what mends what is wrong",
		Long: `Check, in this order, everything that "connector run" needs, with the same environment: the configuration; for each
tenant its token and roles, the discovery of users, one request for messages, and the clock; Kafka's brokers, the
sign-in, what the account may do, transactions and the topics; the schema registry and the schema.

It may run beside the connector: it writes no record, topic, schema or position, joins no group and fences nobody. What
it leaves behind is a transactional id of its own, which the brokers forget by themselves. Of Graph it asks one message
of one user (of up to three, if one is refused) and, with SOURCE_USERS=all or SOURCE_GROUPS, one listing of the users.

Each check is ok, warn (it works, and you should know this), fail, or skipped. Exit code 1 if any fails; 2 if that is the
configuration.

Checks: ` + strings.Join(doctor.Names(), ", ") + ".",
		Example: "  connector doctor\n  connector doctor --json | jq '.[] | select(.verdict != \"ok\")'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := &report{out: cmd.OutOrStdout(), json: asJSON, found: []doctor.Finding{}}
			cfg, err := config.Load()
			if err != nil {
				report.add(doctor.Finding{Check: doctor.CheckConfiguration, Verdict: doctor.Fail, Seen: err.Error(),
					Remedy: `correct the variables named; "connector run --help" lists all`})
				for _, name := range doctor.Names()[1:] {
					report.add(doctor.Finding{Check: name, Verdict: doctor.Skipped, Seen: "not looked at, because the configuration is invalid"})
				}
				return report.end(fmt.Errorf("%w: the configuration is invalid", errRefused))
			}
			examined, err := daemon.Examined(cfg, version())
			if err != nil {
				return err
			}
			if examined.Registry != nil {
				defer examined.Registry.Close()
			}
			report.add(doctor.Finding{Check: doctor.CheckConfiguration, Verdict: doctor.OK,
				Seen: fmt.Sprintf("%d tenants, topic %s", len(cfg.Tenants), cfg.Topic)})
			err = doctor.Examine(cmd.Context(), examined, report.add)
			return report.end(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list of {check, verdict, seen, remedy} (and tenant, where there are several)")
	return cmd
}

// report shows findings: as they come, or all at the end as JSON.
type report struct {
	out   io.Writer
	json  bool
	found []doctor.Finding
}

func (r *report) add(f doctor.Finding) {
	r.found = append(r.found, f)
	if r.json {
		return
	}
	name := f.Check
	if f.Tenant != "" {
		name += " of " + f.Tenant
	}
	seen, below := inOneLine(f.Seen)
	fmt.Fprintf(r.out, "%-8s %s: %s\n", f.Verdict, name, seen)
	for _, line := range below {
		fmt.Fprintf(r.out, "%-8s    %s\n", "", line)
	}
	if f.Remedy != "" {
		fmt.Fprintf(r.out, "%-8s -> %s\n", "", f.Remedy)
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

// end prints what comes last and gives the command's error.
func (r *report) end(err error) error {
	if r.json {
		if err := printJSON(r.out, r.found); err != nil {
			return err
		}
	} else {
		counts := make(map[doctor.Verdict]int)
		for _, f := range r.found {
			counts[f.Verdict]++
		}
		fmt.Fprintf(r.out, "\n%d ok, %d warn, %d fail, %d skipped\n", counts[doctor.OK], counts[doctor.Warn], counts[doctor.Fail], counts[doctor.Skipped])
	}
	if err != nil {
		return err
	}
	for _, f := range r.found {
		if f.Verdict == doctor.Fail {
			return errJudged
		}
	}
	return nil
}
