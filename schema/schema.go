package schema

import (
	_ "embed"
	"fmt"

	"github.com/hamba/avro/v2"
)

//go:embed chat_message.avsc
var text string

// Text returns the Avro schema of the record, byte for byte as it is registered.
func Text() string { return text }

// parse uses a cache of its own: the library's default one is shared by the whole process.
func parse() (avro.Schema, error) {
	parsed, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, fmt.Errorf("schema: parse chat_message.avsc: %w", err)
	}
	return parsed, nil
}
