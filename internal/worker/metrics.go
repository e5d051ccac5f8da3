package worker

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

//go:generate go run ../generate/metrictable ../../docs/metrics.md

// The outcomes of an item.
const (
	outcomeWritten    = "written"
	outcomeSeen       = "seen"
	outcomeSuperseded = "superseded"
	outcomeDeadLetter = "dead-letter"
	outcomeExcluded   = "excluded"
)

// The causes of a session's end.
const (
	causeFenced   = "fenced"
	causeTopic    = "topic"
	causeDenied   = "denied"
	causeTooLarge = "too-large"
	causeOther    = "other"
)

// Metrics are what the worker counts.
type Metrics struct {
	items         map[string]prometheus.Counter // by outcome
	outside       prometheus.Counter
	restamped     *prometheus.CounterVec // by reason
	latency       prometheus.Histogram
	lateness      prometheus.Histogram
	rungs         *prometheus.CounterVec
	onTime        prometheus.Counter // of rungs
	commits       *prometheus.CounterVec
	commitSeconds prometheus.Histogram
	sessions      *prometheus.CounterVec
	indexSize     prometheus.Gauge
	excess        prometheus.Gauge
	rebuilds      *prometheus.CounterVec
	rebuildTime   prometheus.Gauge
	rebuildCount  prometheus.Gauge
	owned         prometheus.Gauge
	kafkaWait     prometheus.Gauge
}

// NewMetrics makes the metrics and registers them; a nil registerer leaves them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	items := f.NewCounterVec(prometheus.CounterOpts{
		Name: "teams_connector_items_total",
		Help: "Items that Graph showed, by what became of them (written, seen, superseded, dead-letter, excluded).",
	}, []string{"outcome"})
	m := &Metrics{
		items: make(map[string]prometheus.Counter),
		outside: f.NewCounter(prometheus.CounterOpts{
			Name: "teams_connector_items_outside_window_total",
			Help: "Items whose time lies outside the window they were asked for. They are kept.",
		}),
		latency: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "teams_connector_message_latency_seconds",
			Help:    "From a version's last modification to the commit that made it visible in Kafka.",
			Buckets: prometheus.ExponentialBuckets(0.5, 2.5, 16),
		}),
		lateness: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "teams_connector_late_arrival_seconds",
			Help:    "For versions first seen by looking back: how far they lie before what had been read. At least so late did they become visible.",
			Buckets: []float64{1, 10, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 129600, 172800},
		}),
		rungs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_rung_needed_total",
			Help: "Versions written, by the shortest rung of the lookback ladder that would have caught them (none: no looking back was needed; longer: the whole ladder was too short, an outage for instance).",
		}, []string{"rung"}),
		commits: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_commits_total",
			Help: "Transactions that held anything, by outcome (ok, failed).",
		}, []string{"outcome"}),
		commitSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "teams_connector_commit_duration_seconds",
			Help:    "Time from asking for a commit to its end.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}),
		sessions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_sessions_ended_total",
			Help: "Writer sessions that ended by a failure and were begun again from the topic, by cause (fenced, topic, denied, too-large, other).",
		}, []string{"cause"}),
		indexSize: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_index_entries",
			Help: "Messages in the index of written versions.",
		}),
		excess: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_index_excess_entries",
			Help: "Messages in the index beyond INDEX_MAX_ENTRIES, because the polled users can ask for that many. They cost memory.",
		}),
		rebuilds: f.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_connector_rebuilds_total",
			Help: "Times that versions were read back from the topics, at the start of a session and to reach further back, by outcome (ok, failed).",
		}, []string{"outcome"}),
		rebuildTime: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_rebuild_seconds",
			Help: "How long the last rebuild of the index took.",
		}),
		rebuildCount: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_rebuild_records",
			Help: "Records read by the last rebuild of the index.",
		}),
		owned: f.NewGauge(prometheus.GaugeOpts{
			Name: "teams_connector_tenants_owned",
			Help: "1 while the tenant's stream runs in this process; a process without one is a spare.",
		}),
	}
	m.kafkaWait = f.NewGauge(prometheus.GaugeOpts{
		Name: "teams_connector_kafka_wait_seconds",
		Help: "How long the tenant's stream has been waiting for a Kafka broker; 0 while brokers answer within 3 s. The reason is in /status and the log.",
	})
	m.restamped = f.NewCounterVec(prometheus.CounterOpts{
		Name: "teams_connector_records_restamped_total",
		Help: "Records that got the time of writing as their timestamp, because the broker would refuse the event's (refusable) or delete the record soon (expiring).",
	}, []string{"reason"})
	for _, why := range []sink.Restamped{sink.Refusable, sink.Expiring} {
		m.restamped.WithLabelValues(string(why))
	}
	for _, outcome := range []string{outcomeWritten, outcomeSeen, outcomeSuperseded, outcomeDeadLetter, outcomeExcluded} {
		m.items[outcome] = items.WithLabelValues(outcome)
	}
	m.onTime = m.rungs.WithLabelValues("none")
	for _, outcome := range []string{"ok", "failed"} {
		m.commits.WithLabelValues(outcome)
		m.rebuilds.WithLabelValues(outcome)
	}
	for _, cause := range []string{causeFenced, causeTopic, causeDenied, causeTooLarge, causeOther} {
		m.sessions.WithLabelValues(cause)
	}
	return m
}

// NewPreparations counts what a process tries before it streams, and what comes of it.
func NewPreparations(reg prometheus.Registerer) *prometheus.CounterVec {
	return promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "teams_connector_preparations_total",
		Help: "What was tried at the start of the process, by step (topics, schema) and outcome (ok, failed); what fails for a reason that may pass is tried again.",
	}, []string{"step", "outcome"})
}

// KafkaHook makes hooks that watch a Kafka client, one for each client, of which there is one at a time. client says what
// it is for; tenant is empty if it is for all.
func KafkaHook(reg prometheus.Registerer, client, tenant string) func() kgo.Hook {
	return func() kgo.Hook {
		return kprom.NewMetrics("teams_connector_kafka", kprom.Registerer(reg),
			kprom.WithStaticLabel(prometheus.Labels{"client": client, "tenant": tenant}),
			kprom.Histograms(kprom.RequestDurationE2E, kprom.RequestThrottled), kprom.NativeBucketFactor(1))
	}
}

// taken records what became of an item.
func (m *Metrics) taken(outcome string, l source.Ladder, it *item, d source.Delivery) {
	m.items[outcome].Inc()
	if outcome == outcomeExcluded || it.err != nil {
		return
	}
	t := it.identity.Version.Time
	if t < d.From || t >= d.To {
		m.outside.Inc()
	}
	if outcome == outcomeWritten {
		m.late(l, t, d.ReadBefore)
	}
}

// late records by what a version was caught: its time and the instant up to which its user had been read
// before, in milliseconds, 0 in the first window, where nothing is late.
func (m *Metrics) late(l source.Ladder, version, readBefore int64) {
	if readBefore == 0 {
		return
	}
	late := readBefore - version
	if late <= 0 {
		m.onTime.Inc()
		return
	}
	m.lateness.Observe(float64(late) / 1000)
	name := "longer"
	if rung, ok := l.Catching(time.Duration(late) * time.Millisecond); ok {
		name = offsets.FormatDuration(rung)
	}
	m.rungs.WithLabelValues(name).Inc()
}

func (m *Metrics) index(x *sink.Index, most int) {
	m.indexSize.Set(float64(x.Len()))
	m.excess.Set(float64(max(0, x.Len()-most)))
}

// rebuild records that versions were read back into the index, or could not be.
func (m *Metrics) rebuild(r sink.Scanned, err error) {
	if err != nil {
		m.rebuilds.WithLabelValues("failed").Inc()
		return
	}
	m.rebuilds.WithLabelValues("ok").Inc()
	m.rebuildTime.Set(r.Seconds)
	m.rebuildCount.Set(float64(r.Records))

}

// committed records a commit; times are the version times, in milliseconds, of what it made visible.
func (m *Metrics) committed(outcome string, times []int64, took time.Duration) {
	m.commits.WithLabelValues(outcome).Inc()
	m.commitSeconds.Observe(took.Seconds())
	now := time.Now()
	for _, t := range times {
		m.latency.Observe(now.Sub(time.UnixMilli(t)).Seconds())
	}
}

func (m *Metrics) sessionEnded(err error) {
	cause := causeOther
	var tooLarge *sink.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		cause = causeTooLarge
	case errors.Is(err, sink.ErrFenced):
		cause = causeFenced
	case errors.Is(err, sink.ErrTopic):
		cause = causeTopic
	case sink.Denied(err):
		cause = causeDenied
	}
	m.sessions.WithLabelValues(cause).Inc()
}
