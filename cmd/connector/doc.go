// Command connector streams Microsoft Teams chat messages into Kafka.
//
// This package is the command line: it reads the configuration, wires the other packages together, and
// is the only place that ends the process. It knows nothing of how any of them works.
package main
