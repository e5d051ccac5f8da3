//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/teams-kafka/connector/test/kafka"
)

// The doctor is run again and again beside a connector that writes, on brokers that fence for real: it finds everything in
// order, and the connector does not notice.
func doctorBesideTheConnector(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 4*time.Minute)
	s := newStage(t, cluster, "doctor", nil)
	before := s.doctor(t, ctx)
	p := s.start(t)
	_, line := p.WaitFor(t, ctx, 0, "msg=polling")
	for range 5 {
		beside := s.doctor(t, ctx)
		for _, findings := range [][]finding{before, beside} {
			for _, f := range findings {
				// Retention against the horizon, and replication, are the cluster's affair here.
				if f.Verdict != "ok" && f.Verdict != "skipped" && !(f.Verdict == "warn" && slices.Contains([]string{"topic-output", "topic-dead-letters", "topic-offsets"}, f.Check)) {
					t.Errorf("%+v", f)
				}
			}
		}
		pause(ctx, 300*time.Millisecond)
	}
	for _, logged := range p.Lines()[line:] {
		if bytes.Contains([]byte(logged), []byte("fenced")) || bytes.Contains([]byte(logged), []byte("starts over")) {
			t.Errorf("the connector noticed: %s", logged)
		}
	}
	mustBeRight(t, s.settle(t, ctx, p), 500)
}

// finding is a line of the doctor's report.
type finding struct{ Check, Verdict, Seen, Remedy string }

// doctor runs connector doctor, which must find nothing that fails.
func (s *stage) doctor(t *testing.T, ctx context.Context) []finding {
	t.Helper()
	findings, err := s.examine(t, ctx)
	if err != nil {
		t.Errorf("doctor: %v\n%+v", err, findings)
	}
	return findings
}

// examine runs connector doctor and returns what it found, and an error if it did not exit with 0.
func (s *stage) examine(t *testing.T, ctx context.Context) ([]finding, error) {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, "doctor", "--json")
	cmd.Env = s.connectorEnvironment()
	out, failed := cmd.Output()
	var findings []finding
	if err := json.Unmarshal(out, &findings); err != nil {
		t.Fatalf("doctor: %v, %v\n%s", failed, err, out)
	}
	return findings, failed
}
