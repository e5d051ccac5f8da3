// Command bench measures what the connector costs: the real binary as its own process, beside a Graph simulator and
// an embedded Kafka in theirs.
//
//	go run ./test/bench --messages 100000
//
// What counts is the CPU time of the connector's process, from the operating system's accounting, so that what the others take
// does not blur it. It compares them with two floors measured in the same run, each in its own process: reading the same
// pages over the same HTTPS and throwing them away, and producing the same bytes in the same transactions. The scenarios:
//
//   - new: everything is read and written, each message once;
//   - tenth: nine of ten messages stand in the topic already;
//   - seen: all of them do;
//   - idle: users who write nothing are polled.
//
// With --live it measures, instead, how long a message takes from the moment it is visible to the moment a reader of committed
// records has it, while people write, and fails if memory or goroutines grow. With --interval 1s an hour of polls every minute takes
// a minute.
//
// With --faults it measures, instead, how much still goes through when Graph answers a share of the requests with a fault, in
// virtual time and without other processes, and fails if a fault costs more than three requests.
//
// The stages one by one are benchmarks in the same folder: go test -bench . ./test/bench
package main
