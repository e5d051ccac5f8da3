// Command connector streams Microsoft Teams chat messages into Kafka.
//
// This package is the command line: flags, printing and exit codes. It is the only place that reads the environment
// or ends the process. It does not know how anything works; internal/daemon wires the process.
package main
