package sink

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Topics names the three topics and says how to make those that are missing.
type Topics struct {
	Output, DeadLetters, Offsets string
	Partitions                   int32
	// Replication is the replication factor, -1 for the broker's default.
	Replication int16
	// Retention of the output topic: 0 leaves it to the broker.
	Retention time.Duration
	// NeededRetention is how long the output topic must keep a record after its timestamp; 0 if
	// records carry the time of writing.
	NeededRetention time.Duration
}

// Limits are what the topics' configuration allows a record to be.
type Limits struct {
	// OutputBytes and LetterBytes bound a batch, and so a record, in bytes.
	OutputBytes, LetterBytes int32
	// Before and After bound how far a record's timestamp may lie in the past and in the future;
	// 0 means no bound.
	Before, After time.Duration
}

// letterBytes is what a dead-letter topic made here takes. The largest chatMessage is a few hundred
// kilobytes.
const letterBytes = 16 << 20

// EnsureTopics creates the topics that are missing and checks those that are there. An unfit topic is
// an error that wraps ErrTopic and holds the command that mends it.
func EnsureTopics(ctx context.Context, adm *kadm.Client, t Topics) (Limits, error) {
	text := func(s string) *string { return &s }
	output := map[string]*string{"cleanup.policy": text("delete")}
	if t.Retention != 0 {
		output["retention.ms"] = text(strconv.FormatInt(t.Retention.Milliseconds(), 10))
	}
	for _, topic := range []struct {
		name    string
		configs map[string]*string
	}{
		{t.Output, output},
		{t.DeadLetters, map[string]*string{"cleanup.policy": text("delete"), "max.message.bytes": text(strconv.Itoa(letterBytes))}},
		{t.Offsets, map[string]*string{"cleanup.policy": text("compact")}},
	} {
		resp, err := adm.CreateTopic(ctx, t.Partitions, t.Replication, topic.configs, topic.name)
		if err == nil {
			err = resp.Err
		}
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			// Whoever may not create topics can still use those that are there.
			if missing := exists(ctx, adm, topic.name); missing != nil {
				return Limits{}, fmt.Errorf("sink: create topic %s: %w", topic.name, err)
			}
		}
	}

	resources, err := adm.DescribeTopicConfigs(ctx, t.Output, t.DeadLetters, t.Offsets)
	if err != nil {
		return Limits{}, fmt.Errorf("sink: describe the topics: %w", err)
	}
	configs := make(map[string]settings)
	for _, r := range resources {
		if r.Err != nil {
			return Limits{}, fmt.Errorf("sink: describe topic %s: %w", r.Name, r.Err)
		}
		configs[r.Name] = settings{}
		for _, c := range r.Configs {
			configs[r.Name][c.Key] = c.MaybeValue()
		}
	}
	if err := errors.Join(
		checkOutput(t, configs[t.Output]),
		checkOffsets(t.Offsets, configs[t.Offsets]),
		checkLetters(t.DeadLetters, configs[t.DeadLetters]),
	); err != nil {
		return Limits{}, err
	}
	return Limits{
		OutputBytes: int32(configs[t.Output].number("max.message.bytes", 1048588)),
		LetterBytes: int32(configs[t.DeadLetters].number("max.message.bytes", 1048588)),
		Before:      configs[t.Output].bound("message.timestamp.before.max.ms"),
		After:       configs[t.Output].bound("message.timestamp.after.max.ms"),
	}, nil
}

func exists(ctx context.Context, adm *kadm.Client, topic string) error {
	details, err := adm.ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	return details.Error()
}

func checkOutput(t Topics, c settings) error {
	if policy := c["cleanup.policy"]; strings.Contains(policy, "compact") {
		return unfit(t.Output, fmt.Sprintf("cleanup.policy is %q: compaction keeps one message a chat and deletes the others", policy),
			"cleanup.policy=delete")
	}
	retention := c.number("retention.ms", -1)
	need := t.NeededRetention.Milliseconds()
	if c["message.timestamp.type"] == "LogAppendTime" || need == 0 {
		return nil
	}
	if retention >= 0 && retention < need {
		return unfit(t.Output, fmt.Sprintf("retention.ms is %d (%v) and records carry the time of their event: the broker would delete"+
			" what was just written, and the connector would write it again; at least %d (%v) is needed",
			retention, time.Duration(retention)*time.Millisecond, need, t.NeededRetention),
			fmt.Sprintf("retention.ms=%d", need))
	}
	if before := c.bound("message.timestamp.before.max.ms"); before != 0 && before < t.NeededRetention {
		return unfit(t.Output, fmt.Sprintf("message.timestamp.before.max.ms is %d (%v) and records carry the time of their event:"+
			" the broker would refuse older ones; at least %d (%v) is needed", before.Milliseconds(), before, need, t.NeededRetention),
			fmt.Sprintf("message.timestamp.before.max.ms=%d", need))
	}
	return nil
}

func checkOffsets(name string, c settings) error {
	if policy := c["cleanup.policy"]; policy != "compact" {
		return unfit(name, fmt.Sprintf("cleanup.policy is %q: positions would be deleted after a while, it must be exactly compact", policy),
			"cleanup.policy=compact")
	}
	return nil
}

func checkLetters(name string, c settings) error {
	if policy := c["cleanup.policy"]; strings.Contains(policy, "compact") {
		return unfit(name, fmt.Sprintf("cleanup.policy is %q: dead letters would overwrite each other", policy), "cleanup.policy=delete")
	}
	return nil
}

func unfit(topic, why, config string) error {
	return fmt.Errorf("sink: %w: %s: %s. To mend it: kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name %s --add-config %s",
		ErrTopic, topic, why, topic, config)
}

// settings are a topic's configuration as the broker tells it.
type settings map[string]string

func (s settings) number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(s[name], 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// bound reads a limit in milliseconds; none, or one of more than a century, is no limit.
func (s settings) bound(name string) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	ms := s.number(name, 0)
	if ms <= 0 || ms > century.Milliseconds() {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
