// Package doctor looks at everything the connector needs before it can run, or while it does not, and says of each thing
// what was seen and how to fix it.
//
// The way through it: [Examine] makes the list of checks from a [Config] and runs them one by one, in order. A check that
// rests on another one that failed is skipped, so that one cause gives one failure.
//
// It promises that it writes nothing that lasts (no record, no topic, no schema, no position), that it fences nobody, joins
// no group, and that no finding holds a secret, a token or anything of a message.
//
// A [Report] shows the findings. It must not know how the configuration is written.
package doctor
