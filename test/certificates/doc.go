// Package certificates issues X.509 certificates for tests of TLS on loopback.
//
// It knows nothing of the connector or of Kafka.
package certificates
