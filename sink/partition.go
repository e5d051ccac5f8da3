package sink

import "github.com/twmb/franz-go/pkg/kgo"

// PartitionOf is the partition the Java client's default partitioner chooses for a key: murmur2 of the
// key, made positive, modulo the number of partitions.
func PartitionOf(key []byte, partitions int) int {
	return kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: key}, partitions)
}

// partitioner is the Java client's, except for pinned records.
type partitioner struct{ keyed kgo.Partitioner }

type topicPartitioner struct{ kgo.TopicPartitioner }

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.keyed.ForTopic(topic)}
}

func (t topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return pinned(r) || t.TopicPartitioner.RequiresConsistency(r)
}

func (t topicPartitioner) Partition(r *kgo.Record, n int) int {
	if pinned(r) {
		return int(r.Partition)
	}
	return t.TopicPartitioner.Partition(r, n)
}

// pinned: the tombstone of a key that lost against another must go where that key is, which after
// partitions were added is not where its hash leads. A tombstone that goes by its key has partition -1.
func pinned(r *kgo.Record) bool { return r.Value == nil && r.Partition >= 0 }
