package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/demo"
)

func simulateCommand() *cobra.Command {
	var simulator demo.Simulator
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run the Microsoft Graph simulator on its own",
		Long:  demo.SimulatorHelp(),
		Example: `  connector simulate --users 50 --rate 20 --lateness 30s --history-messages 5000
  connector simulate --address 127.0.0.1:8443 --dir . --seed 7 --set fault-429-date=0.02 --set quirk-duplicates=0.05`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := simulator.Run(cmd.Context(), cmd.OutOrStdout())
			if errors.Is(err, demo.ErrOption) {
				return usageError{fmt.Errorf("simulate: %w", err)}
			}
			return err
		},
	}
	simulator.AddFlags(cmd.Flags())
	return cmd
}
