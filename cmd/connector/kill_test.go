package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/test/process"
)

// TestMain lets the test binary be the connector: run again with this variable set, it is the real command line in
// its own process, which a test can kill.
func TestMain(m *testing.M) {
	if os.Getenv("CONNECTOR_TEST_EXEC") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun_KilledTwentyTimesLosesNothing kills the daemon with SIGKILL again and again, at moments that a seed
// chooses, most of them while it writes, and lets the independent reader judge (invariants 1 to 5).
func TestRun_KilledTwentyTimesLosesNothing(t *testing.T) {
	for _, delivery := range []string{"exactly-once", "idempotent"} {
		t.Run(delivery, func(t *testing.T) {
			t.Parallel()
			kills := 20
			if testing.Short() {
				kills = 5
			}
			killAndJudge(t, delivery, kills)
		})
	}
}

func killAndJudge(t *testing.T, delivery string, kills int) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	tenant := stage.Tenant(12, 20, 80, 7)
	stage.Faulty(tenant)
	s := stage.Start(t, stage.Options{Graph: tenant})
	s.Settings.Delivery = delivery
	s.Settings.KafkaSessionTimeout = "1s"
	s.Settings.LogFormat = "text"
	sim, cfg := s.Graph, s.Config(t)

	rnd := rand.New(rand.NewPCG(11, uint64(kills)))
	for range kills {
		p := startConnector(t, ctx, s.Settings)
		// From here on a kill hits the fencing, the rebuild of the index, slices and commits. Not
		// before: the embedded Kafka never expires a member that died between its JoinGroup and its
		// SyncGroup, as Kafka does, and no later member would get its partitions.
		p.waitFor(t, ctx, "tenant belongs to this process")
		wait(ctx, time.Duration(rnd.IntN(900))*time.Millisecond)
		p.end(t, ctx, syscall.SIGKILL)
	}

	sim.StopTraffic()
	p := startConnector(t, ctx, s.Settings)
	p.waitFor(t, ctx, "msg=polling")
	for !sim.Quiet() && ctx.Err() == nil {
		wait(ctx, 50*time.Millisecond)
	}
	// A user that met faults may still be waiting for its next try, so look until all that is visible was
	// read and committed. What is there twice or in the wrong order stays so, however long one looks.
	var verdict *judge.Verdict
	var err error
	for settled := false; !settled && ctx.Err() == nil; {
		wait(ctx, stage.Longest)
		if verdict, err = s.Judge(ctx, cfg); err != nil {
			t.Fatal(err)
		}
		settled = verdict.Missing == 0 && verdict.Unseen == 0
	}
	if code := p.end(t, ctx, syscall.SIGTERM); code != exitOK {
		t.Errorf("SIGTERM: exit code %d, want %d\n%s", code, exitOK, p.Tail(150))
	}
	if verdict, err = s.Judge(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills: %v, early requests %d", kills, verdict, sim.Stats().Early)
	if !verdict.OK() || verdict.Unseen != 0 {
		t.Errorf("%v, unseen %d\n%v", verdict, verdict.Unseen, verdict.Examples)
	}
	if verdict.InTopic < 1000 {
		t.Errorf("only %d versions are in the topic, the test shows nothing", verdict.InTopic)
	}
}

// connectorProcess is a connector in its own process.
type connectorProcess struct {
	*process.Process
	next int // the first line that waitFor has not looked at
}

func startConnector(t *testing.T, ctx context.Context, settings config.Settings) *connectorProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, "run")
	cmd.Env = append(environment(settings), "CONNECTOR_TEST_EXEC=1", "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
	return &connectorProcess{Process: process.Start(t, "the connector", cmd)}
}

// waitFor returns when the process has logged another line that contains the text.
func (p *connectorProcess) waitFor(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	_, p.next = p.WaitFor(t, ctx, p.next, text)
}

// end sends a signal, waits for the end and returns the exit code (-1 for a process that was killed).
func (p *connectorProcess) end(t *testing.T, ctx context.Context, signal syscall.Signal) int {
	t.Helper()
	p.Signal(signal)
	return p.Wait(t, ctx)
}

func environment(settings config.Settings) []string {
	var env []string
	for name, value := range settings.Variables() {
		if value != "" {
			env = append(env, fmt.Sprintf("%s=%s", name, value))
		}
	}
	return env
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
