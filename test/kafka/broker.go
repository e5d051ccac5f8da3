package kafka

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/teams-kafka/connector/test/process"
)

// broker is one node: broker and controller in one process.
type broker struct {
	node    int
	dir     string
	ports   map[string]int // by listener
	process *process.Process
	starts  int
}

func (b *broker) address(listener string) string {
	return fmt.Sprintf("127.0.0.1:%d", b.ports[listener])
}

func (b *broker) config() string { return filepath.Join(b.dir, "server.properties") }

// virtualMachine are options for a program that starts often, on two cores.
func virtualMachine(megabytes int) []string {
	return []string{fmt.Sprintf("-Xmx%dm", megabytes), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"}
}

// launch starts a broker, which lives as long as the cluster, also if a part of its test starts it again.
func (c *Cluster) launch(b *broker) {
	c.t.Helper()
	args := append(virtualMachine(384), c.options.JVM...)
	args = append(args, "-cp", c.classpath, "kafka.Kafka", b.config())
	cmd := exec.Command("java", args...)
	cmd.Dir = b.dir
	b.starts++
	b.process = process.Start(c.t, fmt.Sprintf("broker %d (start %d)", b.node, b.starts), cmd)
}

// Tool runs one of Kafka's own programs by its class and returns what it printed on standard output and error.
func (c *Cluster) Tool(ctx context.Context, class string, args ...string) (string, error) {
	all := append(virtualMachine(256), "-cp", c.classpath, class)
	out, err := exec.CommandContext(ctx, "java", append(all, args...)...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("kafka: %s: %w", class, err)
	}
	return string(out), nil
}

// Kill kills a broker (from 0) with SIGKILL and returns when its process is gone.
func (c *Cluster) Kill(i int) { c.brokers[i].process.Kill() }

// Stop stops a broker in order, with SIGTERM, and returns when its process has ended.
func (c *Cluster) Stop(t testing.TB, ctx context.Context, i int) {
	t.Helper()
	c.brokers[i].process.Signal(syscall.SIGTERM)
	c.brokers[i].process.Wait(t, ctx)
}

// Pause stops a broker's process as if its machine had frozen; Resume lets it continue.
func (c *Cluster) Pause(i int) { c.brokers[i].process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (c *Cluster) Resume(i int) { c.brokers[i].process.Signal(syscall.SIGCONT) }

// Restart starts brokers that were killed or stopped, and returns when they serve again and everything is in sync.
func (c *Cluster) Restart(t testing.TB, ctx context.Context, brokers ...int) {
	t.Helper()
	for _, i := range brokers {
		c.launch(c.brokers[i])
	}
	for _, i := range brokers {
		c.awaitBroker(t, ctx, i)
	}
	c.AwaitSync(t, ctx)
}
