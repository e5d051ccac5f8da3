package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// Config says what to compare.
type Config struct {
	// From is the first instant of the range, To the first that no longer belongs to it, both by the time of
	// a version: lastModifiedDateTime, or createdDateTime where that is null. Whole milliseconds.
	From, To time.Time

	Graph Graph
	Query source.Query
	Users []string
	// SomeUsers says that there are more users than these whose messages stand in the topic. Then only
	// chats that Graph shows of these users are looked at.
	SomeUsers bool
	// PageSize is $top, InFlight how many users are read at the same time.
	PageSize, InFlight int
	Policy             transform.Policy

	// Positions and Ladder tell whether a missing version may still be read.
	Positions map[string]offsets.Position
	Ladder    source.Ladder

	// Kafka are the options that reach the cluster.
	Kafka              []kgo.Opt
	Tenant             string
	Topic, DeadLetters string
	// Patience is how long an open transaction may hide the end of a topic.
	Patience time.Duration

	// Examples is how many findings of each kind the report lists; below 0 all of them.
	Examples int
	// Progress is called after every page and every record, never by two goroutines at once; nil means never.
	Progress func(Progress)
}

// Progress says how far an audit has come.
type Progress struct {
	Users, UsersDone int
	// Versions were seen in Graph so far, Records read from the topics.
	Versions, Records int
}

// audit is one comparison under way.
type audit struct {
	cfg      Config
	from, to int64

	mu       sync.Mutex // while Graph is read
	versions *versions
	nameless map[string]flags // items that have no identity, by the names of their dead letters
	done     int
	records  int
	report   *Report
}

// Run reads Graph and then the topics, and compares. A user who cannot be read is in the report. An error
// means that there is no report: the tenant is not let in, Kafka cannot be read, or the context ended.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	began := time.Now()
	a := &audit{
		cfg: cfg, from: cfg.From.UnixMilli(), to: cfg.To.UnixMilli(),
		versions: newVersions(), nameless: make(map[string]flags),
		report: &Report{From: cfg.From.UTC(), To: cfg.To.UTC(), Users: len(cfg.Users)},
	}
	if err := a.readGraph(ctx); err != nil {
		return nil, fmt.Errorf("audit: read Graph: %w", err)
	}
	if err := a.readTopic(ctx); err != nil {
		return nil, fmt.Errorf("audit: read the topic: %w", err)
	}
	a.compare(began)
	a.report.Seconds = time.Since(began).Seconds()
	return a.report, nil
}

// readGraph reads the range of every user.
func (a *audit) readGraph(ctx context.Context) error {
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(a.cfg.InFlight)
	for _, user := range a.cfg.Users {
		if reading.Err() != nil {
			break
		}
		group.Go(func() error {
			err := a.readUser(reading, user)
			a.mu.Lock()
			defer a.mu.Unlock()
			var failed *source.Error
			switch {
			case err == nil:
			case errors.Is(err, source.ErrUserGone) && a.cfg.Positions[user].Removed != 0:
				a.report.Gone = append(a.report.Gone, user)
			case errors.As(err, &failed) && failed.Action != source.StopTenant:
				// The others can still be compared (invariant 8).
				a.report.Unreadable = append(a.report.Unreadable, Unreadable{User: user, Error: err.Error()})
			default:
				return err
			}
			a.done++
			a.progress()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// take notes the items of one page.
func (a *audit) take(user string, items [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, raw := range items {
		id, err := transform.Identify(raw)
		switch {
		case a.cfg.Policy.Excludes(id.ChatID):
			a.report.Excluded++
		case err != nil:
			a.nameless[sink.Letter{Raw: raw, Identity: id}.Name()] |= shown | read
		case id.Version.Time < a.from || id.Version.Time >= a.to:
			a.report.Outside++
		default:
			a.versions.show(id, a.why(user, id.Version.Time))
		}
	}
	a.progress()
}

// why tells why a version of a user's mailbox can be absent from the topic.
func (a *audit) why(user string, at int64) flags {
	p, ok := a.cfg.Positions[user]
	switch {
	case !ok:
		return notPolled
	case at < p.Start:
		return beforeStart
	case a.cfg.Ladder.Drained(p) && at >= p.Removed:
		return left
	case p.Excluded != 0 && at >= a.cfg.Ladder.Oldest(p):
		return left
	case a.cfg.Ladder.Drained(p):
		return read
	case at >= a.cfg.Ladder.Oldest(p):
		return stillToRead
	default:
		return read
	}
}

func (a *audit) progress() {
	if a.cfg.Progress != nil {
		a.cfg.Progress(Progress{Users: len(a.cfg.Users), UsersDone: a.done,
			Versions: len(a.versions.seen) + len(a.nameless), Records: a.records})
	}
}
