package worker

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// polls reports whether the tenant's stream runs in this member.
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

// A tenant that is fenced from outside the group, as by a second release with the same topic, starts over alone,
// once the group has confirmed that it is still this process's (invariant 4). The other tenants of the
// process do not notice.
func TestGroup_AFencedTenantStartsOverAlone(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.ensureTopics(t)
	fenced := NewTenant(s.cfg, slog.New(slog.NewTextHandler(s.logs, nil)))
	other := s.cfg
	other.Tenant, other.Metrics = "another tenant", NewMetrics(nil)
	other.Writer.TransactionalID = sink.TransactionalID("out", other.Tenant)
	calm := NewTenant(other, slog.New(slog.NewTextHandler(s.logs, nil)))
	m := s.joinWith(t, fenced, calm)
	polls := func() bool { return fenced.State().Phase == Polling && calm.State().Phase == Polling }
	eventually(t, ctx, "both tenants to poll", polls)
	before := m.group.Member()
	for range 5 {
		intruder, err := sink.OpenWriter(ctx, s.cfg.Writer)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, ctx, "the tenant to be fenced", func() bool {
			state := fenced.State()
			return errors.Is(state.Err, sink.ErrFenced) && state.Phase != Polling && calm.State().Phase == Polling
		})
		intruder.Close()
		eventually(t, ctx, "the tenant to poll again", polls)
		s.progress(t, ctx)
	}
	if n := testutil.ToFloat64(s.cfg.Metrics.rebuilds.WithLabelValues("ok")); n < 6 {
		t.Errorf("the fenced tenant was rebuilt %v times, want 6", n)
	}
	if n := testutil.ToFloat64(other.Metrics.rebuilds.WithLabelValues("ok")); n != 1 {
		t.Errorf("the other tenant was rebuilt %v times, want once", n)
	}
	if m.group.Member() != before || strings.Contains(s.logs.String(), "membership ended") {
		t.Errorf("the process left the group\n%s", s.logs)
	}
}

// A process that the group no longer counts as a member does not fence back: it leaves and asks by joining
// anew (invariant 4).
func TestGroup_AFencedProcessThatIsNoLongerAMemberJoinsAnew(t *testing.T) {
	t.Parallel()
	ctx := within(t, time.Minute)
	s := newStage(t)
	s.ensureTopics(t)
	m := s.join(t)
	eventually(t, ctx, "the process to poll", m.polls)
	s.progress(t, ctx)
	before := m.group.Member()
	leave := kmsg.NewPtrLeaveGroupRequest() // in its name, so that the coordinator forgets it
	leave.Group, leave.MemberID = s.cfg.Name, before
	gone := kmsg.NewLeaveGroupRequestMember()
	gone.MemberID = before
	leave.Members = append(leave.Members, gone)
	if _, err := leave.RequestWith(ctx, s.client); err != nil {
		t.Fatal(err)
	}
	other, err := sink.OpenWriter(ctx, s.cfg.Writer)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	eventually(t, ctx, "the process to join anew", func() bool { return m.group.Member() != before && m.group.Member() != "" })
	eventually(t, ctx, "the process to poll again", m.polls)
	s.progress(t, ctx)
	s.mustBeRight(t, s.settle(t, ctx, m), 40)
}
