//go:build deploy

package deploy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	"github.com/teams-kafka/connector/test/document"
	"github.com/teams-kafka/connector/test/process"
)

const (
	namespace   = "chat"                  // as the page names it
	release     = "teams-kafka-connector" // likewise
	outputTopic = "teams.chat.messages"
	// A tenant in which days of polling pass in seconds: the rungs stand to the lateness as the default rungs to Graph's 24 hours.
	clusterLateness = 4 * time.Second
	clusterRungs    = "2s,4s,8s"
	clusterLongest  = 8 * time.Second
)

// TestCluster goes the way of docs/kubernetes.md on a real cluster: install, helm test, upgrade, rollback and uninstall, in a namespace
// that enforces the restricted pod security standard, while people write. In between the pod that polls is deleted, and the process in
// it is killed. An independent reader judges what came of it.
func TestCluster(t *testing.T) {
	c := newCluster(t)
	for _, step := range []struct {
		name string
		does func(*testing.T)
	}{
		{"TheNamespaceRefusesWhatIsNotRestricted", c.makeNamespace},
		{"WouldTakeTheUsualSetUps", c.dryRun},
		{"InstallsAndDoctorFindsNothing", c.install},
		{"AnswersTheRunbooksFirstQuestions", c.look},
		{"OutlivesTheDeletionOfTheOwnersPod", c.deleteOwner},
		{"OutlivesTheKillOfTheOwnersProcess", c.killOwner},
		{"UpgradesWhileMessagesFlow", c.upgrade},
		{"RollsBackWhileMessagesFlow", c.rollBack},
		{"ReadsTheRest", c.settle},
		{"UninstallsWithoutATrace", c.uninstall},
		{"LostNothingAndWroteNothingTwice", c.judge},
	} {
		if !t.Run(step.name, step.does) {
			break // what follows builds on it
		}
	}
}

// cluster is a Kubernetes, and beside it on this machine, where the pods reach it, everything the connector talks to.
type cluster struct {
	dir   string   // in which the page's commands run
	env   []string // of kubectl and helm
	page  []document.Block
	sim   *graphsim.Server
	kafka *embedded.Kafka
	reg   *embedded.Registry
	graph *http.Client
	live  *liveReader
}

func newCluster(t *testing.T) *cluster {
	host := os.Getenv("CLUSTER_HOST")
	if host == "" {
		t.Skip("!!! NOT RUN: no cluster is given. CLUSTER_HOST, KUBECONFIG and CLUSTER_LOAD say which; see doc.go.")
	}
	for _, tool := range []string{"kubectl", "helm", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(err)
		}
	}
	e := newEngine(t)
	e.build(t)
	c := &cluster{dir: t.TempDir(), page: document.RunBy(t, "docs/kubernetes.md")}
	c.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "KUBECONFIG=" + os.Getenv("KUBECONFIG"),
		"HELM_CONFIG_HOME=" + c.dir, "HELM_CACHE_HOME=" + c.dir, "HELM_DATA_HOME=" + c.dir,
	}
	// The runbook's commands are for whoever has chosen the namespace. This machine's own file stays as it is.
	config := filepath.Join(c.dir, "kubeconfig")
	if err := os.WriteFile(config, []byte(c.kubectl(t, "config", "view", "--raw", "--flatten", "--minify")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "KUBECONFIG="+config)
	c.kubectl(t, "config", "set-context", "--current", "--namespace", namespace)
	t.Logf("%s\n%s", c.kubectl(t, "get", "nodes", "--output", "wide"), c.sh(t, "helm version"))
	if there := c.kubectl(t, "get", "namespace", namespace, "--ignore-not-found", "--output", "name"); there != "" {
		t.Fatalf("the cluster has a %s already, which this test does not touch", there)
	}
	if load := os.Getenv("CLUSTER_LOAD"); load != "" {
		command := exec.CommandContext(t.Context(), "bash", "-c", load+" "+imageName)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", load, err, out)
		}
	}
	t.Cleanup(func() { c.clear(t) })
	c.surroundings(t, host)
	if err := os.Symlink(filepath.Join(root(t), "deploy"), filepath.Join(c.dir, "deploy")); err != nil {
		t.Fatal(err)
	}
	return c
}

// surroundings starts simulator, Kafka and registry where pods reach them.
func (c *cluster) surroundings(t *testing.T, host string) {
	cfg := graphsim.Defaults()
	cfg.Address, cfg.Host, cfg.Dir, cfg.Seed = host+":0", host, c.dir, 7
	cfg.Users, cfg.Chats, cfg.Rate = 20, 40, 20
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.3, 0.4, 0.08
	cfg.Lateness = graphsim.Lateness{Max: clusterLateness, Share: 0.4, Shape: 2}
	cfg.History = graphsim.History{Messages: 1000, Reach: 3 * time.Hour}
	cfg.Content.BadItems = 0.004
	var err error
	if c.sim, err = graphsim.Start(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.sim.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.sim.CAPEM())
	c.graph = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	if c.kafka, err = embedded.StartKafka(embedded.KafkaOptions{Host: host}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kafka.Close)
	if c.reg, err = embedded.StartRegistry(embedded.RegistryOptions{Host: host}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.reg.Close() })
	c.live = startLiveReader(t, c.kafka.Brokers())
}

// sh runs commands, and returns what they print. All of them must succeed.
func (c *cluster) sh(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = c.dir, c.env
	var out, errors strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out.String(), errors.String())
	}
	return strings.TrimSpace(out.String())
}

func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("kubectl", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	var out, errors strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, errors.String())
	}
	return strings.TrimSpace(out.String())
}

// typed runs the one block of the page that has a command, as it is there.
func (c *cluster) typed(t *testing.T, command string) string {
	t.Helper()
	var found []string
	for _, block := range c.page {
		if strings.Contains(block.Text, command) {
			found = append(found, block.Text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("docs/kubernetes.md has %d blocks with %q", len(found), command)
	}
	return c.sh(t, found[0])
}

// values writes values.yaml: what is secret comes from a Secret, and what is a file from a ConfigMap.
func (c *cluster) values(t *testing.T, commitInterval string) {
	t.Helper()
	graph, err := url.Parse(c.sim.URL())
	if err != nil {
		t.Fatal(err)
	}
	registry, err := url.Parse(c.reg.URL())
	if err != nil {
		t.Fatal(err)
	}
	image, tag, _ := strings.Cut(imageName, ":")
	text := fmt.Sprintf(`
image: {repository: %s, tag: %s}
settings:
  AZURE_TENANT_ID: %s
  AZURE_AUTHORITY_HOST: %s
  GRAPH_ENDPOINT: %s
  SOURCE_START: 4h
  SOURCE_POLL_INTERVAL: 1s
  SOURCE_LOOKBACKS: %s
  KAFKA_BROKERS: %s
  KAFKA_TOPIC_RETENTION: 30d
  SCHEMA_REGISTRY_URL: %s
  COMMIT_INTERVAL: %s
settingsFrom:
  AZURE_CLIENT_ID: {secret: entra, key: client-id}
files:
  AZURE_CLIENT_SECRET_FILE: {secret: entra, key: client-secret}
  GRAPH_CA_FILE: {configMap: graph, key: ca.pem}
  SOURCE_USERS_FILE: {configMap: graph, key: users}
networkPolicy:
  enabled: true
  extraEgress:
    - ports: [{port: %s}]
`, image, tag, c.sim.TenantID(), c.sim.AuthorityURL(), c.sim.URL(), clusterRungs, c.kafka.Brokers()[0], registry, commitInterval, graph.Port())
	if err := os.WriteFile(filepath.Join(c.dir, "values.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// clear shows what there is to see if something failed, and takes the namespace away.
func (c *cluster) clear(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Log(c.try("get", "all", "--output", "wide"))
		t.Log(c.try("get", "events", "--sort-by", ".lastTimestamp"))
		t.Log(c.try("logs", "--selector", "app.kubernetes.io/instance="+release, "--prefix", "--tail", "60"))
	}
	c.kubectl(t, "delete", "namespace", namespace, "--ignore-not-found", "--timeout", "2m")
}

// try runs kubectl and returns what it prints. A failure is part of that, and not of the test.
func (c *cluster) try(args ...string) string {
	cmd := exec.Command("kubectl", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// makeNamespace runs the page's first commands and asks the cluster for a pod that is not restricted.
func (c *cluster) makeNamespace(t *testing.T) {
	c.typed(t, "kubectl label namespace")
	if out := c.try("run", "unrestricted", "--image", imageName, "--dry-run=server"); !strings.Contains(out, "violates PodSecurity") {
		t.Errorf("a pod that is not restricted: %s", out)
	}
}

// dryRun asks the cluster about the chart's examples, without the objects of an operator that it need not have.
func (c *cluster) dryRun(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), chart, "ci", "*-values.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("there are %d examples: %v", len(files), err)
	}
	for _, file := range files {
		out := c.sh(t, fmt.Sprintf("helm template %s %s --namespace %s --no-hooks --values %s "+
			"--set podMonitor.enabled=false,serviceMonitor.enabled=false,prometheusRule.enabled=false "+
			"| kubectl apply --dry-run=server --validate=strict --filename - 2>&1", release, chart, namespace, file))
		if !strings.Contains(out, "deployment.apps/"+release+" created (server dry run)") || strings.Contains(out, "Warning") {
			t.Errorf("%s:\n%s", filepath.Base(file), out)
		}
	}
}

// install runs the page's commands, with a Secret and a ConfigMap that were there before.
func (c *cluster) install(t *testing.T) {
	if err := os.WriteFile(filepath.Join(c.dir, "users"), []byte(strings.Join(c.sim.Users(), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "create", "secret", "generic", "entra", "--from-literal=client-id="+c.sim.ClientID(), "--from-literal=client-secret="+c.sim.ClientSecret())
	c.kubectl(t, "create", "configmap", "graph", "--from-file=ca.pem", "--from-file=users")
	c.values(t, "1s")
	out := c.typed(t, "helm install")
	t.Log(out)
	for _, line := range []string{"STATUS: deployed", "0 fail"} {
		if !strings.Contains(out, line) {
			t.Errorf("there is no %q", line)
		}
	}
	c.kubectl(t, "rollout", "status", "deployment/"+release, "--timeout", "2m")
	c.live.awaitMore(t, c)
	t.Logf("%s polls", c.owner(t).name)
}

// look runs what the page and the runbook say for looking.
func (c *cluster) look(t *testing.T) {
	out := c.typed(t, "offsets list")
	for _, user := range c.sim.Users() {
		if !strings.Contains(out, user) {
			t.Errorf("offsets list does not show %s:\n%s", user, out)
		}
	}
	if !strings.Contains(out, `"check":"configuration"`) && !strings.Contains(out, `"check": "configuration"`) {
		t.Errorf("doctor says nothing:\n%s", out)
	}
	blocks := document.RunBy(t, "docs/runbook.md")
	lines := strings.Split(strings.TrimSpace(blocks[0].Text), "\n")
	if len(blocks) != 1 || len(lines) != 3 {
		t.Fatalf("the runbook has %d blocks, with %d lines in the first", len(blocks), len(lines))
	}
	if out := c.sh(t, lines[0]); strings.Count(out, "Running") != 2 {
		t.Errorf("two pods run, it shows\n%s", out)
	}
	if out := c.sh(t, lines[1]); !strings.Contains(out, `"msg":"polling"`) {
		t.Errorf("one of the pods polls, the log is\n%s", out)
	}
	// Only the port on this machine is another, because this one may be in use.
	cmd := exec.Command("bash", "-c", "exec "+document.Replace(t, lines[2], "8080:admin", ":admin"))
	cmd.Env = c.env
	forward := process.Start(t, "kubectl port-forward", cmd)
	line, _ := forward.WaitFor(t, c.within(t, time.Minute), 0, "Forwarding from 127.0.0.1:")
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	answer, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("/readyz answers %s", answer.Status)
	}
	if allowed := c.kubectl(t, "get", "poddisruptionbudget", release, "--output", "jsonpath={.status.disruptionsAllowed}"); allowed != "1" {
		t.Errorf("the disruption budget allows %q pods to go, want 1", allowed)
	}
}

func (c *cluster) deleteOwner(t *testing.T) {
	c.disturb(t, func(owner pod) {
		c.kubectl(t, "delete", "pod", owner.name, "--grace-period=0", "--force")
	})
}

func (c *cluster) killOwner(t *testing.T) {
	kill := os.Getenv("CLUSTER_KILL")
	if kill == "" {
		t.Skip("!!! NOT RUN: CLUSTER_KILL does not say how a container's process is killed on the node; see doc.go.")
	}
	var killed pod
	c.disturb(t, func(owner pod) {
		killed = owner
		_, id, _ := strings.Cut(owner.container, "://")
		command := exec.CommandContext(t.Context(), "bash", "-c", kill+" "+id)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", kill, err, out)
		}
	})
	c.await(t, "the container is started again", func() error {
		for _, p := range c.pods(t) {
			if p.name == killed.name && p.restarts == killed.restarts+1 && p.ready {
				return nil
			}
		}
		return fmt.Errorf("%+v", c.pods(t))
	})
}

// disturb does something to the pod that polls, and waits until another process polls in its place.
func (c *cluster) disturb(t *testing.T, do func(owner pod)) {
	before := c.owner(t)
	began := time.Now()
	do(before)
	var owner pod
	c.await(t, "another process polls", func() (err error) {
		if owner, err = c.findOwner(t); err == nil && owner.container == before.container {
			err = fmt.Errorf("%s still polls", owner.name)
		}
		return err
	})
	c.live.awaitMore(t, c)
	t.Logf("from %s to %s in %v at most; for readers the longest silence was %v", before.name, owner.name,
		time.Since(began).Round(100*time.Millisecond), c.live.silence(began).Round(10*time.Millisecond))
	c.kubectl(t, "rollout", "status", "deployment/"+release, "--timeout", "2m")
}

func (c *cluster) upgrade(t *testing.T) {
	c.values(t, "500ms")
	c.roll(t, "helm upgrade", "500ms")
}

func (c *cluster) rollBack(t *testing.T) { c.roll(t, "helm rollback", "1s") }

// roll runs a command that replaces every pod, and holds each that goes to an orderly end.
func (c *cluster) roll(t *testing.T, command, commitInterval string) {
	var logs []*process.Process
	for _, p := range c.pods(t) {
		follow := exec.Command("kubectl", "logs", "--follow", "--tail", "5", p.name)
		follow.Env = c.env
		logs = append(logs, process.Start(t, p.name, follow))
	}
	began := time.Now()
	t.Log(c.typed(t, command))
	took := time.Since(began)
	for _, log := range logs {
		log.WaitFor(t, c.within(t, time.Minute), 0, `"msg":"connector has stopped"`)
	}
	c.live.awaitMore(t, c)
	t.Logf("took %v; for readers the longest silence was %v", took.Round(time.Second), c.live.silence(began).Round(10*time.Millisecond))
	c.await(t, "there are two pods with the other interval", func() error {
		out := c.kubectl(t, "get", "pods", "--selector", "app.kubernetes.io/component=connector",
			"--output", `jsonpath={.items[*].spec.containers[0].env[?(@.name=="COMMIT_INTERVAL")].value}`)
		if out != commitInterval+" "+commitInterval {
			return fmt.Errorf("COMMIT_INTERVAL is %q", out)
		}
		return nil
	})
}

// settle ends the writing and waits until all of it has been read as often as the ladder wants.
func (c *cluster) settle(t *testing.T) {
	c.sim.StopTraffic()
	c.await(t, "everything is visible", func() error {
		if !c.sim.Quiet() {
			return fmt.Errorf("%d copies are on their way", c.sim.Stats().Pending)
		}
		return nil
	})
	quiet := time.Now()
	c.await(t, "all of it is read", func() error {
		owner, err := c.findOwner(t)
		if err != nil {
			return err
		}
		if oldest := owner.status.Tenants[0].Freshness.Oldest; oldest == nil || oldest.Before(quiet.Add(clusterLongest)) {
			return fmt.Errorf("read up to %v, quiet since %v", oldest, quiet)
		}
		return nil
	})
}

func (c *cluster) uninstall(t *testing.T) {
	for line := range strings.Lines(c.kubectl(t, "logs", "--selector", "app.kubernetes.io/component=connector", "--prefix", "--tail", "-1")) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("nobody has to act upon anything, and yet: %s", line)
		}
	}
	t.Log(c.typed(t, "helm uninstall"))
	c.kubectl(t, "wait", "--for=delete", "pod", "--selector", "app.kubernetes.io/instance="+release, "--timeout", "1m")
	kinds := "all,configmap,secret,serviceaccount,networkpolicy,poddisruptionbudget"
	c.await(t, "nothing is left", func() error {
		left := c.kubectl(t, "get", kinds, "--selector", "app.kubernetes.io/instance="+release, "--output", "name") +
			c.kubectl(t, "get", "secret", "--selector", "owner=helm", "--output", "name")
		if left != "" {
			return fmt.Errorf("%s", left)
		}
		return nil
	})
}

func (c *cluster) judge(t *testing.T) {
	verdict, err := judge.Run(c.within(t, 2*time.Minute), judge.Config{
		Brokers: c.kafka.Brokers(), Topic: outputTopic, OffsetsTopic: "teams.offsets", ConnectorName: "teams", Tenant: c.sim.TenantID(),
		RegistryURL: c.reg.URL(), LedgerURL: c.sim.URL() + "/_sim/ledger", LedgerClient: c.graph,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v; requests while told to wait %d; %.0f bytes a version in Kafka", verdict, c.sim.Stats().Early, float64(c.stored(t))/float64(verdict.InTopic))
	if !verdict.OK() || verdict.Unseen != 0 || verdict.InTopic < 1000 {
		t.Errorf("%v, unseen %d\n%v", verdict, verdict.Unseen, verdict.Examples)
	}
}

// stored is the size of the output topic, as Kafka accounts it: compressed, in batches, with keys and headers, one copy.
func (c *cluster) stored(t *testing.T) (bytes int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.kafka.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	dirs, err := kadm.NewClient(client).DescribeAllLogDirs(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		for _, p := range d.Topics[outputTopic] {
			bytes += p.Size
		}
	})
	return bytes
}
