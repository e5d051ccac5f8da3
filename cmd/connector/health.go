package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
)

func healthCommand() *cobra.Command {
	timeout := 3 * time.Second
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the process in the same container whether it is alive",
		Long: `Ask /healthz of the connector that runs in the same container or on the same machine, at the address of
ADMIN_ADDRESS. It reads no other variable and needs neither Graph nor Kafka.

It is the image's HEALTHCHECK, for engines that have one, because the image holds no shell and no curl.
Kubernetes asks /healthz and /readyz by itself. Whether the connector does its work is what /readyz tells.

Exit codes: 0 it answers; 1 it does not; 2 ADMIN_ADDRESS is refused, or is none, so that there is nothing to ask.`,
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
				return usageError{errors.New("health: ADMIN_ADDRESS is none, so that nothing answers; set it, or switch the health check off")}
			}
			return askHealth(cmd.Context(), address, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait for the answer")
	return cmd
}

// askHealth asks a process that listens on the address.
func askHealth(ctx context.Context, address string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(address)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	// No proxy stands between a process and itself, whatever the environment says.
	client := &http.Client{Transport: &http.Transport{Proxy: nil}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health: the connector does not answer: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: the connector answers %s", response.Status)
	}
	return nil
}

// reachable turns an address that is listened on into one that can be asked: a server on all addresses is asked on
// loopback.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6unspecified):
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
