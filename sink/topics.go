package sink

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	// NeededRetention is how long the output topic must keep a record after its timestamp; 0 if that
	// does not matter.
	NeededRetention time.Duration
}

// Limits are what the topics' configuration allows a record to be.
type Limits struct {
	// OutputBytes, LetterBytes and PositionBytes bound a batch, and so a record, in bytes.
	OutputBytes, LetterBytes, PositionBytes int32
	// Stamps are the timestamps that the output topic takes and keeps.
	Stamps Stamps
	// OutputRetentionBytes is the size at which the output topic deletes its oldest records; less than 0
	// is never.
	OutputRetentionBytes int64
}

// letterBytes is what a dead-letter topic made here takes. The largest chatMessage is a few hundred
// kilobytes.
const letterBytes = 16 << 20

// EnsureTopics creates the topics that are missing and checks those that are there. An unfit topic is
// an error that wraps ErrTopic and holds the command that fixes it.
func EnsureTopics(ctx context.Context, adm *kadm.Client, t Topics) (Limits, error) {
	for _, topic := range t.made() {
		resp, err := adm.CreateTopic(ctx, t.Partitions, t.Replication, topic.configs, topic.name)
		if err == nil {
			err = resp.Err
		}
		err = Explained(err, resp.ErrMessage)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			// Whoever may not create topics can still use those that are there.
			if missing := exists(ctx, adm, topic.name); missing != nil {
				return Limits{}, fmt.Errorf("sink: create topic %s: %w", topic.name, err)
			}
		}
	}

	described, err := DescribeTopics(ctx, adm, t)
	if err != nil {
		return Limits{}, err
	}
	var unfit []error
	for _, topic := range described {
		if topic.Missing {
			return Limits{}, fmt.Errorf("sink: describe topic %s: %w", topic.Name, kerr.UnknownTopicOrPartition)
		}
		unfit = append(unfit, topic.Err)
	}
	if err := errors.Join(unfit...); err != nil {
		return Limits{}, err
	}
	output, letters, positions := described[0], described[1], described[2]
	return Limits{
		OutputBytes:   output.MaxMessageBytes,
		LetterBytes:   letters.MaxMessageBytes,
		PositionBytes: positions.MaxMessageBytes,
		Stamps:        output.settings.stamps(),

		OutputRetentionBytes: output.RetentionBytes,
	}, nil
}

// Topic is what one of the topics is like.
type Topic struct {
	Name string
	// Missing tells that there is no such topic; nothing below is known then.
	Missing bool
	// Err wraps ErrTopic if the topic breaks a rule, and holds the command that fixes it.
	Err           error
	CleanupPolicy string
	// Retention is how long a record is kept; less than 0 is for ever.
	Retention time.Duration
	// RetentionBytes is the size of a partition at which its oldest records are deleted; less than 0 is
	// never.
	RetentionBytes int64
	// Stamps are the timestamps that the topic takes and keeps.
	Stamps Stamps
	// MaxMessageBytes bounds a batch, MinInSync the replicas that must have a record before it counts as written.
	MaxMessageBytes, MinInSync int32

	settings settings
}

// DescribeTopics reads and checks the configuration of output topic, dead letters and offsets, in this order, and writes nothing.
func DescribeTopics(ctx context.Context, adm *kadm.Client, t Topics) ([]Topic, error) {
	configs := make(map[string]settings)
	for _, name := range []string{t.Output, t.DeadLetters, t.Offsets} {
		// One by one: of several, kadm does not say which one is denied.
		resources, err := adm.DescribeTopicConfigs(ctx, name)
		var described kadm.ResourceConfig
		if err == nil {
			described, err = resources.On(name, func(r *kadm.ResourceConfig) error { return Explained(r.Err, r.ErrMessage) })
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sink: describe topic %s: %w", name, err)
		}
		configs[name] = settings{}
		for _, c := range described.Configs {
			configs[name][c.Key] = c.MaybeValue()
		}
	}
	described := make([]Topic, 0, 3)
	for _, topic := range []struct {
		name  string
		check func(settings) error
	}{
		{t.Output, func(c settings) error { return checkOutput(t, c) }},
		{t.DeadLetters, func(c settings) error { return checkLetters(t.DeadLetters, c) }},
		{t.Offsets, func(c settings) error { return checkOffsets(t.Offsets, c) }},
	} {
		c, found := configs[topic.name]
		if !found {
			described = append(described, Topic{Name: topic.name, Missing: true})
			continue
		}
		described = append(described, Topic{
			Name: topic.name, Err: topic.check(c), CleanupPolicy: c["cleanup.policy"],
			Retention:       c.retention(),
			Stamps:          c.stamps(),
			RetentionBytes:  max(-1, c.number("retention.bytes", -1)),
			MaxMessageBytes: c.int32("max.message.bytes", 1048588),
			MinInSync:       c.int32("min.insync.replicas", 1),
			settings:        c,
		})
	}
	return described, nil
}

// made are the topics with the configuration that they are created with.
func (t Topics) made() []madeTopic {
	text := func(s string) *string { return &s }
	output := map[string]*string{"cleanup.policy": text("delete")}
	if t.Retention != 0 {
		output["retention.ms"] = text(strconv.FormatInt(t.Retention.Milliseconds(), 10))
	}
	return []madeTopic{
		{t.Output, output},
		{t.DeadLetters, map[string]*string{"cleanup.policy": text("delete"), "max.message.bytes": text(strconv.Itoa(letterBytes))}},
		{t.Offsets, map[string]*string{"cleanup.policy": text("compact")}},
	}
}

type madeTopic struct {
	name    string
	configs map[string]*string
}

// TryCreate asks the brokers whether they would create a topic, one of the three, and creates nothing.
func TryCreate(ctx context.Context, adm *kadm.Client, t Topics, name string) error {
	for _, topic := range t.made() {
		if topic.name != name {
			continue
		}
		resps, err := adm.ValidateCreateTopics(ctx, t.Partitions, t.Replication, topic.configs, name)
		if err == nil {
			err = Explained(resps[name].Err, resps[name].ErrMessage)
		}
		if err != nil {
			return fmt.Errorf("sink: create topic %s: %w", name, err)
		}
	}
	return nil
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
	if retention >= 0 && retention < need {
		return unfit(t.Output, fmt.Sprintf("retention.ms is %d (%v): the broker would delete records that their mailboxes still show,"+
			" and the connector would write them again; at least %d (%v) is needed",
			retention, time.Duration(retention)*time.Millisecond, need, t.NeededRetention),
			fmt.Sprintf("retention.ms=%d", need))
	}
	return nil
}

func checkOffsets(name string, c settings) error {
	if policy := c["cleanup.policy"]; policy != "compact" {
		return unfit(name, fmt.Sprintf("cleanup.policy is %q: positions would be deleted after a while, it must be exactly compact", policy),
			"cleanup.policy=compact")
	}
	if c["message.timestamp.type"] == "LogAppendTime" {
		return unfit(name, "message.timestamp.type is LogAppendTime: of two positions of a user, as there are after partitions were added,"+
			" the newer could not be told", "message.timestamp.type=CreateTime")
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
	return fmt.Errorf("sink: %w: %s: %s. To fix it: kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name %s --add-config %s",
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

// int32 reads a number that Kafka declares as an int; one that is out of range saturates.
func (s settings) int32(name string, otherwise int32) int32 {
	return int32(min(math.MaxInt32, max(math.MinInt32, s.number(name, int64(otherwise)))))
}

// century is longer than any setting of a topic that is meant: operators write the largest number for
// "without limit", and a time.Duration ends after three centuries.
const century = 100 * 365 * 24 * time.Hour

// retention returns how long the topic keeps a record, less than 0 for ever.
func (s settings) retention() time.Duration {
	ms := s.number("retention.ms", -1)
	if ms < 0 || ms > century.Milliseconds() {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

// bound reads a limit in milliseconds; none, or one of more than a century, is not a limit.
func (s settings) bound(name string) time.Duration {
	ms := s.number(name, 0)
	if ms <= 0 || ms > century.Milliseconds() {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
