package daemon

import (
	"context"
	"time"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

// Status is what /status and the page show.
func (d *Daemon) Status(ctx context.Context) admin.Status {
	now := time.Now()
	reasons, stalled := []string{}, []admin.Stall{}
	for _, s := range d.stalls() {
		reasons, stalled = append(reasons, s.text()), append(stalled, s.shown())
	}
	s := admin.Status{
		Name: d.cfg.Name, Version: d.version, At: now, Started: d.began, Ready: len(reasons) == 0, Reasons: reasons, Stalled: stalled,
		Topics:   admin.Topics{Output: d.cfg.Topic, DeadLetters: d.cfg.DeadLetters(), Offsets: d.cfg.OffsetsTopic},
		Delivery: "exactly-once", Group: admin.Group{Name: d.cfg.Name, Members: []admin.Member{}},
		Tenants: []admin.Tenant{}, Recent: d.recent.Events(),
	}
	if !d.cfg.ExactlyOnce {
		s.Delivery = "idempotent"
	}
	select {
	case <-d.started:
	default:
		return s
	}
	s.Group = d.members.of(ctx, d)
	tallies := d.tallies()
	for _, stream := range d.streams {
		state := stream.State()
		s.Tenants = append(s.Tenants, tenantStatus(now, state, tallies[state.Tenant], d.rates.of(state.Tenant)))
	}
	return s
}

func tenantStatus(now time.Time, state worker.State, counted tally, perSecond tally) admin.Tenant {
	src := state.Source
	t := admin.Tenant{
		ID: state.Tenant, Alias: state.Alias, Since: state.Since,
		Users:     admin.Users{Polled: src.Users, History: src.History, Slow: src.Slow, Suspended: len(src.Suspended), Reasons: make(map[string]int)},
		Freshness: admin.Freshness{Oldest: instant(src.Oldest), Newest: instant(src.Newest), Ages: []admin.Age{}},
		Requests: admin.Requests{PerSecond: perSecond.requested(), Limit: src.Rate, Configured: src.RateAsked,
			Outcomes: whole(counted.requests)},
		Items:     admin.Items{PerSecond: perSecond.shown(), Written: perSecond.items["written"], Outcomes: whole(counted.items)},
		Late:      admin.Late{Count: uint64(counted.late), Rungs: whole(counted.rungs)},
		Index:     admin.Index{Entries: uint64(counted.entries), Excess: uint64(counted.excess), RebuildSeconds: counted.rebuild},
		Suspended: []admin.Suspended{}, Gaps: []admin.Gap{},
	}
	t.State, t.Reason = stateOf(now, state)
	switch {
	case t.State == admin.StateStopped:
		t.Since = src.StoppedSince
	case t.State == admin.StateThrottled, t.State == admin.StateStalled && src.Held.After(now):
		t.Until = &src.Held
	}
	if counted.late > 0 {
		t.Late.MeanSeconds = counted.lateSeconds / counted.late
	}
	if src.HistoryLeft >= 0 {
		left := src.HistoryLeft.Seconds()
		t.Users.HistoryLeft = &left
	}
	for i, users := range src.Ages {
		age := admin.Age{Users: users}
		if i < len(source.AgeBounds) {
			bound := source.AgeBounds[i].Seconds()
			age.Seconds = &bound
		}
		t.Freshness.Ages = append(t.Freshness.Ages, age)
	}
	for i, p := range src.Suspended {
		t.Users.Reasons[p.Reason.Error()]++
		if i < admin.MaxSuspended {
			suspended := admin.Suspended{User: p.User, Reason: p.Reason.Error(), Detail: p.Detail, RequestID: p.RequestID, Since: p.Since}
			if !p.RetryAt.IsZero() {
				suspended.RetryAt = &p.RetryAt
			}
			t.Suspended = append(t.Suspended, suspended)
		}
	}
	for _, g := range src.Gaps[max(0, len(src.Gaps)-admin.MaxGaps):] {
		gap := admin.Gap{User: g.User, From: time.UnixMilli(g.From), To: time.UnixMilli(g.To), Seen: g.Seen, Reason: admin.GapDeleted}
		if g.Unanswered != nil {
			gap.Reason, gap.Detail = admin.GapUnanswered, cleaned(g.Unanswered.Error())
		}
		t.Gaps = append(t.Gaps, gap)
	}
	return t
}

// stateOf says in a word what a tenant's stream does, and why if it does not do its work.
func stateOf(now time.Time, state worker.State) (name, reason string) {
	s, stalled := examine(state)
	reason = s.detail
	switch {
	case state.Phase == worker.Idle:
		return admin.StateElsewhere, ""
	case state.Phase == worker.Starting:
		return admin.StateStarting, reason
	case state.Phase == worker.Failing:
		return admin.StateFailing, reason
	case state.Source.Stopped != nil:
		return admin.StateStopped, reason
	case stalled:
		return admin.StateStalled, reason
	case state.Source.Held.After(now):
		if state.Source.HeldBy != nil {
			reason = cleaned(state.Source.HeldBy.Error())
		}
		return admin.StateThrottled, reason
	default:
		return admin.StatePolling, state.Source.Clock
	}
}

func instant(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms)
	return &t
}

func whole(counts map[string]float64) map[string]uint64 {
	rounded := make(map[string]uint64, len(counts))
	for name, n := range counts {
		rounded[name] = uint64(n)
	}
	return rounded
}
