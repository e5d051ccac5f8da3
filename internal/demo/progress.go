package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/stage"
)

// progress prints how far a demo has come.
type progress struct {
	demo      *Demo
	stage     *stage.Stage
	connector *daemon.Daemon
	began     time.Time
}

// read returns the time up to which every user has been read.
func (p *progress) read() time.Time {
	if states := p.connector.States(); len(states) > 0 {
		return time.UnixMilli(states[0].Source.Oldest)
	}
	return time.Time{}
}

// keep prints a line twice a second on a terminal, every two seconds elsewhere, until the context
// ends.
func (p *progress) keep(ctx context.Context) {
	every := 2 * time.Second
	if p.demo.Live {
		every = 500 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if p.demo.Live {
				p.demo.printf("\n")
			}
			return
		case <-tick.C:
		}
		if p.demo.Live {
			p.demo.printf("\r\x1b[K%s", p.line())
		} else {
			p.demo.printf("%s\n", p.line())
		}
	}
}

func (p *progress) line() string {
	since := time.Since(p.began)
	read, lag := p.read(), "-"
	if read.Unix() > 0 {
		lag = time.Since(read).Round(100 * time.Millisecond).String()
	}
	state := "writing"
	if since >= p.demo.duration {
		state = "reading the rest"
	}
	items := stage.Items(p.connector.Metrics())
	return fmt.Sprintf("%5.1fs  %-16s  %6.0f msg/s  exposed %d · written %d · seen before %d · superseded %d · dead letters %d · lag %s",
		since.Seconds(), state, float64(items["written"])/since.Seconds(), p.stage.Graph.Stats().Exposed, items["written"], items["seen"],
		items["superseded"], items["dead-letter"], lag)
}
