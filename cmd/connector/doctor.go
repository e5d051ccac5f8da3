package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/doctor"
	"github.com/teams-kafka/connector/internal/terminal"
)

func doctorCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything the connector needs, and say how to fix what is wrong",
		Long: `Check, in this order, everything that "connector run" needs, with the same environment: the configuration; for each
tenant its token and roles, the discovery of users, one request for messages, and the clock; Kafka's brokers, the
sign-in, what the account may do, transactions and the topics; the schema registry and the schema.

It may run beside the connector: it writes no record, topic, schema or position, joins no group and fences nobody. What
it leaves behind is a transactional id for this check alone, which the brokers forget by themselves. Of Graph it asks one message
of one user (of up to three, if one is refused) and, with SOURCE_USERS=all or SOURCE_GROUPS, one listing of the users.

Each check is ok, warn (it works, and you should know this), fail, or skipped. Exit code 1 if any fails; 2 if that is the
configuration.

Checks: ` + strings.Join(doctor.Names(), ", ") + ".",
		Example: "  connector doctor\n  connector doctor --json | jq '.[] | select(.verdict != \"ok\")'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := doctor.NewReport(cmd.OutOrStdout(), asJSON, terminal.Is(cmd.OutOrStdout()) && os.Getenv("NO_COLOR") == "")
			cfg, err := config.Load()
			if err != nil {
				report.Invalid(err)
				return ended(report, fmt.Errorf("%w: the configuration is invalid", errRefused))
			}
			examined, err := daemon.Examined(cfg, version())
			if err != nil {
				return err
			}
			if examined.Registry != nil {
				defer examined.Registry.Close()
			}
			report.Add(doctor.Finding{Check: doctor.CheckConfiguration, Verdict: doctor.OK,
				Seen: fmt.Sprintf("%d tenants, topic %s", len(cfg.Tenants), cfg.Topic)})
			err = doctor.Examine(cmd.Context(), examined, report.Add)
			return ended(report, err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list of {check, verdict, seen, remedy, seconds} (and tenant, where there are several)")
	return cmd
}

// ended prints what comes last, and returns the error of the command: err, or that a check failed.
func ended(report *doctor.Report, err error) error {
	passed, printed := report.End()
	switch {
	case printed != nil || err != nil:
		return cmp.Or(printed, err)
	case !passed:
		return errJudged
	}
	return nil
}
