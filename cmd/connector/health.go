package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/config"
)

func healthCommand() *cobra.Command {
	timeout := 3 * time.Second
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the process in the same container whether it is alive",
		Long: `Ask /healthz of the connector that runs in the same container or on the same machine, at the address of
ADMIN_ADDRESS. The command reads no other variable and needs neither Graph nor Kafka.

It is the image's HEALTHCHECK, because the image contains neither a shell nor curl. Kubernetes asks /healthz and
/readyz itself. /readyz says whether the connector makes progress; this command does not.

Exit codes: 0 the process answers. 1 it does not. 2 ADMIN_ADDRESS is invalid, or none, so nothing can answer.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return usageError{errors.New("health: --timeout must be positive")}
			}
			address, err := config.AdminAddress()
			if err != nil {
				return err
			}
			if address == "" {
				return usageError{errors.New("health: ADMIN_ADDRESS is none, so nothing answers; set it, or turn the health check off")}
			}
			return admin.AskHealth(cmd.Context(), address, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait for the answer")
	return cmd
}
