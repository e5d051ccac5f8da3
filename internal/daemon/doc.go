// Package daemon builds the running process from its configuration: it wires a stream for each tenant, prepares
// topics and schema, joins the consumer group, and serves the admin endpoints.
//
// It promises that whatever keeps a tenant from making progress is a reason in readiness and in the status, named by its
// cause, and that Run ends within the shutdown timeout.
//
// How Graph, Kafka and Avro work is left to the packages that it connects. It must not know the command line: it does
// not read the environment, print, or end the process; cmd/connector does.
package daemon
