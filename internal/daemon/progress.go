package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/teams-kafka/connector/internal/worker"
)

// progress describes a running connector on a terminal, one line per tenant.
type progress struct {
	rates map[string]*itemRate // by tenant
}

// rateOver is the time over which messages per second are measured.
const rateOver = 10 * time.Second

// itemRate holds counts of the last rateOver.
type itemRate struct {
	at    []time.Time
	items []uint64
}

func (r *itemRate) perSecond(now time.Time, items uint64) float64 {
	if n := len(r.items); n > 0 && items < r.items[n-1] {
		r.at, r.items = nil, nil // the poller restarted
	}
	r.at, r.items = append(r.at, now), append(r.items, items)
	for len(r.at) > 2 && now.Sub(r.at[1]) >= rateOver {
		r.at, r.items = r.at[1:], r.items[1:]
	}
	seconds := now.Sub(r.at[0]).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(items-r.items[0]) / seconds
}

// ShowProgress calls show once a second with one line per tenant, until the context ends. The last call
// has no lines.
func (d *Daemon) ShowProgress(ctx context.Context, show func(lines ...string)) {
	defer show()
	p := progress{rates: make(map[string]*itemRate)}
	select {
	case <-d.Started():
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		states := d.States()
		lines := make([]string, 0, len(states))
		for _, state := range states {
			line := p.line(time.Now(), state)
			if len(states) > 1 {
				line = state.Name() + ": " + line
			}
			lines = append(lines, line)
		}
		show(lines...)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// line describes the progress of one tenant.
func (p *progress) line(now time.Time, state worker.State) string {
	if state.Phase != worker.Polling {
		return string(state.Phase)
	}
	s := state.Source
	rate := p.rates[state.Tenant]
	if rate == nil {
		rate = &itemRate{}
		p.rates[state.Tenant] = rate
	}
	parts := []string{fmt.Sprintf("%d users", s.Users)}
	if n := len(s.Suspended); n > 0 {
		parts[0] += fmt.Sprintf(" (%d suspended)", n)
	}
	parts = append(parts, fmt.Sprintf("%.0f msg/s", rate.perSecond(now, s.Items)))
	if s.Users > 0 {
		parts = append(parts, "furthest behind "+roughly(now.Sub(time.UnixMilli(s.Oldest))))
	}
	if s.History > 0 {
		left := "time left not known yet"
		if s.HistoryLeft >= 0 {
			left = "about " + roughly(s.HistoryLeft) + " left"
		}
		parts = append(parts, fmt.Sprintf("history of %d users, %s", s.History, left))
	}
	switch {
	case s.Stopped != nil:
		parts = append(parts, "stopped: "+s.Stopped.Error())
	case s.Held.After(now):
		parts = append(parts, "Graph asks to wait "+roughly(s.Held.Sub(now)))
	}
	return strings.Join(parts, " · ")
}

// roughly formats a duration in its two largest units.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d >= 10*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}
