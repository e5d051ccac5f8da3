package schema

import _ "embed"

//go:embed chat_message.avsc
var text string

// Text returns the Avro schema of the record, byte for byte as it is registered.
func Text() string { return text }
