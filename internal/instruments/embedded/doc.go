// Package embedded runs a Kafka cluster and a schema registry inside the process, both reachable
// over TCP by any client, on 127.0.0.1 unless another address is asked for.
//
// It is for the demo and for the tests, so that both need nothing but Go and so that faults can be
// scripted. It promises the parts of the Kafka protocol that the connector builds on: transactions
// over several topics, fencing, read_committed, offsets for timestamps, topic settings, groups, and
// state that survives a restart. Each of them is held by a test here, which names what relies on it.
//
// It must not know the connector: no topic names, no record formats, no settings beyond
// where to listen and where to keep the data.
//
// Where it differs from Apache Kafka: a broker that is killed with a transaction open loses the
// transaction's end (use Close), compaction does not respect open transactions (so none runs unless
// asked for; asked for, it enforces every topic's retention too, by the records' own timestamps, and
// moves the log start), and the registry accepts every schema without a compatibility check.
package embedded
