package source

import "time"

// Later is the error of a Deliver that cannot take items of the time From, or of a later time, before
// Poller.Resume is called. The user waits meanwhile and does not count as failing; a slice that begins
// before From ends there instead.
type Later struct{ From int64 }

func (l *Later) Error() string {
	return "items of " + time.UnixMilli(l.From).UTC().Format(time.RFC3339Nano) + " and later cannot be taken yet"
}

// Resume ends the wait of the users that a Later made wait.
func (p *Poller) Resume() {
	p.resumed.Add(1)
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// release schedules the users that waited for Resume.
func (p *Poller) release() {
	if resumed := p.resumed.Load(); resumed != p.released {
		p.released = resumed
		for _, u := range p.queue.release() {
			p.proceed(u)
		}
	}
}

// proceed ends a user's wait.
func (p *Poller) proceed(u *user) {
	u.waits, u.waited, u.due = false, true, time.Now()
	p.schedule(u)
}

// wait holds a user until Resume is called, unless it was called while the user was being read.
func (p *Poller) wait(u *user) {
	if p.resumed.Load() != u.resumed {
		p.proceed(u)
		return
	}
	p.queue.hold(u)
}

// postpone takes what a Later says of a user.
func (p *Poller) postpone(u *user, from int64) {
	s := u.reading
	u.reading = nil
	if s != nil && from > s.window.Done && from < s.to {
		u.until = from
		u.due = time.Now()
		return
	}
	u.until, u.waits = 0, true
}

// reachable is the end of a slice from an instant on for a user that had to wait: Reach is asked before
// Graph is. ok is false if the user must wait still.
func (p *Poller) reachable(u *user, from, to int64) (end int64, ok bool) {
	if u.until > from {
		to = min(to, u.until)
	}
	if p.cfg.Reach == nil || !u.waited {
		return to, true
	}
	end = min(to, p.cfg.Reach(from, to))
	return end, end > from
}
