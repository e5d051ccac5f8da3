package main

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

// status is what /status and the page show.
func (c *connector) status(ctx context.Context) admin.Status {
	now := time.Now()
	reasons := c.notReady()
	if reasons == nil {
		reasons = []string{}
	}
	s := admin.Status{
		Name: c.cfg.Name, Version: version(), At: now, Started: c.began, Ready: len(reasons) == 0, Reasons: reasons,
		Topics:   admin.Topics{Output: c.cfg.Topic, DeadLetters: c.cfg.DeadLetters(), Offsets: c.cfg.OffsetsTopic},
		Delivery: "exactly-once", Group: admin.Group{Name: c.cfg.Name, Members: []admin.Member{}},
		Tenants: []admin.Tenant{}, Recent: c.recent.Events(),
	}
	if !c.cfg.ExactlyOnce {
		s.Delivery = "idempotent"
	}
	select {
	case <-c.started:
	default:
		return s
	}
	s.Group = c.members.of(ctx, c)
	tallies := c.tallies()
	for _, stream := range c.streams {
		state := stream.State()
		s.Tenants = append(s.Tenants, tenantStatus(now, state, tallies[state.Tenant], c.rates.of(state.Tenant)))
	}
	return s
}

func tenantStatus(now time.Time, state worker.State, counted tally, perSecond tally) admin.Tenant {
	src := state.Source
	t := admin.Tenant{
		ID: state.Tenant, Alias: state.Alias, Since: state.Since,
		Users:     admin.Users{Polled: src.Users, History: src.History, Suspended: len(src.Suspended), Reasons: make(map[string]int)},
		Freshness: admin.Freshness{Oldest: instant(src.Oldest), Newest: instant(src.Newest), Ages: []admin.Age{}},
		Requests: admin.Requests{PerSecond: perSecond.requested(), Limit: src.Rate, Configured: src.RateAsked,
			Outcomes: whole(counted.requests)},
		Items:     admin.Items{PerSecond: perSecond.shown(), Written: perSecond.items["written"], Outcomes: whole(counted.items)},
		Late:      admin.Late{Count: uint64(counted.late), Rungs: whole(counted.rungs)},
		Index:     admin.Index{Entries: uint64(counted.entries), Evicted: uint64(counted.evicted), RebuildSeconds: counted.rebuild},
		Suspended: []admin.Suspended{}, Gaps: []admin.Gap{},
	}
	t.State, t.Reason = stateOf(now, state)
	switch {
	case t.State == admin.StateStopped:
		t.Since = src.StoppedSince
	case t.State == admin.StateThrottled:
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
			t.Suspended = append(t.Suspended, admin.Suspended{User: p.User, Reason: p.Reason.Error(), Detail: p.Detail, RequestID: p.RequestID,
				Since: p.Since, RetryAt: p.RetryAt})
		}
	}
	for _, g := range src.Gaps[max(0, len(src.Gaps)-admin.MaxGaps):] {
		t.Gaps = append(t.Gaps, admin.Gap{User: g.User, From: time.UnixMilli(g.From), To: time.UnixMilli(g.To), Seen: g.Seen})
	}
	return t
}

// stateOf says in a word what a tenant's stream does, and why if it does not do its work.
func stateOf(now time.Time, state worker.State) (name, reason string) {
	if state.Err != nil {
		reason = state.Err.Error()
	}
	switch {
	case state.Phase == worker.Idle:
		return admin.StateElsewhere, ""
	case state.Phase == worker.Starting:
		return admin.StateStarting, reason
	case state.Phase == worker.Failing:
		return admin.StateFailing, reason
	case state.Source.Stopped != nil:
		return admin.StateStopped, state.Source.Stopped.Error()
	case state.Source.Held.After(now):
		return admin.StateThrottled, ""
	default:
		return admin.StatePolling, ""
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

// tally is what the metrics say of a tenant.
type tally struct {
	items, requests, rungs    map[string]float64 // items and requests by outcome
	late, lateSeconds         float64
	entries, evicted, rebuild float64
}

func (t tally) shown() (sum float64) {
	for _, n := range t.items {
		sum += n
	}
	return sum
}

func (t tally) requested() (sum float64) {
	for _, n := range t.requests {
		sum += n
	}
	return sum
}

// tallies reads the connector's own metrics, by tenant: what /status shows is what is scraped.
func (c *connector) tallies() map[string]tally {
	families, err := c.registry.Gather()
	if err != nil {
		return nil // what could be gathered is not worth a guess
	}
	tallies := make(map[string]tally)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := make(map[string]string)
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			t, known := tallies[labels["tenant"]]
			if !known {
				t = tally{items: make(map[string]float64), requests: make(map[string]float64), rungs: make(map[string]float64)}
			}
			switch family.GetName() {
			case "teams_connector_items_total":
				t.items[labels["outcome"]] = m.GetCounter().GetValue()
			case "teams_connector_graph_requests_total":
				if labels["kind"] != "token" {
					t.requests[labels["outcome"]] += m.GetCounter().GetValue()
				}
			case "teams_connector_rung_needed_total":
				t.rungs[labels["rung"]] = m.GetCounter().GetValue()
			case "teams_connector_late_arrival_seconds":
				t.late, t.lateSeconds = float64(m.GetHistogram().GetSampleCount()), m.GetHistogram().GetSampleSum()
			case "teams_connector_index_entries":
				t.entries = m.GetGauge().GetValue()
			case "teams_connector_index_evicted":
				t.evicted = m.GetGauge().GetValue()
			case "teams_connector_rebuild_seconds":
				t.rebuild = m.GetGauge().GetValue()
			}
			tallies[labels["tenant"]] = t
		}
	}
	return tallies
}

// The rates of /status are over the last minute.
const rateSample, rateSamples = 5 * time.Second, 12

// rates keeps what the metrics said during the last minute.
type rates struct {
	mu      sync.Mutex
	samples []sample
}

type sample struct {
	at      time.Time
	tallies map[string]tally
}

// keep takes samples until the context ends.
func (r *rates) keep(ctx context.Context, take func() map[string]tally) error {
	tick := time.NewTicker(rateSample)
	defer tick.Stop()
	for {
		r.add(sample{time.Now(), take()})
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (r *rates) add(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) > rateSamples {
		r.samples = slices.Delete(r.samples, 0, 1)
	}
	r.samples = append(r.samples, s)
}

// of is what a tenant counted per second, by outcome: items and requests.
func (r *rates) of(tenant string) tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	per := tally{items: make(map[string]float64), requests: make(map[string]float64)}
	if len(r.samples) < 2 {
		return per
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	seconds := math.Max(last.at.Sub(first.at).Seconds(), 0.001)
	for outcome, n := range last.tallies[tenant].items {
		per.items[outcome] = (n - first.tallies[tenant].items[outcome]) / seconds
	}
	for outcome, n := range last.tallies[tenant].requests {
		per.requests[outcome] = (n - first.tallies[tenant].requests[outcome]) / seconds
	}
	return per
}

// Kafka is asked who owns which tenant at most this often, and for so long, whoever looks at the page.
const membersAge, membersTimeout = 5 * time.Second, 3 * time.Second

// members keeps what Kafka said of the group last.
type members struct {
	mu    sync.Mutex
	at    time.Time
	group admin.Group
}

func (m *members) of(ctx context.Context, c *connector) admin.Group {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) >= membersAge {
		var tenants []string
		for _, t := range c.tenants {
			tenants = append(tenants, t.Tenant)
		}
		m.group = admin.Group{Name: c.cfg.Name, Members: []admin.Member{}}
		within, cancel := context.WithTimeout(ctx, membersTimeout)
		owners, err := worker.Owners(within, c.kafka, c.cfg.Name, c.cfg.OffsetsTopic, tenants)
		cancel()
		if err != nil {
			m.group.Error = err.Error()
		}
		for _, o := range owners {
			m.group.Members = append(m.group.Members, admin.Member{ID: o.Member, Host: o.Host, Tenants: o.Tenants})
		}
		m.at = time.Now()
	}
	group := m.group
	group.Joined = c.group.Joined()
	self := c.group.Member()
	group.Members = slices.Clone(m.group.Members)
	for i := range group.Members {
		group.Members[i].Self = self != "" && group.Members[i].ID == self
	}
	return group
}
