// Package integration shows the connector's promises on the real thing: Apache Kafka, a schema registry
// and readers that this project did not write. Its tests run with the build tag integration:
//
//	go test -tags integration ./test/integration/...
//
// They need Java 17 or newer, Maven and Python 3, and kcat for its part; TEST_KAFKA_VERSION and TEST_REGISTRY_VERSION choose
// the versions of Kafka and of Apicurio Registry. TestReaders runs the snippets of docs/reading.md. The
// connector is the real binary in its own process, and what it wrote is judged by package judge.
//
// It knows the connector by its environment variables, its log and its topics alone.
package integration
