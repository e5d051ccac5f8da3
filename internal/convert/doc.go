// Package convert converts chat messages offline, exactly as the running connector does: from
// Graph's JSON on a reader to records on a writer.
//
// [Run] reads items one at a time, so the input can be of any size, and passes each through the
// same identity, conversion and encoding as a message on its way to Kafka.
//
// It promises that every item of the input becomes either one record of the output or one line
// that names its place and the reason, and that such a line holds no text of a message.
//
// It must not know Kafka, HTTP or the configuration.
package convert
