//go:build integration

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/test/kafka"
)

func judgedWithFaults(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "judged", faults)
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 100)
	mustBeRight(t, s.settle(t, ctx, p), 600)
}

// Killed with SIGKILL again and again: at any moment from its start on, so also between joining the group and being
// given its share, and while it writes (invariants 1 to 5).
func connectorKilled(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 5*time.Minute)
	s := newStage(t, cluster, "killed", faults)
	s.settings.KafkaSessionTimeout = "1s"
	rnd := rand.New(rand.NewPCG(11, 12))
	const kills = 12
	for i := range kills {
		p := s.start(t)
		if i%3 > 0 {
			p.WaitFor(t, ctx, 0, "tenant belongs to this process")
		}
		pause(ctx, time.Duration(rnd.IntN(900))*time.Millisecond)
		p.Kill()
	}
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	t.Logf("SIGKILL of the connector: %d", kills)
	mustBeRight(t, s.settle(t, ctx, p), 600)
}

// A spare takes over within the session timeout, the longest open transaction and the rebuild.
func spareTakesOver(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "takeover", nil)
	active := s.start(t)
	active.WaitFor(t, ctx, 0, "msg=polling")
	for range 3 {
		spare := s.start(t)
		spare.WaitFor(t, ctx, 0, "msg=\"spare: no tenant belongs to this process\"")
		s.commits(t, ctx, 20)
		before := len(spare.Lines())
		active.Kill()
		died := time.Now()
		spare.WaitFor(t, ctx, before, "msg=polling")
		t.Logf("takeover: polling %v after SIGKILL, with a session timeout of %s", time.Since(died).Round(10*time.Millisecond), s.settings.KafkaSessionTimeout)
		active = spare
	}
	mustBeRight(t, s.settle(t, ctx, active), 600)
}

// A member that dies after it was elected leader of the group and before it shared the partitions out: the others
// wait for its session timeout, and not for ever.
func memberDiedBetweenJoinAndSync(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 2*time.Minute)
	s := newStage(t, cluster, "joined", nil)

	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics = []string{s.offsetsTopic()}
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name, protocol.Metadata = "tenant-sticky", metadata.AppendTo(nil)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.ProtocolType = s.settings.ConnectorName, "consumer"
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 3000, 60_000
	join.Protocols = append(join.Protocols, protocol)
	joined, err := join.RequestWith(ctx, cl)
	if err == nil && errors.Is(kerr.ErrorForCode(joined.ErrorCode), kerr.MemberIDRequired) {
		join.MemberID = joined.MemberID
		joined, err = join.RequestWith(ctx, cl)
	}
	if err == nil {
		err = kerr.ErrorForCode(joined.ErrorCode)
	}
	if err != nil || joined.LeaderID != joined.MemberID {
		t.Fatalf("join: %v, leader %q, member %q", err, joined.LeaderID, joined.MemberID)
	}
	died := time.Now() // it never sends another request

	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	t.Logf("polling %v after a member with a session timeout of 3s died between JoinGroup and SyncGroup", time.Since(died).Round(10*time.Millisecond))
	mustBeRight(t, s.settle(t, ctx, p), 600)
}

// A process that is frozen for longer than its transaction may take: the broker aborts it, and the process begins anew
// from the topic once it continues.
func transactionExpired(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "expired", nil)
	s.settings.KafkaSessionTimeout = "60s" // it stays a member all the time
	s.settings.CommitInterval, s.settings.KafkaTransactionTimeout = "1s", "3s"
	p := s.start(t)
	_, seen := p.WaitFor(t, ctx, 0, "msg=polling")
	state := func() string {
		described, err := cluster.Admin().DescribeTransactions(ctx, s.transactionalID())
		if err != nil {
			t.Fatal(err)
		}
		return described[s.transactionalID()].State
	}
	for range 2 {
		// Frozen at a moment at which a transaction is open. If the commit was on its way, the process continues
		// and is frozen again.
		eventually(t, ctx, "an open transaction that the broker aborts", func() error {
			p.Signal(syscall.SIGSTOP)
			for now, open := state(), false; now != "CompleteAbort" || !open; now = state() {
				open = open || now == "Ongoing"
				if !open || !slices.Contains([]string{"Ongoing", "PrepareAbort", "PrepareEpochFence"}, now) || ctx.Err() != nil {
					p.Signal(syscall.SIGCONT)
					return fmt.Errorf("it is %s", now)
				}
				<-time.After(50 * time.Millisecond)
			}
			return nil
		})
		p.Signal(syscall.SIGCONT)
		_, seen = p.WaitFor(t, ctx, seen, "msg=polling")
		s.commits(t, ctx, 20)
	}
	mustBeRight(t, s.settle(t, ctx, p), 600)
}

// A process that is frozen until another one has taken its tenant over writes nothing more when it continues (invariant 4).
func zombieIsFenced(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "zombie", nil)
	zombie := s.start(t)
	zombie.WaitFor(t, ctx, 0, "msg=polling")
	heir := s.start(t)
	heir.WaitFor(t, ctx, 0, "msg=\"spare: no tenant belongs to this process\"")
	s.commits(t, ctx, 20)
	polled := len(heir.Lines())
	zombie.Signal(syscall.SIGSTOP)
	heir.WaitFor(t, ctx, polled, "msg=polling")
	s.commits(t, ctx, 20)
	before := len(zombie.Lines())
	zombie.Signal(syscall.SIGCONT)
	zombie.WaitFor(t, ctx, before, "msg=\"spare: no tenant belongs to this process\"")
	s.commits(t, ctx, 40)
	zombie.Signal(syscall.SIGTERM)
	if code := zombie.Wait(t, ctx); code != 0 {
		t.Errorf("the zombie's exit code is %d, want 0", code)
	}
	mustBeRight(t, s.settle(t, ctx, heir), 600)
}

// A rolling restart of the connector: a new process joins, then the one that writes is told to end. The tenant is handed over, and the
// session timeout, which is longer than the test may take, is not waited for.
func connectorsAreReplaced(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "replaced", nil)
	s.settings.KafkaSessionTimeout = "5m"
	active := s.start(t)
	active.WaitFor(t, ctx, 0, "msg=polling")
	for range 4 {
		next := s.start(t)
		_, before := next.WaitFor(t, ctx, 0, "msg=\"spare: no tenant belongs to this process\"")
		s.commits(t, ctx, 20)
		told := time.Now()
		active.Signal(syscall.SIGTERM)
		if code := active.Wait(t, ctx); code != 0 {
			t.Errorf("SIGTERM: exit code %d, want 0\n%s", code, active.Tail(60))
		}
		ended := time.Since(told)
		next.WaitFor(t, ctx, before, "msg=polling")
		t.Logf("hand-over: ended %v after SIGTERM, the next one polling after %v", ended.Round(10*time.Millisecond), time.Since(told).Round(10*time.Millisecond))
		for _, line := range slices.Concat(active.Lines(), next.Lines()) {
			if strings.Contains(line, "starts over") || strings.Contains(line, "begins anew") {
				t.Errorf("no orderly hand-over: %s", line)
			}
		}
		active = next
	}
	mustBeRight(t, s.settle(t, ctx, active), 600)
}
