package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/transform"
)

// describe reads the topics' configuration once for the checks that look at it.
func (k *kafka) describe(ctx context.Context) error {
	if k.topics != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	described, err := sink.DescribeTopics(ctx, k.adm, k.cfg.Topics)
	if err != nil {
		return err
	}
	details, err := k.adm.ListTopics(ctx, k.names()...)
	if err != nil {
		return err
	}
	k.parts = details
	k.topics = make(map[string]sink.Topic)
	for _, topic := range described {
		k.topics[topic.Name] = topic
	}
	return nil
}

// Sizes below which a topic makes work: a record with Teams' largest message, and a dead letter that always fits.
const (
	usualRecordBytes = 1 << 20
	usualLetterBytes = 16 << 20
)

func (k *kafka) output(ctx context.Context) Finding {
	found := k.topic(ctx, k.cfg.Topics.Output, func(t sink.Topic) (seen, remedy string) {
		const alter = "kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name "
		switch {
		case t.RetentionBytes >= 0:
			return fmt.Sprintf("it deletes its oldest records once a partition has %d bytes: a version that was deleted while its mailbox still shows it is written again",
				t.RetentionBytes), fmt.Sprintf("%s%s --add-config retention.bytes=-1, and a retention.ms that fits the disks", alter, t.Name)
		case t.MaxMessageBytes < usualRecordBytes:
			return "what is larger than max.message.bytes goes to the dead letters",
				fmt.Sprintf("%s%s --add-config max.message.bytes=%d", alter, t.Name, usualRecordBytes)
		}
		return "", ""
	})
	if stamps := k.topics[k.cfg.Topics.Output].Stamps; found.Verdict != Fail && !k.cfg.IngestTimestamp {
		found.Seen += restamped(stamps)
	}
	return found
}

// restamped says which records do not carry their event's time, empty if all do.
func restamped(stamps sink.Stamps) string {
	var text string
	if age, bound := stamps.Oldest(); age > 0 {
		text = fmt.Sprintf(". Records of events older than %s (%s) get the time of writing as their timestamp; ce_time keeps the event's", age, bound)
	}
	if stamps.After > 0 {
		text += fmt.Sprintf(". So do records of events more than %s ahead of this machine's clock", stamps.After)
	}
	return text
}

func (k *kafka) deadLetters(ctx context.Context) Finding {
	return k.topic(ctx, k.cfg.Topics.DeadLetters, func(t sink.Topic) (seen, remedy string) {
		if t.MaxMessageBytes < usualLetterBytes {
			return "a dead letter that is larger than max.message.bytes suspends its user", fmt.Sprintf(
				"kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name %s --add-config max.message.bytes=%d", t.Name, usualLetterBytes)
		}
		return "", ""
	})
}

func (k *kafka) offsets(ctx context.Context) Finding {
	return k.topic(ctx, k.cfg.Topics.Offsets, func(sink.Topic) (seen, remedy string) { return "", "" })
}

// topic looks at one topic; own looks for what matters to this one alone.
func (k *kafka) topic(ctx context.Context, name string, own func(sink.Topic) (seen, remedy string)) Finding {
	if err := k.describe(ctx); err != nil {
		return fail(err.Error(), "see the checks access-topics and kafka-brokers")
	}
	t := k.topics[name]
	if t.Missing {
		return k.missing(ctx, name)
	}
	partitions, replicas := k.parts[name].Partitions, k.parts[name].Partitions.NumReplicas()
	seen := fmt.Sprintf("%s: partitions %d, replication %d, min.insync.replicas %d, cleanup.policy %s, retention %s, max.message.bytes %d", name,
		len(partitions), replicas, t.MinInSync, t.CleanupPolicy, forever(t.Retention), t.MaxMessageBytes)
	if t.Err != nil {
		why, remedy, _ := strings.Cut(t.Err.Error(), ". To fix it: ")
		return fail(seen+". "+why, remedy)
	}
	if replicas > 0 && int(t.MinInSync) > replicas {
		return fail(seen+". Nothing can be written: min.insync.replicas is more than there are replicas",
			fmt.Sprintf("kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name %s --add-config min.insync.replicas=%d", name, max(1, replicas-1)))
	}
	if why, remedy := own(t); why != "" {
		return warn(seen+". "+why, remedy)
	}
	if brokers := len(k.cl.DiscoveredBrokers()); brokers > 1 && (replicas < 2 || t.MinInSync < 2) {
		return warn(seen+". What was written is lost with one broker", "replication 3 with min.insync.replicas 2 (kafka-reassign-partitions.sh, kafka-configs.sh)")
	}
	return ok("%s", seen)
}

// missing asks whether a topic that is not there could be created.
func (k *kafka) missing(ctx context.Context, name string) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := sink.TryCreate(ctx, k.adm, k.cfg.Topics, name)
	switch {
	case err == nil:
		return ok("%s does not exist; it is created at start, with %d partitions", name, k.cfg.Topics.Partitions)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fail(name+" does not exist, and the account may not create it: "+err.Error(),
			"create it ("+creation(k.cfg.Topics, name)+"), or "+acl("Create", "--topic "+name))
	default:
		return fail(name+" does not exist and cannot be created: "+err.Error(), "check KAFKA_TOPIC_PARTITIONS and KAFKA_TOPIC_REPLICATION against the cluster")
	}
}

func creation(t sink.Topics, name string) string {
	policy := "delete"
	if name == t.Offsets {
		policy = "compact"
	}
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server … --create --topic %s --partitions %d --config cleanup.policy=%s", name, t.Partitions, policy)
}

func forever(d time.Duration) string {
	if d < 0 {
		return "for ever"
	}
	return d.String()
}

// Bounds of how much of a topic is looked at: records from the beginning of each partition, and time.
const (
	sampleRecords = 200
	sampleTimeout = 20 * time.Second
)

// partitions looks whether the connector's oldest records stand in the partition that their key leads to today. They do not if
// partitions were added since: then one chat is in several partitions, and no reader can tell the order between them.
func (k *kafka) partitions(ctx context.Context) Finding {
	name := k.cfg.Topics.Output
	if k.topics[name].Missing {
		return skipped(name + " does not exist yet")
	}
	strays, looked, err := k.strays(ctx, name)
	if err != nil {
		return fail("the topic's first records cannot be read: "+err.Error(), "see the checks access-topics and kafka-brokers")
	}
	count := len(k.parts[name].Partitions)
	if strays > 0 {
		return warn(fmt.Sprintf("%d of the %d oldest records that were looked at are not where %d partitions would put them: partitions were added since."+
			" The order within a chat is broken for readers, until those records are gone", strays, looked, count),
			"none that keeps the records; to begin clean, use a new KAFKA_TOPIC with as many partitions as will ever be needed")
	}
	return ok("the %d oldest records that were looked at are where %d partitions put them", looked, count)
}

// strays counts, of the first records of each partition, those that stand in another one than their key leads to.
func (k *kafka) strays(ctx context.Context, name string) (strays, looked int, err error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	starts, err := k.adm.ListStartOffsets(ctx, name)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return 0, 0, err
	}
	ends, err := k.adm.ListCommittedOffsets(ctx, name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, 0, err
	}
	left := make(map[int32]int64) // by partition, the offset at which looking ends
	assign := make(map[int32]kgo.Offset)
	starts.Each(func(start kadm.ListedOffset) {
		if end, found := ends.Lookup(name, start.Partition); found && start.Offset < end.Offset {
			left[start.Partition] = min(end.Offset, start.Offset+sampleRecords)
			assign[start.Partition] = kgo.NewOffset().At(start.Offset)
		}
	})
	cl, err := kgo.NewClient(append(append([]kgo.Opt{}, k.cfg.Kafka...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxPartitionBytes(1<<20), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: assign}))...)
	if err != nil {
		return 0, 0, err
	}
	defer cl.Close()
	count := len(k.parts[name].Partitions)
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return strays, looked, err
		}
		for _, e := range fetches.Errors() {
			if !kerr.IsRetriable(e.Err) {
				return strays, looked, e.Err
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, wanted := left[r.Partition]
			if !wanted {
				return
			}
			if r.Offset+1 >= end {
				delete(left, r.Partition)
				cl.PauseFetchPartitions(map[string][]int32{name: {r.Partition}})
			}
			if r.Offset >= end || r.Attrs.IsControl() {
				return
			}
			if !hasID(r) {
				return // somebody else's
			}
			looked++
			if sink.PartitionOf(r.Key, count) != int(r.Partition) {
				strays++
			}
		})
	}
	return strays, looked, nil
}

// hasID reports whether a record carries the header by which this connector's records are known.
func hasID(r *kgo.Record) bool {
	for _, h := range r.Headers {
		if h.Key == transform.HeaderID {
			return true
		}
	}
	return false
}
