package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/internal/terminal"
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

// plainEvery is how often the progress is printed where there is no terminal.
const plainEvery = 5 * time.Second

// keep shows the progress twice a second on a terminal, every few seconds elsewhere, until the context ends.
func (p *progress) keep(ctx context.Context) {
	screen := terminal.NewLive(p.demo.Out)
	every := plainEvery
	if screen.On() {
		every = 500 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if screen.On() {
				screen.Clear()
				p.demo.printf("%s\n", p.line(screen))
			}
			return
		case <-tick.C:
		}
		if screen.On() {
			screen.Show(p.line(screen))
		} else {
			p.demo.printf("%s\n", p.line(screen))
		}
	}
}

func (p *progress) line(screen *terminal.Live) string {
	since := time.Since(p.began)
	read, lag := p.read(), "-"
	if read.Unix() > 0 {
		lag = time.Since(read).Round(100 * time.Millisecond).String()
	}
	state := "people write"
	if since >= p.demo.duration {
		state = "reading the rest"
	}
	items := stage.Items(p.connector.Metrics())
	count := func(name string, n int64, rank int) terminal.Field {
		return terminal.Field{Text: fmt.Sprint(name, " ", n), Rank: rank}
	}
	return screen.Line(" · ",
		terminal.Field{Text: fmt.Sprintf("%5.1fs  %-16s", since.Seconds(), state)},
		count("written", items["written"], 0),
		terminal.Field{Text: "lag " + lag, Rank: 1},
		terminal.Field{Text: fmt.Sprintf("%.0f/s", float64(items["written"])/since.Seconds()), Rank: 3},
		count("exposed", p.stage.Graph.Stats().Exposed, 2),
		count("dead letters", items["dead-letter"], 4),
		count("seen before", items["seen"], 5),
	)
}
