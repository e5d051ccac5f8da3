package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// demo shows the main job end to end, with everything real but the other side: Graph is simulated,
// Kafka and the registry are embedded, all three are spoken to over the network.
type demo struct {
	simulation
	duration                 time.Duration
	keep, faults, json, logs bool
	out, err                 io.Writer
	live                     bool // out is a terminal
}

func demoCommand() *cobra.Command {
	d := demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job end to end, on this machine alone, and judge it",
		Long: `Start a Graph simulator, an embedded Kafka and an embedded schema registry, run the connector
against them over the network while people write, edit, react and delete, and then let an independent
reader compare the topic with everything the simulator has shown.

The last line is the verdict. Exit code 0 only if nothing is missing, duplicated or reordered.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out, d.err = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if d.duration < time.Second || d.users < 2 || d.chats < 1 || d.rate <= 0 {
				return usageError{errors.New("demo: want --duration of at least 1s, --users of at least 2, --chats of at least 1, and a positive --rate")}
			}
			if f, ok := d.out.(*os.File); ok && !d.json {
				d.live = term.IsTerminal(int(f.Fd()))
			}
			return d.run(cmd.Context())
		},
	}
	d.flags(cmd, 24, 40, 60)
	cmd.Flags().DurationVar(&d.duration, "duration", 14*time.Second, "how long people write; reading the rest and judging comes on top")
	cmd.Flags().BoolVar(&d.keep, "keep", false, "stay up after the judgement and print the addresses, until interrupted")
	cmd.Flags().BoolVar(&d.faults, "faults", false, "throttling, 5xx, cut connections, truncated bodies and awkward pages on")
	cmd.Flags().BoolVar(&d.json, "json", false, "print one JSON object at the end and nothing else")
	cmd.Flags().BoolVar(&d.logs, "logs", false, "print the connector's log to standard error")
	return cmd
}

// The demo lives through days of polling in seconds: messages are at most lateness late, and the rungs
// stand to that as the default rungs stand to Graph's 24 hours.
const (
	demoLateness = 2 * time.Second
	demoRungs    = "1s,2s,4s"
	demoLongest  = 4 * time.Second
	demoPoll     = "400ms"
)

func (d *demo) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "connector-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		return err
	}
	defer kafka.Close()
	registry, err := embedded.StartRegistry(embedded.RegistryOptions{})
	if err != nil {
		return err
	}
	defer registry.Close()
	sim, err := graphsim.Start(d.simulator(dir))
	if err != nil {
		return err
	}
	defer sim.Close()
	cfg, err := config.Parse(d.settings(sim, dir, kafka.Brokers(), registry.URL()))
	if err != nil {
		return err
	}
	d.printf("Graph simulator   %s  (%d users, %d chats, %g new messages/s for %v)\n", sim.URL(), d.users, d.chats, d.rate, d.duration)
	d.printf("Kafka             %s  topic %s\n", strings.Join(kafka.Brokers(), ","), cfg.Topic)
	d.printf("schema registry   %s\n\n", registry.URL())

	logs := io.Discard
	if d.logs {
		logs = d.err
	}
	c, err := daemon.New(cfg, version(), slog.New(slog.NewTextHandler(logs, nil)))
	if err != nil {
		return err
	}
	if err := d.stream(ctx, c, sim); err != nil {
		return err
	}
	verdict, err := d.judge(ctx, cfg, sim, registry.URL())
	if err != nil {
		return fmt.Errorf("demo: the judgement could not be made: %w", err)
	}
	if d.json {
		if err := json.NewEncoder(d.out).Encode(verdict); err != nil {
			return err
		}
	} else {
		d.explain(verdict)
	}
	if !d.json {
		fmt.Fprintln(d.out, verdict)
	}
	if d.keep {
		d.stay(ctx, cfg, sim, registry.URL())
	}
	if !verdict.OK() {
		return errJudged
	}
	return nil
}

// simulator is a tenant in which a good deal happens.
func (d *demo) simulator(dir string) graphsim.Config {
	cfg := d.config()
	cfg.Dir = dir
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.3, 0.4, 0.08
	cfg.Lateness = graphsim.Lateness{Max: demoLateness, Share: 0.4, Shape: 2}
	cfg.History = graphsim.History{Messages: 1500, Reach: 3 * time.Hour}
	cfg.Content.BadItems = 0.004
	if d.faults {
		cfg.Faults = graphsim.EveryFault(0.006)
		cfg.Faults.RetryAfter, cfg.Faults.SlowFor = time.Second, 500*time.Millisecond
		cfg.Quirks.EmptyPage, cfg.Quirks.ShortPage, cfg.Quirks.Duplicates = 0.03, 0.03, 0.03
		cfg.Quirks.StaleToken, cfg.Quirks.TimeSkew, cfg.Quirks.Gzip = 0.01, 0.02, 0.5
	}
	return cfg
}

// settings is the environment of the connector.
func (d *demo) settings(sim *graphsim.Server, dir string, brokers []string, registry string) config.Settings {
	return config.Settings{
		ConnectorName: "demo",
		GraphEndpoint: sim.URL(), GraphCAFile: dir + "/ca.pem",
		AzureAuthorityHost: sim.AuthorityURL(), AzureTenantID: sim.TenantID(),
		AzureClientID: sim.ClientID(), AzureClientSecret: sim.ClientSecret(),
		SourceUsers: strings.Join(sim.Users(), ","), SourceStart: "4h",
		SourcePollInterval: demoPoll, SourceLookbacks: demoRungs,
		KafkaBrokers: strings.Join(brokers, ","), KafkaTopicPartitions: "4",
		SchemaRegistryURL: registry, CommitInterval: "200ms", AdminAddress: "none",
	}
}

// stream runs the connector while people write, until everything they wrote can have been read twice.
func (d *demo) stream(ctx context.Context, c *daemon.Daemon, sim *graphsim.Server) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(running) }()

	began := time.Now()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	patience := began.Add(d.duration + 2*time.Minute)
	writing := true
	var quiet time.Time // since when all that was written is visible
	for n := 0; ; n++ {
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("interrupted")
			}
			return fmt.Errorf("demo: %w", err)
		case <-tick.C:
		}
		if writing && time.Since(began) >= d.duration {
			sim.StopTraffic()
			writing = false
		}
		read := d.progress(c, sim, n, time.Since(began), writing)
		if !writing && quiet.IsZero() && sim.Quiet() {
			quiet = time.Now()
		}
		if !quiet.IsZero() && read.After(quiet.Add(demoLongest)) {
			break
		}
		if time.Now().After(patience) {
			return errors.New("demo: the connector did not catch up; try --logs")
		}
	}
	if d.live {
		d.printf("\n")
	}
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// progress prints how it goes and returns up to when every user has been read.
func (d *demo) progress(c *daemon.Daemon, sim *graphsim.Server, n int, since time.Duration, writing bool) (read time.Time) {
	if states := c.States(); len(states) > 0 {
		read = time.UnixMilli(states[0].Source.Oldest)
	}
	items := itemCounts(c.Metrics())
	lag := "-"
	if read.Unix() > 0 {
		lag = time.Since(read).Round(100 * time.Millisecond).String()
	}
	state := "writing"
	if !writing {
		state = "reading the rest"
	}
	stats := sim.Stats()
	line := fmt.Sprintf("%5.1fs  %-16s  %6.0f msg/s  exposed %d · written %d · seen before %d · superseded %d · dead letters %d · lag %s",
		since.Seconds(), state, float64(items["written"])/since.Seconds(), stats.Exposed, items["written"], items["seen"],
		items["superseded"], items["dead-letter"], lag)
	switch {
	case d.live:
		d.printf("\r\x1b[K%s", line)
	case n%4 == 3:
		d.printf("%s\n", line)
	}
	return read
}

// itemCounts reads the connector's own counters of items by outcome.
func itemCounts(registry prometheus.Gatherer) map[string]int64 {
	counts := make(map[string]int64)
	families, err := registry.Gather()
	if err != nil {
		return counts
	}
	for _, family := range families {
		if family.GetName() != "teams_connector_items_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" {
					counts[label.GetValue()] += int64(m.GetCounter().GetValue())
				}
			}
		}
	}
	return counts
}

// judge lets the independent reader compare the topic with the simulator's ledger.
func (d *demo) judge(ctx context.Context, cfg config.Config, sim *graphsim.Server, registry string) (*judge.Verdict, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.CAPEM())
	return judge.Run(ctx, judge.Config{
		Brokers: cfg.Brokers, Topic: cfg.Topic, DeadLetterTopic: cfg.DeadLetters(), OffsetsTopic: cfg.OffsetsTopic,
		ConnectorName: cfg.Name, Tenant: cfg.Tenants[0].ID, RegistryURL: registry,
		LedgerURL:    sim.URL() + "/_sim/ledger",
		LedgerClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
		Samples:      3,
	})
}

// explain shows some decoded records and what is wrong, if anything is.
func (d *demo) explain(v *judge.Verdict) {
	d.printf("\nSome records, decoded by a second Avro library with the schema from the registry:\n")
	for _, sample := range v.Samples {
		d.printf("  %s\n", sample)
	}
	for finding, examples := range v.Examples {
		d.printf("\n%v:\n", finding)
		for _, example := range examples {
			d.printf("  %s\n", example)
		}
	}
	d.printf("\n")
}

func (d *demo) stay(ctx context.Context, cfg config.Config, sim *graphsim.Server, registry string) {
	w := d.out
	if d.json {
		w = d.err
	}
	fmt.Fprintf(w, "\nKafka    kcat -b %s -C -t %s -X isolation.level=read_committed -s value=avro -r %s\n", cfg.Brokers[0], cfg.Topic, registry)
	fmt.Fprintf(w, "ledger   curl -k %s/_sim/ledger\n", sim.URL())
	fmt.Fprintf(w, "topics   %s %s %s\nStays up until interrupted.\n", cfg.Topic, cfg.DeadLetters(), cfg.OffsetsTopic)
	<-ctx.Done()
}

func (d *demo) printf(format string, args ...any) {
	if !d.json {
		fmt.Fprintf(d.out, format, args...)
	}
}
