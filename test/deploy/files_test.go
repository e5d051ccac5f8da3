package deploy

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/source"
)

const (
	chart     = "deploy/helm/teams-kafka-connector"
	alerts    = "deploy/prometheus/alerts.yaml"
	dashboard = "deploy/grafana/dashboard.json"
	runbook   = "docs/runbook.md"
)

// read is the text of a file, named from the repository's folder.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// definition is the part of the chart's schema that names variables.
type definition struct {
	Closed     *bool                      `json:"additionalProperties"`
	Properties map[string]json.RawMessage `json:"properties"`
	Patterns   map[string]json.RawMessage `json:"patternProperties"`
}

// takes says whether a name passes.
func (d definition) takes(t *testing.T, name string) bool {
	t.Helper()
	if _, ok := d.Properties[name]; ok {
		return true
	}
	for pattern := range d.Patterns {
		if regexp.MustCompile(pattern).MatchString(name) {
			return true
		}
	}
	return false
}

func TestChart_TakesEverySettingAndNoOther(t *testing.T) {
	var schema struct {
		Defs struct {
			Settings     definition `json:"settings"`
			SettingsFrom definition `json:"settingsFrom"`
			Files        definition `json:"files"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	settings, from, files := schema.Defs.Settings, schema.Defs.SettingsFrom, schema.Defs.Files
	for name, d := range map[string]definition{"settings": settings, "settingsFrom": from, "files": files} {
		if d.Closed == nil || *d.Closed || d.takes(t, "KAFKA_BROKER") || d.takes(t, "CONTOSO_KAFKA_BROKERS") {
			t.Errorf("%s takes names that the connector does not know", name)
		}
	}
	all := config.All()
	if len(all) < 50 {
		t.Fatalf("there are %d settings", len(all))
	}
	names := make(map[string]bool)
	for _, s := range all {
		names[s.Name] = true
		prefixes := []string{""}
		if s.Tenant != config.Shared {
			prefixes = append(prefixes, "CONTOSO_")
		}
		for _, prefix := range prefixes {
			if !from.takes(t, prefix+s.Name) {
				t.Errorf("settingsFrom does not take %s", prefix+s.Name)
			}
			if settings.takes(t, prefix+s.Name) == s.Secret {
				t.Errorf("settings takes %s: %t; it is secret: %t", prefix+s.Name, !s.Secret, s.Secret)
			}
			if s.Secret && (!files.takes(t, prefix+s.FileVariable()) || !settings.takes(t, prefix+s.FileVariable())) {
				t.Errorf("%s cannot be set", prefix+s.FileVariable())
			}
		}
		names[s.FileVariable()] = s.Secret
	}
	for _, d := range []definition{settings, from, files} {
		for name := range d.Properties {
			if !names[name] {
				t.Errorf("the connector does not know %s: go generate ./internal/config", name)
			}
		}
	}
}

// The base images are pinned by digest, and named by build arguments.
func TestDockerfile_PinsItsBaseImagesInArguments(t *testing.T) {
	text := read(t, "Dockerfile")
	stages := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`).FindAllStringSubmatch(text, -1)
	if len(stages) != 2 {
		t.Fatalf("there are %d stages", len(stages))
	}
	for _, stage := range stages {
		name := strings.Trim(stage[1], "${}")
		if stage[1] != "${"+name+"}" || !regexp.MustCompile(`(?m)^ARG `+name+`=\S+:\S+@sha256:[0-9a-f]{64}$`).MatchString(text) {
			t.Errorf("%s is not pinned by digest in a build argument", stage[1])
		}
	}
}

func TestChart_HoldsTheAlertsAndTheDashboard(t *testing.T) {
	for copied, original := range map[string]string{chart + "/files/alerts.yaml": alerts, chart + "/files/dashboard.json": dashboard} {
		if read(t, copied) != read(t, original) {
			t.Errorf("%s is not %s: go generate ./test/deploy", copied, original)
		}
	}
}

// described collects the names of the metrics that are registered with it.
type described map[string]bool

func (d described) Register(c prometheus.Collector) error {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		c.Describe(descriptions)
		close(descriptions)
	}()
	name := regexp.MustCompile(`fqName: "(\w+)"`)
	for description := range descriptions {
		d[name.FindStringSubmatch(description.String())[1]] = true
	}
	return nil
}

func (d described) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = d.Register(c) // never fails
	}
}

func (d described) Unregister(prometheus.Collector) bool { return false }

// metrics are the names of what the connector measures.
func metrics(t *testing.T) described {
	t.Helper()
	d := make(described)
	source.NewMetrics(d)
	worker.NewMetrics(d)
	daemon.NewStalled(d)
	d.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if len(d) < 40 {
		t.Fatalf("found %d metrics", len(d))
	}
	return d
}

// missing are the metrics that a text names and the connector does not have.
func missing(text string, have described) (names []string) {
	for _, name := range regexp.MustCompile(`\b(?:teams_connector|process|go|kafka)_\w+`).FindAllString(text, -1) {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if !have[name] && !have[base] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func TestMetrics_ThatAlertsAndDashboardNameExist(t *testing.T) {
	have := metrics(t)
	// A word like process_cpu would be looked for in prose as well, so of the dashboard only what is asked counts.
	asked := regexp.MustCompile(`"(?:expr|query|definition)": (".*")`).FindAllStringSubmatch(read(t, dashboard), -1)
	if len(asked) < 30 {
		t.Fatalf("the dashboard asks %d times", len(asked))
	}
	for _, expression := range asked {
		if unknown := missing(expression[1], have); len(unknown) > 0 {
			t.Errorf("the dashboard asks for %v", unknown)
		}
	}
	for _, file := range []string{alerts, runbook} {
		if unknown := missing(read(t, file), have); len(unknown) > 0 {
			t.Errorf("%s names %v", file, unknown)
		}
	}
	if len(missing("rate(teams_connector_no_such_total[5m])", have)) != 1 {
		t.Error("a metric that does not exist is not found out")
	}
}

// The reasons by which alerts select are the connector's own words.
func TestAlerts_SelectReasonsThatExist(t *testing.T) {
	reasons := make(map[string]bool)
	for _, reason := range []error{source.ErrThrottled, source.ErrUnavailable, source.ErrLogin, source.ErrMalformed, source.ErrUnpaid, source.ErrUnauthorized, source.ErrBadRequest} {
		reasons[reason.Error()] = true
	}
	selectors := regexp.MustCompile(`(?:polling_stopped\{reason|graph_requests_total\{(?:kind="\w+", )?outcome)=~?"([^"]+)"`)
	found := selectors.FindAllStringSubmatch(read(t, alerts), -1)
	if len(found) < 6 {
		t.Fatalf("found %d selectors", len(found))
	}
	for _, selector := range found {
		for reason := range strings.SplitSeq(selector[1], "|") {
			if !reasons[reason] {
				t.Errorf("no request ends for the reason %q", reason)
			}
		}
	}
}

func TestAlerts_EachHasASectionInTheRunbookAndATest(t *testing.T) {
	text := read(t, alerts)
	names := make(map[string]string) // by what the address of the section has behind its #
	for _, match := range regexp.MustCompile(`(?m)- alert: (\w+)$`).FindAllStringSubmatch(text, -1) {
		names[strings.ToLower(match[1])] = match[1]
	}
	if len(names) < 20 {
		t.Fatalf("there are %d alerts", len(names))
	}
	var sections []string
	for _, match := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(read(t, runbook), -1) {
		sections = append(sections, match[1])
	}
	slices.Sort(sections)
	if alerting := slices.Sorted(maps.Values(names)); !slices.Equal(alerting, sections) {
		t.Errorf("the alerts are\n%v\nthe sections of the runbook are\n%v", alerting, sections)
	}
	rules := strings.Split(text, "- alert: ")[1:]
	tests := read(t, "deploy/prometheus/alerts_test.yaml")
	for _, rule := range rules {
		name, _, _ := strings.Cut(rule, "\n")
		if want := "docs/runbook.md#" + strings.ToLower(name) + "\n"; !strings.Contains(rule, want) {
			t.Errorf("%s does not lead to its section of the runbook", name)
		}
		if !strings.Contains(tests, "name: \""+name+"\"\n") || !strings.Contains(tests, "name: \""+name+" does not fire") {
			t.Errorf("no test shows that %s fires, or none that it does not", name)
		}
	}
}
