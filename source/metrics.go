package source

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are what the source counts. No label names a user.
type Metrics struct {
	requests  *prometheus.CounterVec
	duration  prometheus.Histogram
	heldFor   prometheus.Counter
	polls     *prometheus.CounterVec
	users     *prometheus.GaugeVec
	slow      prometheus.Gauge
	oldest    atomic.Int64 // instants in milliseconds, 0 for not known
	newest    atomic.Int64
	stopped   *prometheus.GaugeVec
	interval  prometheus.Gauge
	rate      prometheus.Gauge
	behind    prometheus.Gauge
	left      prometheus.Gauge
	gaps      *prometheus.CounterVec // by reason
	discovery *prometheus.CounterVec
	wait      prometheus.Histogram
	rewound   prometheus.Counter
	refetched prometheus.Counter
	doubt     prometheus.Gauge
	skew      prometheus.Gauge
}

// NewMetrics makes the metrics and registers them; a nil registerer leaves them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	m := &Metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_graph_requests_total",
			Help: "Requests to Graph, by kind (messages, users, token) and outcome (ok, or the reason of the failure).",
		}, []string{"kind", "outcome"}),
		duration: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "teams_connector_graph_request_duration_seconds",
			Help:    "Time from sending a request to the last byte of its response.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
		heldFor: f.NewCounter(prometheus.CounterOpts{
			Name: "teams_connector_graph_held_seconds_total",
			Help: "Waits imposed on the whole tenant by Retry-After, or by backoff where Graph named none.",
		}),
		polls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_slices_total",
			Help: "Slices of windows, by outcome (done, or what followed from the failure).",
		}, []string{"outcome"}),
		users: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "teams_connector_users",
			Help: "Users polled, by state (ok, history, suspended).",
		}, []string{"state"}),
		slow: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_users_slow",
			Help: "Users polled whose last request was given up because it took too long; together they have a quarter of SOURCE_IN_FLIGHT.",
		}),
		stopped: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "teams_connector_polling_stopped",
			Help: "1 while polling is stopped for the whole tenant, by reason (not authorized, payment required, request refused as invalid).",
		}, []string{"reason"}),
		interval: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_poll_interval_seconds",
			Help: "From one poll of a user to the next, as configured: what the ages of the marks are measured against.",
		}),
		rate: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_graph_rate_limit",
			Help: "Requests per second that the connector allows itself; less than SOURCE_RATE after 429s.",
		}),
		behind: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_history_behind_seconds",
			Help: "Time of the past that is still to be read, summed over the users who read history.",
		}),
		left: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_history_left_seconds",
			Help: "How long reading history still takes at the pace of the last minute; not a number while that is not known.",
		}),
		gaps: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_gaps_total",
			Help: "Stretches of a user's time that cannot be read whole, by reason (deleted: the user was not read for longer than Graph keeps deleted messages, 21 days; unanswered: Graph does not answer for the stretch, although it does for the rest of the mailbox).",
		}, []string{"reason"}),
		discovery: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_discoveries_total",
			Help: "Discoveries of the users to poll, by outcome (ok, failed, doubted).",
		}, []string{"outcome"}),
		wait: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "teams_connector_poll_wait_seconds",
			Help:    "How long after its due time a user's poll began.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 12),
		}),
		rewound: f.NewCounter(prometheus.CounterOpts{
			Name: "teams_connector_marks_ahead_total",
			Help: "Positions that lay ahead of Graph's clock and were set back by the longest rung.",
		}),
		refetched: f.NewCounter(prometheus.CounterOpts{
			Name: "teams_connector_slices_restarted_total",
			Help: "Slices that were read again from their first page.",
		}),
		doubt: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_clock_in_doubt",
			Help: "1 while Graph's clock and this machine's differ by more than a minute, or a response has a Date that no other confirms; else 0.",
		}),
		skew: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_clock_skew_seconds",
			Help: "How far this machine's clock is ahead of Graph's, less than 0 if it is behind; not a number while that is not known.",
		}),
	}
	// Computed when they are asked for: an age grows while nothing is read, whatever the reason.
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "teams_connector_oldest_mark_age_seconds",
		Help: "Age of the newest instant read of the user who is furthest behind; not a number while the tenant is another process's.",
	}, func() float64 { return age(m.oldest.Load()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "teams_connector_newest_mark_age_seconds",
		Help: "Age of the newest instant read of the user who is ahead of all; not a number while the tenant is another process's.",
	}, func() float64 { return age(m.newest.Load()) })
	for _, reason := range []string{gapDeleted, gapUnanswered} {
		m.gaps.WithLabelValues(reason)
	}
	m.left.Set(math.NaN())
	m.skew.Set(math.NaN())
	return m
}

// age is how long ago an instant in milliseconds is, in seconds; not a number for 0, which means that there is none.
func age(instant int64) float64 {
	if instant == 0 {
		return math.NaN()
	}
	return time.Since(time.UnixMilli(instant)).Seconds()
}

// Released forgets what the gauges say of a tenant that another process may read from now on.
func (m *Metrics) Released() {
	m.oldest.Store(0)
	m.newest.Store(0)
	m.users.Reset()
	m.slow.Set(0)
	m.stop(nil)
	m.behind.Set(0)
	m.left.Set(math.NaN())
	m.doubt.Set(0)
	m.skew.Set(math.NaN())
}

// clock shows whether the clocks are in doubt and how far this machine's is ahead of Graph's.
func (m *Metrics) clock(doubt bool, ahead time.Duration, known bool) {
	m.doubt.Set(0)
	if doubt {
		m.doubt.Set(1)
	}
	m.skew.Set(math.NaN())
	if known {
		m.skew.Set(ahead.Seconds())
	}
}

// stopReasons are the reasons for which a tenant's polling is stopped.
var stopReasons = [...]error{ErrUnauthorized, ErrUnpaid, ErrBadRequest}

// stop shows why polling is stopped, nil for not at all.
func (m *Metrics) stop(why error) {
	for _, reason := range stopReasons {
		value := 0.0
		if errors.Is(why, reason) {
			value = 1
		}
		m.stopped.WithLabelValues(reason.Error()).Set(value)
	}
}

func (m *Metrics) request(kind string, e *Error) {
	outcome := "ok"
	if e != nil {
		outcome = e.Reason.Error()
	}
	m.requests.WithLabelValues(kind, outcome).Inc()
}

// Discovered counts a discovery: ok, failed or doubted.
func (m *Metrics) Discovered(outcome string) { m.discovery.WithLabelValues(outcome).Inc() }

func (m *Metrics) seconds(d time.Duration) { m.duration.Observe(d.Seconds()) }
func (m *Metrics) held(d time.Duration)    { m.heldFor.Add(d.Seconds()) }
