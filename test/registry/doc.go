// Package registry starts a real schema registry for tests: Apicurio Registry, from Maven Central, with the Confluent
// REST protocol that it speaks beside its own, on loopback.
//
// It promises that a registry keeps its address when it is stopped and started again, and that it is gone when the test
// is over. Its schemas live in its memory and go with it. TEST_REGISTRY_VERSION chooses the version: 3.3.3 by default,
// or 2.6.13.Final where there is no Java 21, which version 3 needs.
//
// It needs Java 17 or newer and Maven. It knows nothing of the connector.
package registry
