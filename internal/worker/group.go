package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// Group shares the tenants between all processes of one connector, by Kafka's consumer group
// protocol: every process subscribes to the offsets topic, and a tenant belongs to whoever holds the
// partition that murmur2 gives for its id. The group decides who should write; that nobody else can is
// held by the transactional id (invariant 4).
type Group struct {
	// Client are the options that reach the cluster.
	Client []kgo.Opt
	// Name is the consumer group, Topic the offsets topic.
	Name, Topic    string
	SessionTimeout time.Duration
	Tenants        []*Tenant
	Log            *slog.Logger
	// Hook makes what watches the member's client, anew for each client; nil for nothing.
	Hook func() kgo.Hook

	mu     sync.Mutex
	joined bool
	client *kgo.Client // nil between two memberships
	err    error       // why this process is not a member
	since  time.Time   // when it ceased to be one, or Run began
}

// Member is this process's member id in the group, empty while it has none.
func (g *Group) Member() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client == nil {
		return ""
	}
	id, _ := g.client.GroupMetadata()
	return id
}

// Outside returns since when this process has not been a member of the group, and why, if the brokers
// refuse it. The time is zero for a member.
func (g *Group) Outside() (since time.Time, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joined {
		return time.Time{}, nil
	}
	return g.since, g.err
}

// Joined reports whether this process is a member of the group.
func (g *Group) Joined() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.joined
}

// Run takes part in the group until the context ends, and returns nil when every stream has come to an
// orderly end and the group is left.
func (g *Group) Run(ctx context.Context) error {
	g.mu.Lock()
	g.since = time.Now()
	g.mu.Unlock()
	for ctx.Err() == nil {
		err := g.membership(ctx)
		if ctx.Err() != nil || err == nil {
			return nil //nolint:nilerr // The process is asked to end; what that interrupted is not an error.
		}
		g.Log.Warn("membership ended and begins anew", "error", err)
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
	return nil
}

// membership is one life as a member: from joining to leaving, or to being fenced while the group no longer
// counts this process as a member; whoever holds the tenants now is found out by joining again.
func (g *Group) membership(ctx context.Context) error {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	running := &streams{group: g, ctx: ctx, leave: leave, running: make(map[*Tenant]stream)}

	opts := append([]kgo.Opt{}, g.Client...)
	opts = append(opts,
		kgo.ConsumerGroup(g.Name),
		kgo.ConsumeTopics(g.Topic),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(g.SessionTimeout),
		// A member learns by its heartbeat that another came or left, so this is also what a hand-over waits for.
		kgo.HeartbeatInterval(min(3*time.Second, max(50*time.Millisecond, g.SessionTimeout/5))),
		kgo.RebalanceTimeout(max(g.SessionTimeout, 30*time.Second)),
		// It is cooperative: a tenant that stays where it is does not notice that another one moves.
		kgo.Balancers(newTenantBalancer(g.Topic, g.Tenants)),
		kgo.OnPartitionsAssigned(func(_ context.Context, cl *kgo.Client, assigned map[string][]int32) {
			running.assigned(cl, assigned[g.Topic])
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
			if len(revoked[g.Topic]) > 0 {
				running.revoked(revoked[g.Topic])
			}
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			g.setJoined(false) // a spare is told as well, with no partitions
			if len(lost[g.Topic]) > 0 {
				running.revoked(lost[g.Topic])
			}
		}),
	)
	if g.Hook != nil {
		opts = append(opts, kgo.WithHooks(g.Hook()))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("worker: join the group: %w", err)
	}
	g.setClient(cl)
	defer g.setClient(nil)
	// Only membership is wanted: no record is fetched. What a poll returns is why there is none.
	cl.PauseFetchTopics(g.Topic)
	go g.watch(ctx, cl)

	<-ctx.Done()
	running.revoked(nil)
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := cl.LeaveGroupContext(left); err != nil {
		g.Log.Warn("leaving the group failed, the others wait for the session timeout", "error", err)
	}
	cl.Close()
	g.setJoined(false)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (g *Group) setJoined(joined bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.become(joined)
	if joined {
		g.err = nil
	}
}

// become notes whether this process is a member. It is called with the lock held.
func (g *Group) become(joined bool) {
	if g.joined && !joined {
		g.since = time.Now()
	}
	g.joined = joined
}

// watch reports what keeps the client out of the group, once until it changes, while the client tries again by itself.
func (g *Group) watch(ctx context.Context, cl *kgo.Client) {
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		for _, f := range fetches.Errors() {
			var session *kgo.ErrGroupSession
			if !errors.As(f.Err, &session) || ctx.Err() != nil {
				continue
			}
			err := fmt.Errorf("worker: join the group %s: %w", g.Name, session.Err)
			if _, last := g.Outside(); last == nil || last.Error() != err.Error() {
				g.Log.Error("this process is not a member of the group and tries again", "error", err)
			}
			g.mu.Lock()
			g.err = err
			g.become(false)
			g.mu.Unlock()
		}
	}
}

func (g *Group) setClient(cl *kgo.Client) {
	g.mu.Lock()
	g.client = cl
	g.mu.Unlock()
}

// streams are the tenants that run in this process.
type streams struct {
	group *Group
	ctx   context.Context
	leave context.CancelCauseFunc

	mu      sync.Mutex
	running map[*Tenant]stream
}

type stream struct {
	partition int32
	cancel    context.CancelFunc
	ended     chan struct{}
}

// assigned starts the tenants whose partitions came.
func (s *streams) assigned(cl *kgo.Client, partitions []int32) {
	s.group.setJoined(true)
	count, err := partitionCount(s.ctx, cl, s.group.Topic)
	if err != nil {
		s.leave(fmt.Errorf("worker: count the partitions of %s: %w", s.group.Topic, err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.group.Tenants {
		partition := int32(sink.PartitionOf([]byte(t.cfg.Tenant), count))
		if _, runs := s.running[t]; !runs && slices.Contains(partitions, partition) {
			s.running[t] = s.start(cl, t, partition)
		}
	}
	if len(s.running) == 0 {
		s.group.Log.Info("spare: no tenant belongs to this process")
	}
}

func (s *streams) start(cl *kgo.Client, t *Tenant, partition int32) stream {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	t.cfg.Metrics.owned.Set(1)
	t.log.Info("tenant belongs to this process", "partition", partition)
	go func() {
		defer close(ended)
		defer t.cfg.Metrics.owned.Set(0)
		defer t.cfg.SourceMetrics.Released()
		if err := t.Run(ctx, func(ctx context.Context) error { return s.group.confirm(ctx, cl) }); err != nil {
			s.leave(err)
		}
	}()
	return stream{partition: partition, cancel: cancel, ended: ended}
}

// confirmPause is how long a rebalance is waited for before the coordinator is asked again.
const confirmPause = 100 * time.Millisecond

// confirm asks the group's coordinator whether this process is still a member of the present generation: then
// its tenants are its own, and whoever fenced one of them is outside the group. A process that was
// paused for longer than its session is not one. A rebalance is waited for: what it takes away
// ends the context.
func (g *Group) confirm(ctx context.Context, cl *kgo.Client) error {
	for {
		request := kmsg.NewPtrHeartbeatRequest()
		request.Group = g.Name
		request.MemberID, request.Generation = cl.GroupMetadata()
		response, err := request.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(response.ErrorCode)
		}
		if !errors.Is(err, kerr.RebalanceInProgress) {
			return err
		}
		timer := time.NewTimer(confirmPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// revoked stops the tenants whose partitions went, all of them for nil, and returns when they have
// committed what they had: only then does their next owner start.
func (s *streams) revoked(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	going := make(map[*Tenant]stream)
	for t, running := range s.running {
		if partitions == nil || slices.Contains(partitions, running.partition) {
			running.cancel() // all of them first: each takes as long as its last commit
			going[t] = running
		}
	}
	for t, running := range going {
		<-running.ended
		delete(s.running, t)
	}
}

// partitionCount asks how many partitions a topic has.
func partitionCount(ctx context.Context, cl *kgo.Client, topic string) (int, error) {
	details, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return 0, err
	}
	return len(details[topic].Partitions), nil
}
