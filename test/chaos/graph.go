package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/test/child"
)

func (s *supervisor) startGraph(ctx context.Context) error {
	plan, err := json.Marshal(graphPlan{Seed: s.seed, Users: 40, Chats: 120, Rate: s.rate, Dir: s.dir, Poison: s.poison, Hang: s.hang})
	if err != nil {
		return err
	}
	cmd, err := child.Self(roleVariable+"=graph", "CHAOS_PLAN="+string(plan))
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	var told error
	if s.graph, err = child.Start("graph", cmd, child.Stdout, s.logs, func(line []byte) {
		told = json.Unmarshal(line, &s.tenant)
		ready <- struct{}{}
	}); err != nil {
		return err
	}
	if err := s.await(ctx, s.graph, ready); err != nil || told != nil {
		return errors.Join(err, told)
	}
	pem, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	s.graphAPI = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	return nil
}

// control posts to the simulator.
func (s *supervisor) control(ctx context.Context, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.tenant.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := s.graphAPI.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("POST %s: %s", path, response.Status)
	}
	return nil
}

func (s *supervisor) stats(ctx context.Context) (stats graphsim.Stats, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.tenant.URL+"/_sim/stats", nil)
	if err != nil {
		return stats, err
	}
	response, err := s.graphAPI.Do(request)
	if err != nil {
		return stats, err
	}
	defer response.Body.Close()
	return stats, json.NewDecoder(response.Body).Decode(&stats)
}
