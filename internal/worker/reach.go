package worker

import (
	"context"
	"math"
	"time"

	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// sweepInterval is how often the index forgets what no window can ask for any more.
const sweepInterval = time.Minute

// copySkew is how much longer the index knows a version than its own time can be asked for. The copies of one version in
// two mailboxes can lie apart (milliseconds were seen), and the one that is asked for last need not be the
// one that was written.
const copySkew = time.Minute

// neverStrayed is the oldest version outside its window while there was none.
const neverStrayed = math.MaxInt64

// reach is how far back the index knows what stands in the topic. Instants are in milliseconds.
type reach struct {
	floor int64 // complete from here on
	stray int64 // the oldest version seen outside the window it was asked for
}

// newReach is that of an index in which nothing stands.
func newReach(now time.Time) reach { return reach{floor: now.UnixMilli(), stray: neverStrayed} }

// oldest is the oldest instant that will still be asked for. Who is suspended or not polled at all does not hold
// it: when such a user is read again, deliver reaches back. What came outside the window it was asked for
// will come again.
func (s *session) oldest(now time.Time) time.Time {
	oldest := min(now.UnixMilli(), s.reach.stray)
	idle := make(map[string]bool)
	if s.poller != nil {
		for _, suspended := range s.poller.Status().Suspended {
			idle[suspended.User] = true
		}
	}
	for user, p := range s.roster.positions {
		if s.roster.polls(user) && !idle[user] {
			oldest = min(oldest, s.cfg.Ladder.Oldest(p))
		}
	}
	return time.UnixMilli(oldest).Add(-copySkew)
}

// horizon is how far back the index must reach: to the oldest instant that will still be asked for, but at most
// IndexHorizon.
func (s *session) horizon(now time.Time) time.Time {
	return s.bounded(now, s.oldest(now))
}

func (s *session) bounded(now, back time.Time) time.Time {
	if limit := now.Add(-s.cfg.IndexHorizon); back.Before(limit) {
		return limit
	}
	return back
}

// rebuild reads the topic back into the empty index.
func (s *session) rebuild(ctx context.Context, now time.Time) error {
	index := s.admission.index
	since := s.horizon(now)
	s.reach.floor = since.UnixMilli()
	ended := s.cfg.Writer.Waiting.Begin("read the topic back")
	rebuilt, err := sink.Rebuild(ctx, s.cfg.Writer.Client, s.cfg.Writer.Topics, index, since, s.cfg.RebuildTimeout)
	ended()
	s.cfg.Metrics.rebuild(rebuilt, index, err)
	if err != nil {
		return err
	}
	if back := s.oldest(now); back.Before(now.Add(-s.cfg.IndexHorizon)) {
		s.log.Warn("users are read from further back than INDEX_HORIZON; what is older can be written again after each start",
			"oldest", back.UTC(), "index_horizon", s.cfg.IndexHorizon)
	}
	s.log.Info("index is rebuilt from the topic", "records", rebuilt.Records, "foreign", rebuilt.Foreign,
		"messages", index.Len(), "since", since.UTC(), "seconds", rebuilt.Seconds,
		"positions", len(s.roster.positions))
	return nil
}

// sweep forgets what will not be asked for any more. IndexHorizon bounds what is read from the topic and not what
// this process has written itself, which IndexMaxEntries does: a history that is longer is read by each member
// of a chat and twice, and would be written as often.
func (s *session) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	oldest := s.oldest(now)
	s.admission.index.Sweep(oldest.UnixMilli())
	s.reach.floor = max(s.reach.floor, s.bounded(now, oldest).UnixMilli())
	s.cfg.Metrics.index(s.admission.index)
}

// reachBack reads the topic again, from further back, before items are compared that are older than the
// index reaches: those of a user who is new, came back, was suspended or was rewound, and those that lie
// outside the window they were asked for (invariant 2). The caller holds mu, so that nothing is admitted meanwhile.
func (s *session) reachBack(ctx context.Context, items []item, d source.Delivery) error {
	if len(items) == 0 {
		return nil
	}
	oldest := d.From
	for i := range items {
		if it := &items[i]; it.err == nil && it.identity.Version.Time < d.From {
			oldest = min(oldest, it.identity.Version.Time)
			s.reach.stray = min(s.reach.stray, it.identity.Version.Time)
		}
	}
	since := s.bounded(time.Now(), time.UnixMilli(oldest).Add(-copySkew))
	if since.UnixMilli() >= s.reach.floor {
		return nil
	}
	// What is open is not visible to a reader, not even to ourselves; and nothing is open while another producer's
	// transaction is waited for, so that no broker gives ours up.
	finish, cancel := context.WithTimeout(s.transaction.life, s.cfg.Writer.TransactionTimeout)
	defer cancel()
	if err := s.commit(finish); err != nil {
		return err
	}
	ended := s.cfg.Writer.Waiting.Begin("read the topic further back")
	rebuilt, err := sink.Rebuild(ctx, s.cfg.Writer.Client, s.cfg.Writer.Topics, s.admission.index, since, s.cfg.RebuildTimeout)
	ended()
	s.cfg.Metrics.rebuild(rebuilt, s.admission.index, err)
	if err != nil {
		return err
	}
	s.log.Info("index reaches further back", "records", rebuilt.Records, "messages", s.admission.index.Len(),
		"since", since.UTC(), "before", time.UnixMilli(s.reach.floor).UTC(), "seconds", rebuilt.Seconds)
	s.reach.floor = since.UnixMilli()
	return nil
}
