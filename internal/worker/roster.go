package worker

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// drain is for how long after a user was removed its stream is still read: Graph shows a message up to
// 24 h late, and what was shown at the last moment is read twice. Graph serves removed users for 30 days.
const drain = 48 * time.Hour

// A discovery that finds less than half of those who were polled is believed only when it is the third of
// its kind in a row: a listing that lost its filter or its permissions halves a tenant in one go, people
// do not.
const (
	plausiblePart = 0.5
	believedAfter = 3
)

// Pauses between discoveries that fail.
const discoveryFirst, discoveryLongest = 5 * time.Second, 5 * time.Minute

// discoverLoop looks for users until the context ends.
func (s *session) discoverLoop(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(discoveryFirst),
		backoff.WithMaxInterval(discoveryLongest), backoff.WithMaxElapsedTime(0))
	wait := s.cfg.UsersRefresh
	if !s.discovered {
		wait = pause.NextBackOff()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if s.discover(ctx) == nil {
			pause.Reset()
			timer.Reset(s.cfg.UsersRefresh)
		} else {
			timer.Reset(min(pause.NextBackOff(), s.cfg.UsersRefresh))
		}
	}
}

// discover looks for users once. When it fails, those who are polled stay so.
func (s *session) discover(ctx context.Context) error {
	began := time.Now()
	found, err := s.cfg.Directory.Discover(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.cfg.SourceMetrics.Discovered("failed")
		s.log.Warn("users could not be discovered, those known stay as they are", "error", err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enrol(found, began)
	return nil
}

// enrol takes the outcome of a discovery that began at now: who is new is polled, who is missing drains,
// who is excluded is left alone at once. The caller holds mu.
func (s *session) enrol(found source.Found, now time.Time) {
	var listed, missing int
	previous := int64(0) // the newest discovery before this one
	for user, p := range s.positions {
		previous = max(previous, p.Listed)
		if p.Removed == 0 && !found.Excluded[user] {
			listed++
			if !found.Users[user] {
				missing++
			}
		}
	}
	// A list that somebody wrote is believed as it is.
	if s.cfg.Directory.Asks() && float64(listed-missing) < plausiblePart*float64(listed) && s.doubted+1 < believedAfter {
		s.doubted++
		s.cfg.SourceMetrics.Discovered("doubted")
		s.log.Warn("far fewer users were discovered than before; those missing stay polled until the next discoveries agree",
			"found", len(found.Users), "missing", missing, "before", listed, "doubted", s.doubted, "believed_after", believedAfter)
		for user, p := range s.positions {
			if p.Removed == 0 && !found.Excluded[user] {
				found.Users[user] = true
			}
		}
	} else {
		s.doubted = 0
		s.cfg.SourceMetrics.Discovered("ok")
	}
	s.discovered = true

	var added, removed, excluded, forgotten int
	for user := range found.Users {
		p, known := s.positions[user]
		switch {
		case !known:
			// Since when the user is there is not known, but the previous discovery did not list it.
			p = offsets.Position{Start: s.cfg.Start.Resolve(now)}
			if previous > 0 {
				p.Start = min(p.Start, previous)
			}
			added++
		case p.Removed != 0:
			added++
		}
		// Written at once where it says something new, so that a relative start stays where it was
		// if the process dies before the first slice is done.
		news := !known || p.Removed != 0
		p.Listed, p.Removed = now.UnixMilli(), 0
		s.positions[user] = p
		if news {
			s.dirty[user] = p
		}
		s.poll(user, p)
	}
	for user, p := range s.positions {
		if found.Users[user] {
			continue
		}
		if p.Removed == 0 {
			p.Removed = now.UnixMilli()
			s.positions[user], s.dirty[user] = p, p
			removed++
		}
		switch {
		case now.Sub(time.UnixMilli(p.Removed)) > s.cfg.UsersRetention:
			s.rest(user)
			delete(s.positions, user)
			delete(s.dirty, user)
			s.forgotten = append(s.forgotten, user)
			forgotten++
		case found.Excluded[user]:
			excluded++
			s.rest(user)
		case s.drained(p):
			s.rest(user)
		default:
			s.poll(user, p)
		}
	}
	s.log.Info("users discovered", "found", len(found.Users), "new", added, "removed", removed, "excluded", excluded,
		"forgotten", forgotten, "polled", len(s.positions)-len(s.resting))
}

// drained tells whether a removed user's stream has been read to its end.
func (s *session) drained(p offsets.Position) bool {
	mark, read := p.Mark(s.cfg.Ladder.Shortest())
	return read && p.Window == nil && mark >= p.Removed+drain.Milliseconds()
}

// poll begins to poll a user, rest ends it. The caller holds mu.
func (s *session) poll(user string, p offsets.Position) {
	delete(s.resting, user)
	if s.poller != nil {
		s.poller.Add(user, p)
	}
}

func (s *session) rest(user string) {
	s.resting[user] = true
	if s.poller != nil {
		s.poller.Remove(user)
	}
}

// polled are the positions of those who are polled.
func (s *session) polled() map[string]offsets.Position {
	polled := make(map[string]offsets.Position, len(s.positions))
	for user, p := range s.positions {
		if !s.resting[user] {
			polled[user] = p
		}
	}
	return polled
}
