package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/internal/admin"
)

func TestHealth_AsksTheProcessAtAdminAddress(t *testing.T) {
	// Not ready, but alive: a health check must not restart a process because Graph or Kafka is down.
	server, err := admin.Listen(admin.Config{Address: "127.0.0.1:0", Gatherer: prometheus.NewRegistry(), Ready: func() []string { return []string{"Kafka is down"} }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running errgroup.Group
	running.Go(func() error { return server.Run(ctx) })
	t.Setenv("ADMIN_ADDRESS", server.Address())
	t.Setenv("http_proxy", "http://127.0.0.1:1") // would refuse
	if code := execute(t.Context(), []string{"health"}); code != exitOK {
		t.Errorf("a process that answers: exit code %d, want %d", code, exitOK)
	}
	stop()
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	if code := execute(t.Context(), []string{"health"}); code != exitFailed {
		t.Errorf("a process that is gone: exit code %d, want %d", code, exitFailed)
	}
}

func TestHealth_AnAnswerOtherThan200IsAFailure(t *testing.T) {
	other := serve(t, http.NotFoundHandler())
	if err := askHealth(t.Context(), other, time.Minute); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want the status", err)
	}
}

func TestHealth_ASilentProcessIsGivenUp(t *testing.T) {
	answer := make(chan struct{})
	silent := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answer }))
	defer close(answer)
	if err := askHealth(t.Context(), silent, 50*time.Millisecond); err == nil {
		t.Error("a process that never answers counts as alive")
	}
}

func TestHealth_WhatCannotBeAskedIsAUsageError(t *testing.T) {
	for _, address := range []string{"none", "8080"} {
		t.Setenv("ADMIN_ADDRESS", address)
		if code := execute(t.Context(), []string{"health"}); code != exitUsage {
			t.Errorf("ADMIN_ADDRESS=%s: exit code %d, want %d", address, code, exitUsage)
		}
	}
	t.Setenv("ADMIN_ADDRESS", "")
	if code := execute(t.Context(), []string{"health", "--timeout", "0s"}); code != exitUsage {
		t.Errorf("--timeout 0s: exit code %d, want %d", code, exitUsage)
	}
}

func TestReachable_AServerOnAllAddressesIsAskedOnLoopback(t *testing.T) {
	for listened, asked := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", "[::]:8080": "[::1]:8080",
		"10.0.0.7:9090": "10.0.0.7:9090", "localhost:8080": "localhost:8080", "[fd00::7]:8080": "[fd00::7]:8080",
	} {
		if got := reachable(listened); got != asked {
			t.Errorf("%s is asked at %s, want %s", listened, got, asked)
		}
	}
}

// serve answers on loopback until the test ends, and returns host:port.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
