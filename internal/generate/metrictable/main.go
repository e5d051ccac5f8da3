// Command metrictable writes the table of metrics into the page named by its argument, from the metrics themselves.
package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

// The lines between which the table is.
const (
	begins = "<!-- metrics: generated from the code by go generate -->\n"
	ends   = "<!-- end of metrics -->\n"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "metrictable:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), begins)
	_, after, closed := strings.Cut(rest, ends)
	if !found || !closed {
		return fmt.Errorf("%s has no place for the table", file)
	}
	table, err := table()
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(before+begins+table+ends+after), 0o644)
}

// recorder is a registerer that keeps what is registered.
type recorder struct{ collectors []prometheus.Collector }

func (r *recorder) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return nil
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	r.collectors = append(r.collectors, cs...)
}

func (r *recorder) Unregister(prometheus.Collector) bool { return true }

// metric is a row of the table.
type metric struct{ name, kind, labels, help string }

// description is how the client library prints what a metric is; it offers no other way to ask.
var description = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "(.*)", unit: "[^"]*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

func table() (string, error) {
	var process, tenant recorder
	worker.NewPreparations(&process)
	daemon.NewStalled(&process)
	client, err := kgo.NewClient(kgo.WithHooks(worker.KafkaHook(&process, "", "")()))
	if err != nil {
		return "", err
	}
	defer client.Close()
	source.NewMetrics(&tenant)
	worker.NewMetrics(&tenant)
	var rows []metric
	for _, registered := range []struct {
		collectors []prometheus.Collector
		labels     []string // that are added where they are registered
	}{{process.collectors, nil}, {tenant.collectors, []string{"tenant"}}} {
		for _, c := range registered.collectors {
			row, err := describe(c, registered.labels)
			if err != nil {
				return "", err
			}
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.name, r.kind, r.labels, strings.ReplaceAll(r.help, "|", `\|`))
	}
	return b.String(), nil
}

func describe(c prometheus.Collector, added []string) (metric, error) {
	descriptions := make(chan *prometheus.Desc, 1)
	c.Describe(descriptions)
	text := (<-descriptions).String()
	found := description.FindStringSubmatch(text)
	if found == nil {
		return metric{}, fmt.Errorf("what does this say: %s", text)
	}
	var labels []string
	for _, label := range slices.Concat(added, strings.Split(found[3], ","), strings.Split(found[4], ",")) {
		if name, _, _ := strings.Cut(label, "="); name != "" {
			labels = append(labels, "`"+name+"`")
		}
	}
	slices.Sort(labels)
	help := strings.TrimSuffix(strings.ReplaceAll(found[2], `\"`, `"`), ".") + "."
	return metric{name: found[1], kind: kind(c), labels: strings.Join(labels, ", "), help: help}, nil
}

// kind tells a collector's type as Prometheus calls it.
func kind(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.HistogramVec, prometheus.Observer:
		return "histogram"
	case *prometheus.GaugeVec, prometheus.Gauge:
		return "gauge"
	case prometheus.Counter: // after the gauge, which can do all that a counter can
		return "counter"
	default: // a function: there is none here that gives a counter
		return "gauge"
	}
}
