package worker

import (
	"context"
	"time"

	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// sweepInterval is how often the index forgets what no window can ask for any more.
const sweepInterval = time.Minute

// regularReach is how far back the windows of a user can reach that is polled at regular intervals, with
// some slack for polls that are late.
func (c *Config) regularReach() time.Duration {
	return 2*c.Ladder.Longest() + c.Ladder.Interval() + max(time.Hour, c.Ladder.Interval()/4)
}

// needs yields what the polled users can ask for. The caller holds mu.
func (s *session) needs() needs {
	suspended := make(map[string]bool)
	if s.poller != nil {
		for _, u := range s.poller.Status().Suspended {
			suspended[u.User] = true
		}
	}
	return func(yield func(int64, bool) bool) {
		for user, p := range s.roster.positions {
			if s.roster.polls(user) && !yield(s.cfg.Ladder.Oldest(p), !suspended[user]) {
				return
			}
		}
	}
}

// rebuild reads the topic back into the empty index.
func (s *session) rebuild(ctx context.Context, now time.Time) error {
	index := s.admission.index
	s.reach = newReach(start(now.UnixMilli(), s.cfg.regularReach(), s.needs()))
	since := time.UnixMilli(s.reach.floor)
	waited := s.cfg.Writer.Waiting.Begin("read the topic back")
	read, err := sink.Rebuild(ctx, s.cfg.Writer.Client, s.cfg.Writer.Topics, index, since, s.cfg.RebuildTimeout)
	waited()
	s.cfg.Metrics.rebuild(read, err)
	s.cfg.Metrics.index(index, s.cfg.IndexMaxEntries)
	if err != nil {
		return err
	}
	s.log.Info("index rebuilt from the topic", "records", read.Records, "foreign", read.Foreign,
		"messages", index.Len(), "since", since.UTC(), "seconds", read.Seconds,
		"positions", len(s.roster.positions))
	return nil
}

// comparable returns a *source.Later for items that cannot be compared with what was written, because the
// index does not reach to them: those of a user that is new, came back, was suspended for long or was
// rewound, and those outside the window they were asked for (invariant 2). The caller holds mu.
func (s *session) comparable(items []item, d source.Delivery) error {
	wait, now := int64(never), time.Now().UnixMilli()
	for i := range items {
		it := &items[i]
		at := d.From // of an item without an identity
		if it.err == nil {
			at = it.identity.Version.Time
		}
		inside := d.From <= at && at < d.To
		if s.cfg.Policy.Excludes(it.identity.ChatID) || s.reach.compares(at, now, inside) {
			continue
		}
		if inside {
			s.reach.ask(at)
			wait = min(wait, s.reach.end(d.From))
		} else {
			s.reach.askStray(at)
			wait = min(wait, d.From)
		}
	}
	if wait == never {
		return nil
	}
	s.wakeIndex()
	return &source.Later{From: wait}
}

// reachable is what comparable will say of the items of a stretch of time: the first instant whose items
// have to wait.
func (s *session) reachable(from, to int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.reach.end(from)
	if end <= from {
		s.reach.ask(from)
		s.wakeIndex()
	}
	return min(to, end)
}

// wakeIndex makes indexLoop look whether anything is to be done.
func (s *session) wakeIndex() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// indexLoop keeps the index to what may still be asked for, and extends it for those who wait.
func (s *session) indexLoop(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			s.sweep()
		case <-s.wake:
			s.relieve()
		}
		if err := s.readBack(ctx); err != nil {
			return err
		}
	}
}

// sweep forgets what will not be asked for any more, in steps small enough for deliveries to come between.
func (s *session) sweep() {
	s.mu.Lock()
	s.reach.advance(time.Now().UnixMilli(), s.cfg.regularReach(), s.needs())
	s.admission.index.SweepLetters(s.reach.oldest())
	s.mu.Unlock()
	s.forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vain = 0
	if s.excessive && s.admission.index.Len() <= s.cfg.IndexMaxEntries {
		s.excessive = false
		s.log.Info("index no longer exceeds INDEX_MAX_ENTRIES", "entries", s.admission.index.Len())
	}
	s.cfg.Metrics.index(s.admission.index, s.cfg.IndexMaxEntries)
}

// forget drops from the index what it need not know.
func (s *session) forget() {
	for more := true; more; {
		s.mu.Lock()
		more = s.admission.index.Sweep(s.reach.knows)
		s.mu.Unlock()
	}
}

// crowded reports whether the index holds more than it has room for and something might be done about it.
// The caller holds mu.
func (s *session) crowded() bool {
	messages := s.admission.index.Len()
	return messages > s.cfg.IndexMaxEntries && messages > s.vain+s.vain/8
}

// relieve makes room in the index, if it needs some, at the expense of those who read history.
func (s *session) relieve() {
	s.mu.Lock()
	narrowed := false
	if s.crowded() {
		narrowed = s.reach.narrow(time.Now().UnixMilli(), s.cfg.regularReach(), s.needs(), s.admission.index.Middle, s.cfg.IndexMaxEntries/8)
		if s.vain = 0; !narrowed {
			s.vain = s.admission.index.Len()
			s.exceed()
		}
	}
	s.mu.Unlock()
	if narrowed {
		s.forget()
	}
}

// exceed logs once that the polled users can ask for more than the index has room for. It keeps all of it,
// because what it forgets can be written again. The caller holds mu.
func (s *session) exceed() {
	if s.excessive {
		return
	}
	s.excessive = true
	s.log.Warn("index exceeds INDEX_MAX_ENTRIES and takes more memory, because the polled users can ask for so many messages",
		"entries", s.vain, "index_max_entries", s.cfg.IndexMaxEntries)
}

// readBack reads the topic once for all who wait for the index to reach further back. Others are polled
// meanwhile.
func (s *session) readBack(ctx context.Context) error {
	s.mu.Lock()
	plan := s.reach.plan(time.Now().UnixMilli(), s.needs())
	if plan == nil {
		s.mu.Unlock()
		return nil
	}
	since, before := time.UnixMilli(plan.since()), time.UnixMilli(s.reach.floor)
	// What the index has forgotten may still be on its way to the broker, where the scan would miss it.
	err := s.finish()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.log.Info("reading back what was written, because items are older than the index reaches", "since", since.UTC(), "before", before.UTC())
	ended := s.commitMeanwhile(ctx)
	defer ended()
	waited := s.cfg.Writer.Waiting.Begin("read the topic further back")
	read, err := sink.Scan(ctx, s.cfg.Writer.Client, s.cfg.Writer.Topics, s.admission.index, since, s.cfg.RebuildTimeout, s.restore)
	waited()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Metrics.rebuild(read, err)
	s.cfg.Metrics.index(s.admission.index, s.cfg.IndexMaxEntries)
	if err != nil {
		return err
	}
	s.reach.finish(time.Now().UnixMilli())
	s.log.Info("index reaches further back", "records", read.Records, "messages", s.admission.index.Len(),
		"since", since.UTC(), "before", before.UTC(), "whole", !plan.narrowed, "seconds", read.Seconds)
	if s.poller != nil {
		s.poller.Resume()
	}
	return nil
}

// restore puts into the index what the topic holds and the index is to know.
func (s *session) restore(batch []sink.Known) {
	s.mu.Lock()
	for i := range batch {
		if k := &batch[i]; k.Letter || s.reach.knows(k.Version.Time) {
			s.admission.index.Restore(k)
		}
	}
	s.mu.Unlock()
	s.relieve()
}

// commitMeanwhile commits often until the function it returns is called: what is in an open transaction is
// visible to no reader, not even to ourselves.
func (s *session) commitMeanwhile(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.transaction.hurry()
			}
		}
	}()
	return cancel
}
