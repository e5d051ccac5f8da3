package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// AskHealth asks /healthz of a process that listens on an address, as ADMIN_ADDRESS has it. It returns
// nil if the process answers 200 OK within the timeout.
func AskHealth(ctx context.Context, address string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(address)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	// Never use a proxy of the environment: the process is on this machine.
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

// reachable turns an address to listen on into one to connect to: a server on all addresses is reached
// on loopback.
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
