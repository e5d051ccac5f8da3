package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/transform"
)

const (
	// idleFor is how long idle users are polled, and idlePoll how often each.
	idleFor  = 15 * time.Second
	idlePoll = time.Second
	// rebuilds is how often the rebuild is measured.
	rebuilds = 7
)

// costs is the report. Times are CPU microseconds of one process for one message.
type costs struct {
	Messages        int     `json:"messages"`
	BytesPerMessage float64 `json:"bytes_per_msg"`
	Users           int     `json:"users"`
	CPUs            int     `json:"cpus"`

	New          float64 `json:"new_us_per_msg"`
	Tenth        float64 `json:"tenth_us_per_msg"`
	Seen         float64 `json:"seen_us_per_msg"`
	Idle         float64 `json:"idle_us_per_poll"`
	ReadFloor    float64 `json:"read_floor_us_per_msg"`
	ProduceFloor float64 `json:"produce_floor_us_per_msg"`

	Rebuild      float64 `json:"rebuild_us_per_record"`
	RebuildFloor float64 `json:"rebuild_floor_us_per_record"`

	// NewRatio is new to the sum of both floors, SeenMore what seen takes more than the read floor, RebuildRatio rebuild to its floor.
	NewRatio     float64 `json:"new_ratio"`
	SeenMore     float64 `json:"seen_more_us_per_msg"`
	RebuildRatio float64 `json:"rebuild_ratio"`

	// Rates are of a machine that the simulator and Kafka share.
	Rate      float64 `json:"msgs_per_second"`
	SeenRate  float64 `json:"seen_msgs_per_second"`
	TenthRate float64 `json:"tenth_msgs_per_second"`
	Peak      float64 `json:"peak_rss_mib"`
	SeenPeak  float64 `json:"seen_peak_rss_mib"`
	TenthPeak float64 `json:"tenth_peak_rss_mib"`
	IdlePeak  float64 `json:"idle_peak_rss_mib"`
	Seconds   float64 `json:"seconds"`
}

func measureCost(ctx context.Context, o options) (*costs, error) {
	began := time.Now()
	s, err := newStage(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	progress := func(what string) { fmt.Fprintf(os.Stderr, "%4.0f s: %s\n", time.Since(began).Seconds(), what) }

	progress(fmt.Sprintf("a tenant of %d users and %d messages is made", o.users, o.messages))
	g, err := s.graph(ctx, o.users, o.messages, 0)
	if err != nil {
		return nil, err
	}
	c := &costs{Messages: o.messages, Users: o.users, CPUs: runtime.NumCPU()}
	day := plan{
		Tenant: g.tenant, Token: g.Token, PageSize: o.pageSize, InFlight: inFlight, Brokers: s.brokers,
		From: time.Now().Add(-24 * time.Hour).UnixMilli(), To: time.Now().UnixMilli(),
		Topic: "bench.new", Copy: "bench.floor", Records: o.messages,
	}
	progress("read floor, once so that the simulator has all pages, once for the measure")
	var read cost
	for range 2 {
		if read, err = s.floor(ctx, "read", day); err != nil {
			return nil, err
		}
	}
	if read.Messages != o.messages {
		return nil, fmt.Errorf("the pages hold %d messages, want %d", read.Messages, o.messages)
	}
	c.ReadFloor, c.BytesPerMessage = read.each(), float64(read.Bytes)/float64(read.Messages)

	progress("all new")
	all, err := s.poll(ctx, g, g.Users, "new", "bench.new", 0, o.messages)
	if err != nil {
		return nil, err
	}
	c.New, c.Rate, c.Peak = all.each(), all.rate(), all.peak

	progress("all seen before")
	seen, err := s.poll(ctx, g, g.Users, "seen", "bench.new", o.messages, o.messages)
	if err != nil {
		return nil, err
	}
	c.Seen, c.SeenRate, c.SeenPeak = seen.each(), seen.rate(), seen.peak

	progress("one tenth new")
	most := len(g.Users) * 9 / 10
	before, err := s.poll(ctx, g, g.Users[:most], "before", "bench.tenth", 0, -1)
	if err != nil {
		return nil, err
	}
	tenth, err := s.poll(ctx, g, g.Users, "tenth", "bench.tenth", before.Messages, o.messages)
	if err != nil {
		return nil, err
	}
	c.Tenth, c.TenthRate, c.TenthPeak = tenth.each(), tenth.rate(), tenth.peak

	progress("produce floor")
	if _, err := s.admin.CreateTopic(ctx, partitions, 1, nil, day.Copy); err != nil {
		return nil, err
	}
	produced, err := s.floor(ctx, "produce", day)
	if err != nil {
		return nil, err
	}
	c.ProduceFloor = produced.each()

	progress("rebuild, and a consumer that discards the same records")
	if c.Rebuild, c.RebuildFloor, err = s.rebuild(ctx, g, day); err != nil {
		return nil, err
	}

	progress("idle users")
	if c.Idle, c.IdlePeak, err = s.idle(ctx); err != nil {
		return nil, err
	}
	c.NewRatio, c.SeenMore, c.RebuildRatio = c.New/(c.ReadFloor+c.ProduceFloor), c.Seen-c.ReadFloor, c.Rebuild/c.RebuildFloor
	c.Seconds = time.Since(began).Seconds()
	return c, nil
}

// each is the CPU time of one message, in microseconds.
func (c cost) each() float64 {
	return float64(c.CPU.Nanoseconds()) / 1000 / float64(max(1, c.Messages))
}

func (c cost) rate() float64 { return float64(c.Messages) / c.Seconds }

// polled is what it cost to poll everybody once.
type polled struct {
	cost
	peak float64
}

// poll starts a connector without positions, lets it read everything once and ends it. The topic must hold so many records before
// and after it; after may be -1 for what it has read.
func (s *stage) poll(ctx context.Context, g simulator, users []string, name, topic string, before, after int) (p polled, err error) {
	start, err := g.stats(ctx)
	if err != nil {
		return p, err
	}
	l, err := s.connector(ctx, g.tenant, users, name, topic)
	if err != nil {
		return p, err
	}
	want := s.messages
	if len(users) < len(g.Users) {
		want = 0 // how many these users have shows when nothing more comes
	}
	read, last := 0, time.Now()
	for changed := last; ; {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return p, err
		}
		now, err := g.stats(ctx)
		if err != nil {
			return p, err
		}
		if n := now.Items - start.Items; n != read {
			read, changed, last = n, time.Now(), time.Now()
		}
		if read > want && want > 0 {
			return p, fmt.Errorf("%s: %d messages were read, want %d", name, read, want)
		}
		// What was read last is committed within a second.
		if still := time.Since(changed); read == want && still > 2*time.Second || want == 0 && read > 0 && still > 10*time.Second {
			break
		} else if still > time.Minute {
			return p, fmt.Errorf("%s: nothing comes any more after %d of %d messages; see --log", name, read, want)
		}
	}
	p.Messages, p.Seconds = read, last.Sub(l.began).Seconds()
	if p.CPU, p.peak, err = l.end(); err != nil {
		return p, err
	}
	if after < 0 {
		after = before + read
	}
	switch records, err := s.records(ctx, topic); {
	case err != nil:
		return p, err
	case records != after:
		return p, fmt.Errorf("%s: %d records stand in %s, want %d", name, records, topic, after)
	}
	return p, nil
}

// rebuild starts connectors until their indexes are rebuilt, from an empty topic and from the full one, and beside each a consumer that
// discards the records. Each takes half a second, which is too short to be measured once, so it tells the medians, in microseconds a record.
func (s *stage) rebuild(ctx context.Context, g simulator, day plan) (each, floor float64, err error) {
	var empty, full, consumed []float64
	start := func(topic string, records int) (float64, error) {
		l, err := s.connector(ctx, g.tenant, g.Users[:1], fmt.Sprintf("%s.%d.%d", topic, len(empty), len(full)), topic)
		if err != nil {
			return 0, err
		}
		l.process.Stop(syscall.SIGKILL)
		if l.rebuilt != records {
			return 0, fmt.Errorf("the index was rebuilt from %d records of %s, want %d", l.rebuilt, topic, records)
		}
		return cost{Messages: day.Records, CPU: l.base}.each(), nil
	}
	for range rebuilds {
		without, err := start("bench.empty", 0)
		if err != nil {
			return 0, 0, err
		}
		with, err := start(day.Topic, day.Records)
		if err != nil {
			return 0, 0, err
		}
		discarded, err := s.floor(ctx, "consume", day)
		if err != nil {
			return 0, 0, err
		}
		empty, full, consumed = append(empty, without), append(full, with), append(consumed, discarded.each())
	}
	return median(full) - median(empty), median(consumed), nil
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// records counts the committed records of a topic, and refuses one that is there twice.
func (s *stage) records(ctx context.Context, topic string) (int, error) {
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	if err != nil {
		return 0, err
	}
	defer client.Close()
	left := 0
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left++
		}
	})
	seen := make(map[string]bool)
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, err
		}
		var twice error
		fetches.EachRecord(func(r *kgo.Record) {
			if end, ok := ends.Lookup(topic, r.Partition); ok && r.Offset == end.Offset-1 {
				left--
			}
			for _, h := range r.Headers {
				if h.Key != transform.HeaderID {
					continue
				}
				if seen[string(h.Value)] {
					twice = fmt.Errorf("%s is in %s twice", h.Value, topic)
				}
				seen[string(h.Value)] = true
			}
		})
		if twice != nil {
			return 0, twice
		}
	}
	return len(seen), nil
}

// idle polls users who write nothing, each once a second, and tells the CPU time of a poll in microseconds and the peak memory in MiB.
func (s *stage) idle(ctx context.Context) (each, peakMiB float64, err error) {
	g, err := s.graph(ctx, s.users, 0, 0)
	if err != nil {
		return 0, 0, err
	}
	l, err := s.connector(ctx, g.tenant, g.Users, "idle", "bench.idle", "SOURCE_POLL_INTERVAL="+idlePoll.String())
	if err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, idleFor/3); err != nil { // everybody's first poll is over
		return 0, 0, err
	}
	before, err := g.stats(ctx)
	if err != nil {
		return 0, 0, err
	}
	cpu := usedBy(l.process.PID())
	if err := pause(ctx, idleFor); err != nil {
		return 0, 0, err
	}
	after, err := g.stats(ctx)
	if err != nil {
		return 0, 0, err
	}
	cpu = usedBy(l.process.PID()) - cpu
	if after.Requests == before.Requests {
		return 0, 0, errors.New("idle users were not polled")
	}
	_, peakMiB, err = l.end()
	return float64(cpu.Microseconds()) / float64(after.Requests-before.Requests), peakMiB, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// String is the report for people.
func (c *costs) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d messages of %.0f bytes among %d users, %d CPUs that all processes share, %.0f s\n\n", c.Messages, c.BytesPerMessage, c.Users, c.CPUs, c.Seconds)
	fmt.Fprintf(&b, "CPU time of the connector's process\n")
	fmt.Fprintf(&b, "  new          %7.2f µs a message   %.2f × both floors (target 1.5)\n", c.New, c.NewRatio)
	fmt.Fprintf(&b, "  one in ten   %7.2f µs a message\n", c.Tenth)
	fmt.Fprintf(&b, "  seen before  %7.2f µs a message   read floor + %.2f µs (target 3)\n", c.Seen, c.SeenMore)
	fmt.Fprintf(&b, "  idle user    %7.2f µs a poll\n", c.Idle)
	fmt.Fprintf(&b, "  rebuild      %7.2f µs a record    %.2f × its floor (target 1.2)\n", c.Rebuild, c.RebuildRatio)
	fmt.Fprintf(&b, "floors\n")
	fmt.Fprintf(&b, "  read         %7.2f µs a message\n", c.ReadFloor)
	fmt.Fprintf(&b, "  produce      %7.2f µs a message\n", c.ProduceFloor)
	fmt.Fprintf(&b, "  consume      %7.2f µs a record\n", c.RebuildFloor)
	fmt.Fprintf(&b, "speed    new %.0f messages/s, one in ten %.0f, seen before %.0f\n", c.Rate, c.TenthRate, c.SeenRate)
	fmt.Fprintf(&b, "memory   new %.0f MiB at most, one in ten %.0f, seen before %.0f, idle %.0f\n", c.Peak, c.TenthPeak, c.SeenPeak, c.IdlePeak)
	return b.String()
}
