package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// TestMain lets the test binary be the connector: run again with this variable set, it is the real command line in
// a process of its own, which a test can kill.
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
	dir := t.TempDir()
	kafka, registry := startStack(t)
	d := demo{simulation: simulation{users: 12, chats: 20, rate: 80, seed: 7}, faults: true}
	simConfig := d.simulator(dir)
	sim, err := graphsim.Start(simConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()

	settings := d.settings(sim, dir, kafka.Brokers(), registry.URL())
	settings.Delivery = delivery
	settings.KafkaSessionTimeout = "1s"
	settings.LogFormat = "text"
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}

	rnd := rand.New(rand.NewPCG(11, uint64(kills)))
	for range kills {
		p := startConnector(t, ctx, settings)
		// From here on a kill hits the fencing, the rebuild of the index, slices and commits. Not
		// before: the embedded Kafka never expires a member that died between its JoinGroup and its
		// SyncGroup, as Kafka does, and no later member would get its partitions.
		p.waitFor(t, ctx, "tenant belongs to this process")
		wait(ctx, time.Duration(rnd.IntN(900))*time.Millisecond)
		p.kill(t, syscall.SIGKILL)
	}

	sim.StopTraffic()
	p := startConnector(t, ctx, settings)
	p.waitFor(t, ctx, "msg=polling")
	for !sim.Quiet() && ctx.Err() == nil {
		wait(ctx, 50*time.Millisecond)
	}
	// A user that met faults may still be waiting for its next try, so look until all that is visible was
	// read and committed. What stands twice or in the wrong order stays so, however long one looks.
	var verdict *judge.Verdict
	for settled := false; !settled && ctx.Err() == nil; {
		wait(ctx, demoLongest)
		if verdict, err = d.judge(ctx, cfg, sim, registry.URL()); err != nil {
			t.Fatal(err)
		}
		settled = verdict.Missing == 0 && verdict.Unseen == 0
	}
	if code := p.kill(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("SIGTERM: exit code %d, want %d\n%s", code, exitOK, p.tail())
	}
	if verdict, err = d.judge(ctx, cfg, sim, registry.URL()); err != nil {
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

// startStack starts an embedded Kafka and registry that end with the test.
func startStack(t *testing.T) (*embedded.Kafka, *embedded.Registry) {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Close() })
	return kafka, registry
}

// process is a connector in a process of its own.
type process struct {
	cmd   *exec.Cmd
	lines chan string
	last  []string
	ended chan struct{}
}

func startConnector(t *testing.T, ctx context.Context, settings config.Settings) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, "run")
	cmd.Env = append(environment(settings), "CONNECTOR_TEST_EXEC=1", "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: make(chan string, 10_000), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		defer close(p.lines)
		scan := bufio.NewScanner(stderr)
		for scan.Scan() {
			select {
			case p.lines <- scan.Text():
			default: // nobody reads that far
			}
		}
	}()
	return p
}

// waitFor returns when the process has logged a line that holds the text.
func (p *process) waitFor(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the connector ended before it logged %q:\n%s", text, p.tail())
			}
			p.last = append(p.last, line)
			if strings.Contains(line, text) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("the connector did not log %q:\n%s", text, p.tail())
		}
	}
}

// kill sends a signal, waits for the end and returns the exit code (-1 for a process that was killed).
func (p *process) kill(t *testing.T, signal syscall.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	for line := range p.lines {
		p.last = append(p.last, line)
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) tail() string {
	return strings.Join(p.last[max(0, len(p.last)-150):], "\n")
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
