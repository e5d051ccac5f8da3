package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// latencies is the report of --live. Times are seconds from a message's lastModifiedDateTime, when it is visible at once, to a
// reader of committed records.
type latencies struct {
	Messages int     `json:"messages"`
	Users    int     `json:"users"`
	Interval float64 `json:"poll_interval_seconds"`
	P50      float64 `json:"latency_p50_seconds"`
	P99      float64 `json:"latency_p99_seconds"`
	Max      float64 `json:"latency_max_seconds"`
	// CPUShare is of one core; MiB are resident at the end and at most, Growth is between the middle and the end.
	CPUShare float64 `json:"cpu_share"`
	Peak     float64 `json:"peak_rss_mib"`
	Growth   float64 `json:"rss_growth_mib"`
	// Goroutines are those in the middle and at the end.
	Goroutines [2]int  `json:"goroutines"`
	Seconds    float64 `json:"seconds"`
}

func measureLive(ctx context.Context, o options) (*latencies, error) {
	s, err := newStage(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	g, err := s.graph(ctx, o.users, 0, o.rate)
	if err != nil {
		return nil, err
	}
	const topic = "bench.live"
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	l, err := s.connector(ctx, g.tenant, g.Users, "live", topic, "SOURCE_POLL_INTERVAL="+o.interval.String(), "ADMIN_ADDRESS="+admin)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	r := &latencies{Users: o.users, Interval: o.interval.Seconds()}
	// Everybody's first poll is of what had piled up; the second is the first that tells something.
	from := l.began.Add(2 * o.interval)
	end := from.Add(o.live)
	reading, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	fmt.Fprintf(os.Stderr, "until %s, %v\n", end.Format(time.TimeOnly), time.Until(end).Round(time.Second))
	var waits []float64
	var middle float64
	base := usedBy(l.process.PID())
	for reading.Err() == nil {
		client.PollFetches(reading).EachRecord(func(record *kgo.Record) {
			if record.Timestamp.After(from) {
				waits = append(waits, time.Since(record.Timestamp).Seconds())
			}
		})
		if middle == 0 && time.Now().After(from.Add(o.live/2)) {
			middle = resident(l.process.PID())
			if r.Goroutines[0], err = goroutines(ctx, admin); err != nil {
				return nil, err
			}
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.Seconds = time.Since(l.began).Seconds()
	r.CPUShare = (usedBy(l.process.PID()) - base).Seconds() / r.Seconds
	r.Growth = resident(l.process.PID()) - middle
	if r.Goroutines[1], err = goroutines(ctx, admin); err != nil {
		return nil, err
	}
	if _, r.Peak, err = l.end(); err != nil {
		return nil, err
	}
	if r.Messages = len(waits); r.Messages == 0 {
		return nil, fmt.Errorf("no message came in %v", o.live)
	}
	slices.Sort(waits)
	at := func(part float64) float64 { return waits[int(part*float64(len(waits)-1)+0.5)] }
	r.P50, r.P99, r.Max = at(0.5), at(0.99), at(1)
	return r, r.flat()
}

// What may come on top in the second half and be no leak: garbage that is not collected yet, the index of what was written, requests that
// happen to be under way.
const (
	mostGrowth     = 24 // MiB
	moreGoroutines = 3 * inFlight
)

// flat fails if memory or goroutines grow while as much happens as before.
func (r *latencies) flat() error {
	if r.Growth > mostGrowth || r.Goroutines[1] > r.Goroutines[0]+moreGoroutines {
		return &growthError{r.Growth, r.Goroutines}
	}
	return nil
}

// growthError says that something grows that should not.
type growthError struct {
	mebibytes  float64
	goroutines [2]int
}

func (e *growthError) Error() string {
	return fmt.Sprintf("it grows: %.1f MiB in the second half, from %d to %d goroutines", e.mebibytes, e.goroutines[0], e.goroutines[1])
}

// goroutines is how many the connector has.
func goroutines(ctx context.Context, admin string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if number, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			return strconv.Atoi(number)
		}
	}
	return 0, errors.New("the metrics do not tell how many goroutines there are")
}

// String is the report for people.
func (r *latencies) String() string {
	return fmt.Sprintf("%d messages of %d users, polled every %.0f s: visible to committed p50 %.1f s, p99 %.1f s, at most %.1f s\n"+
		"%.1f %% of a core, %.0f MiB at most, %+.1f MiB in the second half, %d and then %d goroutines, %.0f s\n",
		r.Messages, r.Users, r.Interval, r.P50, r.P99, r.Max, 100*r.CPUShare, r.Peak, r.Growth, r.Goroutines[0], r.Goroutines[1], r.Seconds)
}
