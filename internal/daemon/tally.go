package daemon

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// tally is what the metrics say of a tenant.
type tally struct {
	items, requests, rungs   map[string]float64 // items and requests by outcome
	late, lateSeconds        float64
	entries, excess, rebuild float64
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
func (d *Daemon) tallies() map[string]tally {
	families, err := d.registry.Gather()
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
			case "teams_connector_index_excess_entries":
				t.excess = m.GetGauge().GetValue()
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
