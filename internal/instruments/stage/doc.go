// Package stage sets up everything a connector talks to, in this process: a simulated Graph, an
// embedded Kafka, an embedded schema registry, and the environment that leads to them.
//
// [Open] is for the demo, [Start] for tests. [Options] says how the parts differ from a small,
// lively tenant. The other functions are what tests on a stage need again and again: waiting for a
// condition, collecting a log, counting items, judging the topic.
//
// It promises that everything it started ends with Close or with the test, and that two stages
// share nothing unless they are told to.
//
// It knows the connector by its environment variables, its metrics and its topics only. It must not
// know how the connector is wired.
package stage
