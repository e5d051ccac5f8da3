// Package kafka starts Apache Kafka itself for tests: one broker or three, assembled from the
// artifacts of Maven Central that pom.xml names, in KRaft mode, on loopback.
//
// It promises that a broker keeps its address and its data over a kill and a restart, and that brokers
// and data are gone when the test is over. TEST_KAFKA_VERSION chooses the version (4.3.1 by default,
// 3.9.1 for instance).
//
// It needs Java 17 or newer and Maven. It knows nothing of the connector.
package kafka
