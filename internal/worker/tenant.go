package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// Start tells where the stream of a user without a position begins, seen from now.
type Start interface {
	Resolve(now time.Time) int64
}

// Config is what one tenant's stream needs.
type Config struct {
	// Name is the connector's name, Tenant the tenant id.
	Name, Tenant string
	// Alias is what people call the tenant, if there are several; it is in nothing that is stored.
	Alias string

	Client *source.Client
	Ladder source.Ladder
	Query  source.Query
	// Directory says who is polled. It is asked every UsersRefresh; the position of who is no longer
	// found is kept for UsersRetention.
	Directory      *source.Directory
	UsersRefresh   time.Duration
	UsersRetention time.Duration
	Start          Start
	PageSize       int
	InFlight       int
	// Settle is how far windows stay behind the clocks.
	Settle time.Duration

	Policy  transform.Policy
	Encoder schema.Encoder
	// IngestTimestamp gives records the time of writing instead of the event's.
	IngestTimestamp bool

	// Writer's limits are read anew by each session.
	Writer         sink.WriterConfig
	found          *foundLimits
	CommitInterval time.Duration
	CommitRecords  int
	// IndexMaxEntries is how many messages the index has memory for.
	IndexMaxEntries int
	RebuildTimeout  time.Duration
	// FinishTimeout bounds the last commit of an orderly end.
	FinishTimeout time.Duration

	Metrics       *Metrics
	SourceMetrics *source.Metrics
}

// Topics names the tenant's topics and what they must be like. The output topic must keep a record for
// as long as its version can still be asked for. What is older when it is read gets the time of writing.
func Topics(cfg Config) sink.Topics {
	topics := cfg.Writer.Topics
	// A mark can be up to a rung old when its rung is due, and the rung reaches back its length from there.
	topics.NeededRetention = 2*cfg.Ladder.Longest() + cfg.Ladder.Interval()
	return topics
}

// topicsTimeout bounds one attempt to create and check the topics.
const topicsTimeout = 30 * time.Second

// EnsureTopics creates and checks the topics. It waits no longer than half a minute.
func EnsureTopics(ctx context.Context, cfg Config) (sink.Limits, error) {
	waiting := cfg.Writer.Waiting
	if waiting == nil {
		waiting = sink.NewWaiting()
	}
	cl, err := kgo.NewClient(append(slices.Clone(cfg.Writer.Client), kgo.WithLogger(waiting))...)
	if err != nil {
		return sink.Limits{}, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, topicsTimeout)
	defer cancel()
	defer waiting.Begin("check the topics")()
	limits, err := sink.EnsureTopics(ctx, kadm.NewClient(cl), Topics(cfg))
	if wait, _ := waiting.Longest(); errors.Is(err, context.DeadlineExceeded) && wait.Answer != "" {
		err = fmt.Errorf("%w: last broker answer %s", err, wait.Answer)
	}
	return limits, err
}

// Phase is what a tenant's stream is doing.
type Phase string

// The phases.
const (
	Idle     Phase = "idle"     // another process runs the tenant, or none yet
	Starting Phase = "starting" // fencing the predecessor and reading the topic back
	Polling  Phase = "polling"
	Failing  Phase = "failing" // waiting before it starts over
)

// State is what an operator wants to know of a tenant's stream.
type State struct {
	Tenant, Alias string
	Phase         Phase
	Since         time.Time
	// Err is why the last session ended; nil once one runs.
	Err error
	// Trouble is what the stream has been waiting for from Kafka for longer than it should; nil while
	// brokers answer.
	Trouble *Trouble
	// Undiscovered is there as long as no discovery of users has succeeded.
	Undiscovered *Undiscovered
	Source       source.Status
}

// Name names the tenant for people: its alias, if it has one, and its id.
func (s State) Name() string {
	if s.Alias == "" {
		return s.Tenant
	}
	return s.Alias + " (" + s.Tenant + ")"
}

// LogAttributes are what every log line of a tenant carries.
func LogAttributes(tenant, alias string) []any {
	attributes := []any{"tenant", tenant}
	if alias != "" {
		attributes = append(attributes, "alias", alias)
	}
	return attributes
}

// Tenant runs one tenant's stream in this process.
type Tenant struct {
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	state   State
	session *session
	found   string // what the last diagnosis of trouble said
}

// NewTenant makes a stream that does nothing until Run.
func NewTenant(cfg Config, log *slog.Logger) *Tenant {
	cfg.found = &foundLimits{}
	cfg.Writer.Waiting = sink.NewWaiting()
	cfg.Writer.Client = append(slices.Clone(cfg.Writer.Client), kgo.WithLogger(cfg.Writer.Waiting))
	return &Tenant{cfg: cfg, log: log.With(LogAttributes(cfg.Tenant, cfg.Alias)...),
		state: State{Tenant: cfg.Tenant, Alias: cfg.Alias, Phase: Idle, Since: time.Now()}}
}

// State returns a snapshot.
func (t *Tenant) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	state := t.state
	state.Trouble = trouble(t.cfg.Writer.Waiting, t.found)
	if t.session != nil {
		state.Source = t.session.poller.Status()
		state.Undiscovered = t.session.unknown.Load()
	}
	return state
}

func (t *Tenant) enter(phase Phase, s *session, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Phase, t.state.Since, t.session = phase, time.Now(), s
	if phase != Starting { // what failed last stays in sight until polling works again
		t.state.Err = err
	}
}

// Run streams until the context ends, and then returns nil. Whatever fails, the memory of it is thrown
// away and the stream starts over from the topic, after a growing pause. A stream that was fenced first
// asks owns whether the tenant is still this process's, and returns an error that matches
// sink.ErrFenced if it is not (invariant 4).
func (t *Tenant) Run(ctx context.Context, owns func(context.Context) error) error {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(250*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second), backoff.WithMaxElapsedTime(0))
	defer t.enter(Idle, nil, nil)
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { t.reportTrouble(watched) })
	defer watching.Wait()
	defer stop()
	for {
		t.enter(Starting, nil, nil)
		began := time.Now()
		err := t.once(ctx)
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.log.Warn("the last transaction could not be finished, the next writer aborts it", "error", err)
			}
			return nil
		}
		t.cfg.Metrics.sessionEnded(err)
		var tooLarge *sink.TooLargeError
		if errors.As(err, &tooLarge) {
			t.cfg.found.lower(tooLarge)
		}
		if errors.Is(err, kerr.InvalidTimestamp) {
			t.cfg.found.misstamped = true
		}
		if time.Since(began) > time.Minute {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		t.enter(Failing, nil, err)
		t.log.Error("stream failed and starts over from the topic", "error", err, "retry_in", wait.Round(time.Millisecond))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if !errors.Is(err, sink.ErrFenced) {
			continue
		}
		if lost := owns(ctx); ctx.Err() == nil && lost != nil {
			return fmt.Errorf("%w, and the tenant is no longer this process's: %w", err, lost)
		}
	}
}

func (t *Tenant) once(ctx context.Context) error {
	s, err := newSession(ctx, t.cfg, t.log)
	if err != nil {
		return err
	}
	t.enter(Polling, s, nil)
	t.log.Info("polling", "users", len(s.roster.polled()), "interval", t.cfg.Ladder.Interval())
	return s.run(ctx)
}
