package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// A discovery that finds less than half of those who were polled is believed only when it is the third of
// its kind in a row: a listing that lost its filter or its permissions halves a tenant in one go, people
// do not.
const (
	plausiblePart = 0.5
	believedAfter = 3
)

// Pauses between discoveries that fail.
const discoveryFirst, discoveryLongest = 5 * time.Second, 5 * time.Minute

// roster knows the users of the tenant: where each one's stream is, and who is polled. It is not
// safe for concurrent use.
type roster struct {
	cfg         Config
	log         *slog.Logger
	poller      *source.Poller // nil until polling begins
	transaction *transaction   // takes the positions that change

	positions  map[string]offsets.Position // of all users that have one
	resting    map[string]bool             // those of them who are not polled
	broken     []source.SuspendedUser      // whose stored position cannot be read; never polled
	waiting    int                         // those who are not polled because a discovery must say first whether they are excluded
	discovered bool                        // a discovery has succeeded
	doubted    int                         // discoveries in a row that were not believed
}

func newRoster(cfg Config, log *slog.Logger, stored offsets.Stored, t *transaction) *roster {
	r := &roster{cfg: cfg, log: log, transaction: t, positions: stored.Positions, resting: make(map[string]bool)}
	for user, p := range r.positions {
		excluded, certain := cfg.Directory.Excludes(user)
		if excluded || p.Excluded != 0 || !certain || cfg.Ladder.Drained(p) {
			r.resting[user] = true
		}
		if !certain && p.Excluded == 0 {
			r.waiting++
		}
	}
	for _, user := range slices.Sorted(maps.Keys(stored.Broken)) {
		err := stored.Broken[user]
		r.broken = append(r.broken, source.SuspendedUser{User: user, Reason: source.ErrPosition, Detail: err.Error(), Remedy: brokenRemedy, Since: time.Now()})
		log.Error("user suspended", "user", user, "error", err, "remedy", brokenRemedy)
	}
	return r
}

// brokenRemedy says what to do about a position that cannot be read. Until then the user is not polled,
// because from a wrong start messages would be lost, or written again.
const brokenRemedy = "replace the position with `connector offsets import`, or delete it with `connector offsets delete`"

// isBroken reports whether a user's stored position cannot be read.
func (r *roster) isBroken(user string) bool {
	return slices.ContainsFunc(r.broken, func(u source.SuspendedUser) bool { return u.User == user })
}

// polls reports whether a user is polled.
func (r *roster) polls(user string) bool {
	_, known := r.positions[user]
	return known && !r.resting[user]
}

// advance moves a user to the position that its stream was read up to.
func (r *roster) advance(user string, next offsets.Position) {
	known := r.positions[user]
	next.Listed, next.Removed, next.Excluded = known.Listed, known.Removed, known.Excluded
	r.set(user, next)
}

// set moves a user to a position that the next commit stores.
func (r *roster) set(user string, p offsets.Position) {
	r.positions[user] = p
	r.transaction.position(user, p)
}

// discoverLoop looks for users until the context ends.
func (s *session) discoverLoop(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(discoveryFirst),
		backoff.WithMaxInterval(discoveryLongest), backoff.WithMaxElapsedTime(0))
	wait := s.cfg.UsersRefresh
	if !s.roster.discovered {
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
		s.undiscovered(err, began)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roster.enroll(found, began)
	s.unknown.Store(nil)
	return nil
}

// Undiscovered says that no discovery has succeeded since the session began, and who is not polled for
// that reason.
type Undiscovered struct {
	Err   error
	Since time.Time
	// Polled and Waiting count the users whose positions are stored: those who are polled, and those of whom
	// it is not known whether they are excluded.
	Polled, Waiting int
}

// undiscovered reports a discovery that failed.
func (s *session) undiscovered(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	polled, waiting := len(s.roster.positions)-len(s.roster.resting), s.roster.waiting
	s.log.Warn("users could not be discovered, those known stay as they are", "error", err, "polled", polled, "waiting", waiting)
	if s.roster.discovered {
		return
	}
	since := now
	if before := s.unknown.Load(); before != nil {
		since = before.Since
	}
	s.unknown.Store(&Undiscovered{Err: err, Since: since, Polled: polled, Waiting: waiting})
}

// enroll takes the outcome of a discovery that began at now: new users are polled, missing users drain,
// excluded users are left alone at once.
func (r *roster) enroll(found source.Found, now time.Time) {
	previous := int64(0) // when the newest discovery before this one began
	for _, p := range r.positions {
		previous = max(previous, p.Listed)
	}
	believed := r.doubt(found)
	r.discovered, r.waiting = true, 0

	var added, removed, excluded, forgotten int
	for user := range found.Users {
		if r.found(user, now, previous) {
			added++
		}
	}
	for user, p := range r.positions {
		if found.Users[user] {
			continue
		}
		if p.Removed == 0 {
			p.Removed = now.UnixMilli()
			r.set(user, p)
			removed++
		}
		if found.Excluded[user] && p.Excluded == 0 {
			p.Excluded = now.UnixMilli()
			r.set(user, p)
		}
		switch {
		case now.Sub(time.UnixMilli(p.Removed)) > r.cfg.UsersRetention:
			r.forget(user)
			forgotten++
		case p.Excluded != 0: // also one that is no longer listed, of whom only the position knows it
			excluded++
			r.rest(user)
		case r.cfg.Ladder.Drained(p):
			r.rest(user)
		default:
			r.poll(user, p)
		}
	}
	polled := len(r.positions) - len(r.resting)
	level := slog.LevelInfo
	if polled == 0 || believed {
		level = slog.LevelWarn
	}
	r.log.Log(context.Background(), level, "users discovered", "found", len(found.Users), "new", added, "removed", removed, "excluded", excluded,
		"forgotten", forgotten, "polled", polled, "implausible_but_confirmed", believed)
}

// doubt adds the missing users to what was found if a listing is implausibly short. It reports whether the
// listing is believed although it is, because those before said the same.
func (r *roster) doubt(found source.Found) (believed bool) {
	var listed, missing int
	for user, p := range r.positions {
		if p.Removed == 0 && !found.Excluded[user] {
			listed++
			if !found.Users[user] {
				missing++
			}
		}
	}
	// A list that somebody wrote is believed as it is.
	plausible := !r.cfg.Directory.Asks() || float64(listed-missing) >= plausiblePart*float64(listed)
	if plausible || r.doubted+1 >= believedAfter {
		r.doubted = 0
		r.cfg.SourceMetrics.Discovered("ok")
		return !plausible
	}
	r.doubted++
	r.cfg.SourceMetrics.Discovered("doubted")
	r.log.Warn("far fewer users were discovered than before; those missing stay polled until the next discoveries agree",
		"found", len(found.Users), "missing", missing, "before", listed, "doubted", r.doubted, "believed_after", believedAfter)
	for user, p := range r.positions {
		if p.Removed == 0 && !found.Excluded[user] {
			found.Users[user] = true
		}
	}
	return false
}

// found takes a user that a discovery found, and reports whether the previous one had not.
func (r *roster) found(user string, now time.Time, previous int64) (added bool) {
	if r.isBroken(user) {
		return false
	}
	p, known := r.positions[user]
	if !known {
		// It is not known since when the user exists, but the previous discovery did not list it.
		p = offsets.Position{Start: r.cfg.Start.Resolve(now)}
		if previous > 0 {
			p.Start = min(p.Start, previous)
		}
	}
	added = !known || p.Removed != 0
	p.Listed, p.Removed, p.Excluded = now.UnixMilli(), 0, 0
	r.positions[user] = p
	if added {
		// Stored at once, so that a relative start stays where it was if the process dies before the
		// first slice is done.
		r.set(user, p)
	}
	r.poll(user, p)
	return added
}

// forget ends a user's position.
func (r *roster) forget(user string) {
	r.rest(user)
	delete(r.positions, user)
	delete(r.resting, user)
	r.transaction.forget(user)
}

// poll begins to poll a user.
func (r *roster) poll(user string, p offsets.Position) {
	delete(r.resting, user)
	if r.poller != nil {
		r.poller.Add(user, p)
	}
}

// rest stops polling a user.
func (r *roster) rest(user string) {
	r.resting[user] = true
	if r.poller != nil {
		r.poller.Remove(user)
	}
}

// polled returns the positions of the users that are polled.
func (r *roster) polled() map[string]offsets.Position {
	polled := make(map[string]offsets.Position, len(r.positions))
	for user, p := range r.positions {
		if !r.resting[user] {
			polled[user] = p
		}
	}
	return polled
}
