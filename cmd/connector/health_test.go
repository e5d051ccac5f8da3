package main

import (
	"context"
	"testing"

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
