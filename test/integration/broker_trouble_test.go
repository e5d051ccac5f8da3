//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/base/tail"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/process"
)

// role is what a broker does for a stage.
type role struct {
	what string
	is   func(*testing.T, context.Context) int // the broker that has it now, from 0
}

// roles are those without which nothing is written.
func (s *stage) roles() []role {
	return []role{
		{"leader of the output topic", func(t *testing.T, ctx context.Context) int {
			return s.cluster.Leader(t, ctx, s.settings.KafkaTopic, 0)
		}},
		{"transaction coordinator", func(t *testing.T, ctx context.Context) int {
			return s.cluster.TransactionCoordinator(t, ctx, s.transactionalID())
		}},
		{"group coordinator", func(t *testing.T, ctx context.Context) int {
			return s.cluster.GroupCoordinator(t, ctx, s.settings.ConnectorName)
		}},
		{"leader of the offsets topic", func(t *testing.T, ctx context.Context) int {
			return s.cluster.Leader(t, ctx, s.offsetsTopic(), 0)
		}},
	}
}

// brokersAreKilled kills brokers with SIGKILL, each while it has another role and a transaction is open. The other two keep working. While there
// are only two, the connector is killed as well and a spare takes over (invariants 1 to 5).
func brokersAreKilled(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 5*time.Minute)
	s := newStage(t, cluster, "brokerskilled", faults)
	active := s.start(t)
	active.WaitFor(t, ctx, 0, "msg=polling")
	spare := s.start(t)
	spare.WaitFor(t, ctx, 0, "msg=\"spare: no tenant belongs to this process\"")
	var all troubles
	for _, role := range s.roles() {
		s.commits(t, ctx, 20)
		broker := role.is(t, ctx)
		s.awaitTransaction(t, ctx)
		all.begin(fmt.Sprintf("SIGKILL of the %s, broker %d", role.what, broker+1))
		cluster.Kill(broker)
		s.commits(t, ctx, 20)

		if polledLast(spare, active) {
			active, spare = spare, active // it took over when the broker went
		}
		all.begin("SIGKILL of the connector that polls, with two brokers left")
		active.Kill()
		s.commits(t, ctx, 20)
		active, spare = spare, s.start(t)

		all.begin(fmt.Sprintf("broker %d comes back", broker+1))
		cluster.Restart(t, ctx, broker)
	}
	spare.Signal(syscall.SIGTERM)
	if code := spare.Wait(t, ctx); code != 0 {
		t.Errorf("SIGTERM: exit code %d, want 0\n%s", code, spare.Tail(60))
	}
	verdict := s.settle(t, ctx, active)
	all.log(t, ctx, s)
	mustBeRight(t, verdict, 600)
}

// polledLast reports whether the first process began to poll after the second.
func polledLast(p, other *process.Process) bool {
	began := func(p *process.Process) (line string) {
		for _, l := range p.Lines() {
			if strings.Contains(l, "msg=polling") {
				line = l
			}
		}
		return line // which begins with the time
	}
	return began(p) > began(other)
}

// brokerFreezes freezes a broker, whose connections stay open, until the others have taken over. When it continues it finds out that it
// leads nothing any more, and what was sent to it must not count. The client waits up to 20 s for an answer; the transaction, as
// long as it is by default, outlives that.
func brokerFreezes(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "brokerfreezes", nil)
	s.settings.KafkaTransactionTimeout = "60s"
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	var all troubles
	s.commits(t, ctx, 20)
	broker := cluster.Leader(t, ctx, s.settings.KafkaTopic, 0)
	s.awaitTransaction(t, ctx)
	all.begin(fmt.Sprintf("SIGSTOP of the leader of the output topic, broker %d", broker+1))
	cluster.Pause(broker)
	s.commits(t, ctx, 20)
	all.begin(fmt.Sprintf("SIGCONT of broker %d", broker+1))
	cluster.Resume(broker)
	cluster.AwaitSync(t, ctx)
	verdict := s.settle(t, ctx, p)
	all.log(t, ctx, s)
	mustBeRight(t, verdict, 600)
}

// brokersAreRestarted restarts all brokers, one after the other, as an upgrade does.
func brokersAreRestarted(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "brokersrestarted", nil)
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	var all troubles
	for broker := range cluster.Size() {
		s.commits(t, ctx, 20)
		all.begin(fmt.Sprintf("SIGTERM of broker %d", broker+1))
		cluster.Stop(t, ctx, broker)
		s.commits(t, ctx, 20)
		all.begin(fmt.Sprintf("broker %d comes back", broker+1))
		cluster.Restart(t, ctx, broker)
	}
	verdict := s.settle(t, ctx, p)
	all.log(t, ctx, s)
	mustBeRight(t, verdict, 600)
}

// twoOfThreeAreDown: what one broker has does not count, so nothing is written, for longer than a transaction may
// take. The connector says that it is not ready, stays alive, and resumes when the brokers come back.
func twoOfThreeAreDown(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "twodown", nil)
	s.settings.KafkaTransactionTimeout = "5s"
	s.settings.AdminAddress = fmt.Sprintf("127.0.0.1:%d", process.FreePort(t))
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 20)
	s.awaitTransaction(t, ctx)
	var all troubles
	all.begin("SIGKILL of brokers 1 and 2")
	cluster.Kill(0)
	cluster.Kill(1)
	eventually(t, ctx, "the connector not to be ready", func() error {
		reasons := s.notReady(t, ctx)
		if len(reasons) == 0 {
			return errors.New("it is ready")
		}
		t.Logf("not ready %v after the kill: %s", time.Since(all[0].at).Round(100*time.Millisecond), strings.Join(reasons, "; "))
		return nil
	})
	pause(ctx, 5*time.Second)
	if reasons := s.notReady(t, ctx); len(reasons) == 0 {
		t.Error("the connector is ready while two of three brokers are down")
	} else {
		t.Logf("not ready: %s", strings.Join(reasons, "; "))
	}
	cluster.Restart(t, ctx, 0, 1)
	back := time.Now()
	s.commits(t, ctx, 20)
	eventually(t, ctx, "the connector to be ready", func() error {
		if reasons := s.notReady(t, ctx); len(reasons) > 0 {
			return errors.New(strings.Join(reasons, "; "))
		}
		return nil
	})
	t.Logf("ready, and positions committed, %v after the brokers were back in sync", time.Since(back).Round(100*time.Millisecond))
	verdict := s.settle(t, ctx, p)
	all.log(t, ctx, s)
	mustBeRight(t, verdict, 600)
}

// notReady returns the reasons that /readyz gives, none if it says ready. The test fails if the process does not answer.
func (s *stage) notReady(t *testing.T, ctx context.Context) []string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.settings.AdminAddress+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Ready   bool
		Reasons []string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Ready != (response.StatusCode == http.StatusOK) || answer.Ready != (len(answer.Reasons) == 0) {
		t.Fatalf("/readyz: %s, %+v", response.Status, answer)
	}
	return answer.Reasons
}

// awaitTransaction returns when the connector has a transaction open.
func (s *stage) awaitTransaction(t *testing.T, ctx context.Context) {
	t.Helper()
	eventually(t, ctx, "an open transaction", func() error {
		described, err := s.cluster.Admin().DescribeTransactions(ctx, s.transactionalID())
		if err == nil {
			err = described[s.transactionalID()].Err
		}
		if err != nil {
			return err
		}
		if state := described[s.transactionalID()].State; state != "Ongoing" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
}

// troubles are what a stage lives through, in order; each lasts until the next begins.
type troubles []struct {
	what string
	at   time.Time
}

func (all *troubles) begin(what string) {
	*all = append(*all, struct {
		what string
		at   time.Time
	}{what, time.Now()})
}

// log tells of each trouble the longest time in which no position was written. Where none is due
// for less than the poll interval, that is how long the stream stood still.
func (all troubles) log(t *testing.T, ctx context.Context, s *stage) {
	t.Helper()
	var written []time.Time
	_, err := tail.Read(ctx, tail.Config{
		Client: []kgo.Opt{kgo.SeedBrokers(s.cluster.Brokers()...)}, Topics: []tail.Topic{{Name: s.offsetsTopic()}}, Patience: time.Minute,
	}, func(r *kgo.Record) error {
		written = append(written, r.Timestamp)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(written, time.Time.Compare)
	for i, trouble := range all {
		longest := time.Duration(0)
		for j := 1; j < len(written); j++ {
			gap := written[j].Sub(written[j-1])
			// By its middle: it begins a little before the trouble, and can end a little after the next has begun.
			if middle := written[j-1].Add(gap / 2); middle.After(trouble.at) && (i+1 == len(all) || middle.Before(all[i+1].at)) {
				longest = max(longest, gap)
			}
		}
		t.Logf("after %v %s: at most %v without a position", trouble.at.Sub(all[0].at).Round(time.Second), trouble.what, longest.Round(10*time.Millisecond))
	}
}
