package source

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Status is what an operator wants to know of a poller.
type Status struct {
	// Users are all that are polled, History those of them who still read the past.
	Users, History int
	// Slow are those of them whose requests take long: the slow lane.
	Slow int
	// HistoryBehind is the time that is still to be read of those, summed over the users, and HistoryLeft how long that
	// takes at the pace of the last minute: 0 without history, less than 0 while the pace is not known.
	HistoryBehind, HistoryLeft time.Duration
	// Suspended are the users left alone for a while, in the order of their names.
	Suspended []SuspendedUser
	// Oldest is the newest instant read of the user who is furthest behind, Newest that of the user
	// who is ahead of all, in milliseconds; 0 without users.
	Oldest, Newest int64
	// Ages counts the users by the age of the newest instant read of each; an age counts under the
	// first of AgeBounds that it does not exceed, and under one more at the end if it exceeds all.
	Ages [len(AgeBounds) + 1]int
	// Items counts the items delivered since the poller began.
	Items uint64
	// Gaps are stretches of time that cannot be read whole, the newest last.
	Gaps []Gap
	// Stopped is why nobody is polled; nil while users are polled.
	Stopped error
	// StoppedSince is since when.
	StoppedSince time.Time
	// Stalled is why the tenant makes no progress although users are due; nil while it makes some.
	Stalled *Stall
	// Held is when the next request may start, in the past while nobody asks to wait; HeldBy is the error
	// that asked to, nil in that case.
	Held   time.Time
	HeldBy error
	// Clock is why Graph's clock or this machine's is in doubt, empty if they are not.
	Clock string
	// Rate is the present request rate and RateAsked the configured one, in requests per second.
	Rate, RateAsked float64
}

// AgeBounds are the bounds of Status.Ages.
var AgeBounds = [...]time.Duration{time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, Retention}

// SuspendedUser is a user who is left alone for a while.
type SuspendedUser struct {
	User      string
	Reason    error  // one of the reasons of this package
	Detail    string // the whole error
	Remedy    string // what to do, in Markdown; empty where nothing is needed
	RequestID string // Graph's, empty if there is none
	Since     time.Time
	RetryAt   time.Time // zero if only an operator can end it
}

// add counts one user who has been read up to newest.
func (s *Status) add(newest int64, now time.Time) {
	if s.Users == 0 || newest < s.Oldest {
		s.Oldest = newest
	}
	s.Newest = max(s.Newest, newest)
	s.Users++
	age := now.Sub(time.UnixMilli(newest))
	bucket := slices.IndexFunc(AgeBounds[:], func(bound time.Duration) bool { return age <= bound })
	if bucket < 0 {
		bucket = len(AgeBounds)
	}
	s.Ages[bucket]++
}

// standing is how far a user was before the slice that is being read.
type standing struct {
	newest, reached int64
	wanted          time.Time
	slow            bool           // read in the slow lane
	suspended       *SuspendedUser // nil if the user was not
	probe           time.Time      // when the user's probe of a tenant in trouble began, zero if it is not one
}

// pace is how much of the users' past is read per second, each second weighing less the longer ago it was.
type pace struct {
	last          time.Time
	read, seconds float64
}

// paceMemory is how long ago a second has lost two thirds of its weight.
const paceMemory = time.Minute

// left is how long it takes to read what is behind, less than 0 while nothing is known; read is what was read since it was called last.
func (c *pace) left(now time.Time, read, behind time.Duration) time.Duration {
	if behind == 0 {
		*c = pace{}
		return 0
	}
	if !c.last.IsZero() {
		passed := now.Sub(c.last)
		fade := math.Exp(-passed.Seconds() / paceMemory.Seconds())
		c.read, c.seconds = c.read*fade+read.Seconds(), c.seconds*fade+passed.Seconds()
	}
	c.last = now
	if c.read <= 0 || c.seconds <= 0 {
		return -1
	}
	return time.Duration(min(behind.Seconds()/c.read*c.seconds*float64(time.Second), math.MaxInt64/2))
}

// suspension describes why and until when a user is suspended.
func (u *user) suspension() SuspendedUser {
	e := u.suspended
	return SuspendedUser{User: u.name, Reason: e.Reason, Detail: e.Error(), Remedy: e.Remedy,
		RequestID: e.RequestID, Since: u.suspendedAt, RetryAt: u.due}
}

// survey looks at every user. due is since when the longest-waiting one has been due, zero if nobody is.
func (p *Poller) survey(now time.Time, reading map[*user]standing) (s Status, due time.Time) {
	horizon := p.horizon(now)
	behind := func(reached int64) {
		s.History++
		s.HistoryBehind += time.Duration(max(0, horizon-reached)) * time.Millisecond
	}
	waits := func(u *user) {
		if u.suspended == nil && !u.waits && !u.wanted.After(now) && (due.IsZero() || u.wanted.Before(due)) {
			due = u.wanted
		}
	}
	p.each(func(u *user) {
		waits(u)
		s.add(u.newest(p.cfg.Ladder), now)
		if u.history {
			behind(u.reached())
		}
		if u.slow {
			s.Slow++
		}
		if u.suspended != nil {
			s.Suspended = append(s.Suspended, u.suspension())
		}
	})
	for u, before := range reading {
		if !u.gone {
			if w := before.wanted; before.suspended == nil && !w.After(now) && (due.IsZero() || w.Before(due)) {
				due = w
			}
			if before.suspended != nil {
				s.Suspended = append(s.Suspended, *before.suspended)
			}
			if before.slow {
				s.Slow++
			}
			s.add(before.newest, now)
			if u.history {
				behind(before.reached)
			}
		}
	}
	s.Suspended = append(s.Suspended, p.cfg.Blocked...)
	s.Users += len(p.cfg.Blocked)
	slices.SortFunc(s.Suspended, func(a, b SuspendedUser) int { return cmp.Compare(a.User, b.User) })
	return s, due
}

// report brings the status and the gauges up to date.
func (p *Poller) report(reading map[*user]standing) {
	now := time.Now()
	s, due := p.survey(now, reading)
	s.HistoryLeft = p.pace.left(now, time.Duration(p.past.Swap(0))*time.Millisecond, s.HistoryBehind)
	held, heldBy := p.cfg.Client.held(now)
	s.Held = held
	if heldBy != nil {
		s.HeldBy = heldBy
	}
	s.Rate, s.RateAsked = p.cfg.Client.gate.Rate()
	s.Clock = p.reportClock(now)
	s.Items = p.items.Load()

	p.mu.Lock()
	if p.trouble.stopped() {
		s.Stopped, s.StoppedSince = p.trouble.cause, p.trouble.since
	}
	s.Gaps = slices.Clone(p.gaps)
	s.Stalled = p.stall(now, due, s.Users, s.Suspended)
	p.status = s
	p.mu.Unlock()

	m := p.cfg.Metrics
	m.users.WithLabelValues("suspended").Set(float64(len(s.Suspended)))
	m.users.WithLabelValues("history").Set(float64(s.History))
	m.users.WithLabelValues("ok").Set(float64(s.Users - len(s.Suspended) - s.History))
	m.slow.Set(float64(s.Slow))
	m.stop(s.Stopped)
	m.interval.Set(p.cfg.Ladder.Interval().Seconds())
	m.rate.Set(s.Rate)
	m.behind.Set(s.HistoryBehind.Seconds())
	m.left.Set(math.NaN())
	if s.HistoryLeft >= 0 {
		m.left.Set(s.HistoryLeft.Seconds())
	}
	m.oldest.Store(s.Oldest)
	m.newest.Store(s.Newest)
}
