package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/sink"
)

const (
	// troublePatience is how long Kafka may keep a stream waiting before that counts as trouble.
	troublePatience = 3 * time.Second
	// troubleReminder is how often trouble that lasts is logged.
	troubleReminder = 30 * time.Second
	// diagnosisTimeout bounds asking the cluster what is wrong.
	diagnosisTimeout = 3 * time.Second
)

// Trouble is a wait for Kafka that has lasted longer than it should.
type Trouble struct {
	Since time.Time
	// Doing names what is not finished, for instance "commit".
	Doing string
	// Reason says what a broker answered last and what is wrong with the cluster, as far as that is
	// known; it may be empty.
	Reason string
}

// Error describes the trouble in one line.
func (t *Trouble) Error() string {
	text := fmt.Sprintf("waiting for Kafka since %s: %s", t.Since.UTC().Format(time.TimeOnly), t.Doing)
	if t.Reason != "" {
		text += ": " + t.Reason
	}
	return text
}

// trouble returns what the stream has been waiting for too long, nil if nothing. found is what a
// diagnosis said.
func trouble(waiting *sink.Waiting, found string) *Trouble {
	wait, ok := waiting.Longest()
	if !ok || time.Since(wait.Since) < troublePatience {
		return nil
	}
	return &Trouble{Since: wait.Since, Doing: wait.Doing, Reason: sink.Reason(wait.Answer, found)}
}

// reportTrouble logs when trouble begins, each half minute while it lasts, and when it has passed, and
// measures how long it lasts.
func (t *Tenant) reportTrouble(ctx context.Context) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	defer t.cfg.Metrics.kafkaWait.Set(0)
	var last *Trouble
	var said time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		now := trouble(t.cfg.Writer.Waiting, t.diagnosis())
		switch {
		case now == nil && last == nil:
			continue
		case now == nil:
			t.cfg.Metrics.kafkaWait.Set(0)
			t.diagnosed("")
			if t.State().Phase != Failing { // what failed is logged with its own reason
				t.log.Info("Kafka answers again", "waited_for", last.Doing, "seconds", time.Since(last.Since).Seconds())
			}
		default:
			t.cfg.Metrics.kafkaWait.Set(time.Since(now.Since).Seconds())
			if last == nil || time.Since(said) >= troubleReminder {
				t.diagnosed(t.diagnose(ctx))
				now = trouble(t.cfg.Writer.Waiting, t.diagnosis())
				if now == nil {
					continue // it passed meanwhile
				}
				said = time.Now()
				t.log.Warn("waiting for Kafka", "for", now.Doing, "seconds", time.Since(now.Since).Seconds(), "reason", now.Reason)
			}
		}
		last = now
	}
}

// diagnose asks the cluster what is wrong with the topics.
func (t *Tenant) diagnose(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	cl, err := kgo.NewClient(t.cfg.Writer.Client...)
	if err != nil {
		return ""
	}
	defer cl.Close()
	return sink.Diagnose(ctx, kadm.NewClient(cl), t.cfg.Writer.Topics)
}

func (t *Tenant) diagnosis() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.found
}

func (t *Tenant) diagnosed(found string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = found
}
