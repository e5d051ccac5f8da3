package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/demo"
)

func demoCommand() *cobra.Command {
	d := demo.Demo{Version: version()}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the connector at work on this machine alone, and judge the result",
		Long: `Start a Graph simulator, an embedded Kafka and an embedded schema registry, run the connector
against them over the network while simulated people write, edit, react and delete, and then let an
independent judge compare the topic with everything the simulator showed.

The last line is the verdict. The exit code is 0 only if nothing is missing, duplicated or reordered.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.Out, d.Err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			err := d.Run(cmd.Context())
			switch {
			case errors.Is(err, demo.ErrVerdict):
				return errJudged
			case errors.Is(err, demo.ErrOption):
				return usageError{fmt.Errorf("demo: %w", err)}
			case err != nil:
				return fmt.Errorf("demo: %w", err)
			}
			return nil
		},
	}
	d.AddFlags(cmd.Flags())
	return cmd
}
