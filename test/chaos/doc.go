// Command chaos lets three connectors, a Graph simulator with every fault on and an embedded Kafka live through a seeded
// sequence of trouble, each in its own process, while people write, edit, react and delete, and lets the
// independent reader judge what is in the topic in the end.
//
//	go run ./test/chaos --versions 100000 --kills 20 --seed 1
//
// The trouble: connectors are killed (SIGKILL), frozen for longer than their session lives (SIGSTOP, SIGCONT), told to end
// (SIGTERM) and cut off from Kafka; Kafka is restarted; the network between all connectors and Kafka is cut. The simulator forgets a
// version as soon as a newer one replaces it, so a loss cannot heal by being read later.
//
// With --poison Graph never answers for some stretches of time, items and pages; with --hang a fifth of the mailboxes hang until the
// traffic ends.
//
// The seed decides the tenant, what is said in it, what trouble comes and in which order, whom it hits and the pauses in between. How
// the processes' steps fall between those is the machine's, so a seed that fails shows the same trouble again and not always the
// same interleaving: repeat it.
//
// Kafka is restarted in order and not killed, because the embedded broker loses a transaction's end when it is killed; brokers
// are killed in the tests on Apache Kafka. It never expires a member that died between JoinGroup and SyncGroup, as Kafka
// does: the supervisor removes members of dead processes in its place.
package main
