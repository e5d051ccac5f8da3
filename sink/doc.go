// Package sink is where messages become durable: the index of the versions that already stand in the
// topic, the writer that puts records, dead letters and positions into one transaction, and the
// checks a topic must pass before anything is written to it.
//
// It promises that a version is written once within the index's horizon (invariant 2), that versions
// of a message never go back (invariant 3), that a second writer for the same tenant is fenced by Kafka
// (invariant 4), and that what was written is learned from the topic alone (invariant 5).
//
// It knows nothing of Graph or HTTP.
package sink
