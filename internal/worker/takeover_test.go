package worker

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// polls tells whether the tenant's stream runs in this member.
func (m *member) polls() bool { return m.tenant.State().Phase == Polling }

// polling counts the members that run the tenant.
func polling(members ...*member) (n int) {
	for _, m := range members {
		if m.polls() {
			n++
		}
	}
	return n
}

// A rolling restart: each process is replaced by a new one before it leaves, as a Deployment does it. The tenant is handed over without
// waiting for the session timeout, which is far longer than the test, never by fencing, and a process that joins takes nothing away.
func TestGroup_ARollingRestartHandsTheTenantOver(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.sessionTimeout = 5 * time.Minute
	s.ensureTopics(t)
	members := []*member{s.join(t)}
	eventually(t, ctx, "the first to poll", members[0].polls)
	members = append(members, s.join(t))
	eventually(t, ctx, "the spare to join", members[1].group.Joined)

	for range 3 {
		owner, spare := members[0], members[1]
		if !owner.polls() {
			owner, spare = spare, owner
		}
		next := s.join(t)
		eventually(t, ctx, "the new one to join", next.group.Joined)
		s.progress(t, ctx)
		if !owner.polls() || polling(spare, next) != 0 {
			t.Fatalf("the tenant moved because a process came: the owner polls %v, of the others %d", owner.polls(), polling(spare, next))
		}
		if err := owner.leave(); err != nil {
			t.Fatalf("the owner ended with %v", err)
		}
		if owner.polls() {
			t.Error("a process that left still polls")
		}
		members = []*member{spare, next}
		eventually(t, ctx, "another to take over", func() bool { return polling(members...) == 1 })
		s.progress(t, ctx)
	}
	if n := s.sessionsEnded(); n != 0 {
		t.Errorf("%d sessions ended by a failure\n%s", n, s.logs)
	}
	s.mustBeRight(t, s.settle(t, ctx, members...), 100)
}

// A process is told to go while its commit is under way: the commit is waited for, and only then does the next process start, by which
// nobody is fenced and nothing is read twice.
func TestGroup_ARebalanceWaitsForTheCommitUnderWay(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.ensureTopics(t)
	owner := s.join(t)
	eventually(t, ctx, "the first to poll", owner.polls)
	spare := s.join(t)
	eventually(t, ctx, "the spare to join", spare.group.Joined)
	s.progress(t, ctx)

	held, released := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	defer release()
	var first sync.Once
	s.kafka.Cluster().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		s.kafka.Cluster().DropControl()
		first.Do(func() {
			s.kafka.Cluster().SleepControl(func() {
				close(held)
				<-released
			})
		})
		return nil, nil, false
	})
	<-held
	left := make(chan error, 1)
	go func() { left <- owner.leave() }()
	// The spare would poll a few milliseconds after it was given the tenant. Ten heartbeats go by.
	heartbeats := s.kafka.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Observe: true, Count: -1})
	if err := heartbeats.Wait(ctx, 10); err != nil {
		t.Fatal("no heartbeats come")
	}
	if spare.polls() {
		t.Error("the next process polls while the commit is under way")
	}
	release()
	if err := <-left; err != nil {
		t.Errorf("the owner ended with %v", err)
	}
	eventually(t, ctx, "the next to poll", spare.polls)
	s.progress(t, ctx)
	if n := s.sessionsEnded(); n != 0 {
		t.Errorf("%d sessions ended by a failure\n%s", n, s.logs)
	}
	if strings.Contains(s.logs.String(), "could not be finished") {
		t.Errorf("the last commit was not finished\n%s", s.logs)
	}
	s.mustBeRight(t, s.settle(t, ctx, spare), 40)
}

// Who is fenced does not fence back: it may be that the tenant is another's by now, so the process leaves the group and asks by
// joining anew (invariant 4).
func TestGroup_AFencedProcessAsksWhoseTheTenantIs(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.ensureTopics(t)
	m := s.join(t)
	eventually(t, ctx, "the process to poll", m.polls)
	s.progress(t, ctx)
	before := m.group.Member()
	other, err := sink.OpenWriter(ctx, s.cfg.Writer)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	eventually(t, ctx, "the process to join anew", func() bool { return m.group.Member() != before && m.group.Member() != "" })
	eventually(t, ctx, "the process to poll again", m.polls)
	s.progress(t, ctx)
	if !strings.Contains(s.logs.String(), "membership ended and begins anew") || strings.Contains(s.logs.String(), "stream failed and starts over") {
		t.Errorf("the process has not left the group, or has begun anew without it\n%s", s.logs)
	}
	s.mustBeRight(t, s.settle(t, ctx, m), 40)
}
