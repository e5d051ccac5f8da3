package source

import (
	"slices"
	"time"
)

// The pauses between two probes of a tenant in trouble grow with the trouble's age. An outage passes by
// itself, so it is probed often. A stop does not, but its first probe comes soon: it shows whether the users
// that failed were neighbors in the queue and nothing more.
const (
	outageFirst, outageLongest = 250 * time.Millisecond, 30 * time.Second
	stopFirst, stopLongest     = 2 * time.Second, 15 * time.Minute
	stopSecond                 = 20 * time.Second
	outageGrowth, stopGrowth   = 0.1, 0.7 // of the trouble's age
)

// trouble is what keeps a whole tenant from being polled: a stop, for which somebody must act, or an outage. As
// long as it lasts, one user at a time is polled as a probe, a different one each time. It belongs to the
// dispatching goroutine.
type trouble struct {
	cause   *Error // the newest; nil while all is well
	since   time.Time
	until   time.Time // no probe starts before
	probes  int
	waiting []*user // the users that failed for the tenant's reason wait for its end, in this order
}

// stopped reports whether somebody must act.
func (t *trouble) stopped() bool { return t.cause != nil && t.cause.Action == StopTenant }

// pause returns how long after one probe the next one starts.
func (t *trouble) pause(now time.Time) time.Duration {
	age := now.Sub(t.since)
	switch {
	case !t.stopped():
		return bounded(time.Duration(float64(age)*outageGrowth), outageFirst, outageLongest)
	case t.probes == 0:
		return stopFirst
	default:
		return bounded(time.Duration(float64(age)*stopGrowth), stopSecond, stopLongest)
	}
}

func bounded(d, least, most time.Duration) time.Duration { return min(max(d, least), most) }

// blame puts a failure down to the tenant: from now on only probes are made.
func (p *Poller) blame(e *Error) {
	t, now := &p.trouble, time.Now()
	stop := e.Action == StopTenant
	if t.cause != nil && (t.stopped() || !stop) {
		if t.stopped() == stop {
			t.cause = e
		}
		return
	}
	t.cause, t.since, t.probes = e, now, 0
	t.until = now.Add(t.pause(now))
	p.mu.Lock()
	p.troubled = true
	alike := p.evidence.alike(e.class())
	p.mu.Unlock()
	for _, name := range alike {
		if u := p.users[name]; u != nil && p.queue.remove(u) {
			p.waitOut(u)
		}
	}
	if t.stopped() {
		p.cfg.Log.Error("tenant stopped", "error", e, "retry_in", t.until.Sub(now).Round(time.Second))
	}
}

// waitOut makes a user wait for the end of the tenant's trouble, which is not its own.
func (p *Poller) waitOut(u *user) {
	if !u.told {
		u.suspended, u.row, u.pause = nil, row{}, nil
	}
	u.blameless = true
	p.trouble.waiting = append(p.trouble.waiting, u)
}

// resume ends the tenant's trouble. Everybody who waited for it is due since when it was.
func (p *Poller) resume() {
	t := &p.trouble
	if t.cause == nil {
		return
	}
	waiting, stopped := t.waiting, t.stopped()
	if stopped {
		p.cfg.Log.Info("tenant resumed", "stopped_for", time.Since(t.since).Round(time.Second))
	}
	*t = trouble{}
	p.mu.Lock()
	p.troubled = false
	p.mu.Unlock()
	if stopped {
		// Others may be suspended for what was the tenant's reason all along.
		p.queue.each(func(u *user) {
			if u.suspended != nil && u.suspended.Action == StopTenant {
				waiting = append(waiting, u)
			}
		})
	}
	for _, u := range waiting {
		p.queue.remove(u)
		u.blameless, u.due = false, u.wanted
		if !u.gone {
			p.schedule(u)
		}
	}
}

// giveUp cuts the probes off that the tenant's trouble still keeps waiting after its end: they would hold
// slots for as long as a request in trouble may take.
func (p *Poller) giveUp(reading map[*user]standing) {
	p.mu.Lock()
	patience := p.durations.patience()
	p.mu.Unlock()
	for u, before := range reading {
		if !before.probe.IsZero() && time.Since(before.probe) > patience {
			u.cancel()
		}
	}
}

// refutes reports whether an answer that concerns its user alone shows that the tenant's trouble is over: it
// came, so there is no outage; and Graph took the token.
func (p *Poller) refutes(e *Error) bool {
	cause := p.trouble.cause
	return cause != nil && e.Status != 0 && (!p.trouble.stopped() || cause.Tenant || cause.Status == 401)
}

// probe takes the user to poll as the next probe: one that is due and neither failed in this trouble nor is
// suspended, else the one that has waited longest, else a suspended one.
func (p *Poller) probe(now time.Time, room bool) *user {
	var suspended []*user
	defer func() {
		for _, u := range suspended {
			p.queue.put(u)
		}
	}()
	for u := p.queue.take(now, room); u != nil; u = p.queue.take(now, room) {
		if u.suspended == nil {
			return u
		}
		suspended = append(suspended, u)
	}
	t := &p.trouble
	for len(t.waiting) > 0 {
		u := t.waiting[0]
		t.waiting = slices.Delete(t.waiting, 0, 1)
		u.blameless = false
		if !u.gone {
			return u
		}
	}
	if len(suspended) == 0 {
		return nil
	}
	u := suspended[0]
	suspended = suspended[1:]
	return u
}
