package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teams-kafka/connector/internal/worker"
)

const (
	// lookEvery is how often stalls are looked for.
	lookEvery = time.Second
	// logAfter is how long a stall lasts before the log says so, whatever the poll interval; a start and a
	// rebalance may take startAfter.
	logAfter, startAfter = 5 * time.Second, time.Minute
	// changeAfter is how long after one line another reason is logged at the earliest.
	changeAfter = time.Minute
	// remindAfter is how often the log repeats a stall that lasts.
	remindAfter = 30 * time.Minute
	// overAfter is how long nothing must be stalled until a stall is over: a stream that fails, restarts and
	// fails again stalls once.
	overAfter = 10 * time.Second
)

// watch reports stalls: in the metric at once, in the log when one has lasted for some seconds, each half
// hour while it lasts, and when it is over.
type watch struct {
	log      *slog.Logger
	stalled  *prometheus.GaugeVec
	series   map[[2]string]bool  // by tenant and reason, whether it is 1
	episodes map[string]*episode // by tenant, "" for the process
}

// episode is the time from a tenant's first stall until it makes progress again.
type episode struct {
	began, seen time.Time
	last        stall
	logged      time.Time // zero if it has not been
	said        reason
}

func newWatch(registry prometheus.Registerer, log *slog.Logger) *watch {
	return &watch{log: log, stalled: NewStalled(registry), series: make(map[[2]string]bool), episodes: make(map[string]*episode)}
}

// NewStalled makes the metric of stalls.
func NewStalled(registry prometheus.Registerer) *prometheus.GaugeVec {
	return promauto.With(registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "teams_connector_stalled",
		Help: "1 while a tenant makes no progress, by reason (errors.md lists them), else 0; " +
			"an empty tenant stands for the whole process.",
	}, []string{"tenant", "reason"})
}

// keep looks for stalls until the context ends.
func (w *watch) keep(ctx context.Context, stalls func() []stall) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		w.observe(time.Now(), stalls())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// observe takes note of the present stalls, at most one of each tenant.
func (w *watch) observe(now time.Time, stalls []stall) {
	w.measure(stalls)
	for _, s := range stalls {
		e := w.episodes[s.tenant]
		if e == nil {
			e = &episode{began: s.since}
			w.episodes[s.tenant] = e
		}
		e.last, e.seen = s, now
		lasted := now.Sub(e.began)
		changed := e.said != s.reason && now.Sub(e.logged) >= changeAfter
		after := logAfter
		if s.reason == stalledStarting || s.reason == stalledGroup {
			after = startAfter
		}
		if lasted >= after && (changed || now.Sub(e.logged) >= remindAfter) {
			e.logged, e.said = now, s.reason
			w.log.Warn("stalled: no progress", append(attributes(s), "what", s.what, "error", s.detail,
				"lasted", lasted.Round(time.Second).String(), "remedy", s.advice())...)
		}
	}
	for tenant, e := range w.episodes {
		if now.Sub(e.seen) < overAfter {
			continue
		}
		delete(w.episodes, tenant)
		if !e.logged.IsZero() {
			w.log.Info("no longer stalled", append(attributes(e.last), "lasted", e.seen.Sub(e.began).Round(time.Second).String())...)
		}
	}
}

// measure sets the metric. A series, once there, stays, so that the end of a stall is seen.
func (w *watch) measure(stalls []stall) {
	for series := range w.series {
		w.series[series] = false
	}
	for _, s := range stalls {
		w.series[[2]string{s.tenant, string(s.reason)}] = true
	}
	for series, is := range w.series {
		value := 0.0
		if is {
			value = 1
		}
		w.stalled.WithLabelValues(series[0], series[1]).Set(value)
	}
}

// attributes are what a log line says of a stall's place and reason.
func attributes(s stall) []any {
	if s.tenant == "" {
		return []any{"reason", s.reason}
	}
	return append(worker.LogAttributes(s.tenant, s.alias), "reason", s.reason)
}
