package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/judge"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// Demo holds the options of a demo. AddFlags sets the defaults of the options that have a flag.
//
// Only the outside world is simulated: Graph is the simulator, Kafka and the registry are embedded,
// and the connector reaches all three over the network.
type Demo struct {
	tenant
	duration                 time.Duration
	keep, faults, json, logs bool

	Out, Err io.Writer // on a terminal, progress is one line that is kept up to date
	Version  string    // the connector's version
}

// AddFlags adds a flag for each option.
func (d *Demo) AddFlags(flags *pflag.FlagSet) {
	d.tenant.addFlags(flags, 24, 40, 60)
	flags.DurationVar(&d.duration, "duration", 14*time.Second, "how long people write; reading the rest and judging comes on top")
	flags.BoolVar(&d.keep, "keep", false, "after the verdict print the addresses and keep running until interrupted")
	flags.BoolVar(&d.faults, "faults", false, "add throttling, 5xx, cut connections, truncated bodies and awkward pages")
	flags.BoolVar(&d.json, "json", false, "print one JSON object at the end and nothing else")
	flags.BoolVar(&d.logs, "logs", false, "print the connector's log to standard error")
}

// patience is how long the connector may take to read the rest once people have stopped writing.
const patience = 2 * time.Minute

var (
	errLate        = errors.New("the connector did not catch up; --logs shows why")
	errEnded       = errors.New("the connector ended too early; --logs shows why")
	errInterrupted = errors.New("interrupted")
)

// Run runs the demo and prints its verdict. It returns [ErrOption] for invalid options, and
// [ErrVerdict] if the verdict is negative.
func (d *Demo) Run(ctx context.Context) error {
	if d.duration < time.Second || d.users < 2 || d.chats < 1 || d.rate <= 0 {
		return fmt.Errorf("%w: want --duration of at least 1s, --users of at least 2, --chats of at least 1, and a positive --rate", ErrOption)
	}
	people := stage.Tenant(d.users, d.chats, d.rate, d.seed)
	if d.faults {
		stage.Faulty(people)
	}
	s, err := stage.Open(stage.Options{Graph: people, Name: "demo"})
	if err != nil {
		return err
	}
	defer s.Close()
	cfg, err := config.Parse(s.Settings)
	if err != nil {
		return err
	}
	d.printf("Graph simulator   %s  (%d users, %d chats, %g new messages/s for %v)\n", s.Graph.URL(), d.users, d.chats, d.rate, d.duration)
	d.printf("Kafka             %s  topic %s\n", strings.Join(cfg.Brokers, ","), cfg.Topic)
	d.printf("schema registry   %s\n\n", s.Registry.URL())

	if err := d.stream(ctx, cfg, s); err != nil {
		return err
	}
	verdict, err := s.Judge(ctx, cfg)
	if err != nil {
		return fmt.Errorf("judge the topic: %w", err)
	}
	if err := d.report(verdict); err != nil {
		return err
	}
	if d.keep {
		d.stay(ctx, cfg, s)
	}
	if !verdict.OK() {
		return ErrVerdict
	}
	return nil
}

// stream runs the connector while people write, until it can have read everything they wrote twice.
func (d *Demo) stream(ctx context.Context, cfg config.Config, s *stage.Stage) error {
	logs := io.Discard
	if d.logs {
		logs = d.Err
	}
	connector, err := daemon.New(cfg, d.Version, slog.New(slog.NewTextHandler(logs, nil)))
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := connector.Run(running)
		ended <- err
		end(errEnded)
	}()

	p := progress{demo: d, stage: s, connector: connector, began: time.Now()}
	shown, hide := context.WithCancel(ctx)
	var showing sync.WaitGroup
	if !d.json {
		showing.Go(func() { p.keep(shown) })
	}
	err = d.traffic(ctx, s, p.read)
	hide()
	showing.Wait()
	stop()
	if runErr := <-ended; runErr != nil {
		return runErr
	}
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// traffic lets people write for a while and returns when everything they wrote has been read.
func (d *Demo) traffic(ctx context.Context, s *stage.Stage, read func() time.Time) error {
	timer := time.NewTimer(d.duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errLate)
	defer cancel()
	return s.Settle(ctx, read)
}

// report prints the verdict, or all of it as JSON.
func (d *Demo) report(verdict *judge.Verdict) error {
	if d.json {
		return json.NewEncoder(d.Out).Encode(verdict)
	}
	d.explain(verdict)
	if verdict.OK() {
		d.printf("%s\n\n", verdict.Words())
	}
	_, err := fmt.Fprintln(d.Out, verdict)
	return err
}

// explain prints some decoded records, and examples of each finding.
func (d *Demo) explain(v *judge.Verdict) {
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

// stay prints how to look at the result and waits until the context ends.
func (d *Demo) stay(ctx context.Context, cfg config.Config, s *stage.Stage) {
	w := d.Out
	if d.json {
		w = d.Err
	}
	fmt.Fprintf(w, "\nKafka    kcat -b %s -C -t %s -X isolation.level=read_committed -s value=avro -r %s\n", cfg.Brokers[0], cfg.Topic, s.Registry.URL())
	fmt.Fprintf(w, "ledger   curl -k %s/_sim/ledger\n", s.Graph.URL())
	fmt.Fprintf(w, "topics   %s %s %s\nRunning until interrupted.\n", cfg.Topic, cfg.DeadLetters(), cfg.OffsetsTopic)
	<-ctx.Done()
}

func (d *Demo) printf(format string, args ...any) {
	if !d.json {
		fmt.Fprintf(d.Out, format, args...)
	}
}
