package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hamba/avro/v2"
)

const tableHead = `# Fields of the record

<!-- Generated from schema/chat_message.avsc by go generate. Do not edit. -->

Each record in the topic is one version of one message. Every field but ` + "`unmapped`" + ` may be null; its default
is null. Times are milliseconds since 1970-01-01T00:00:00Z. A field keeps the name of the property in Graph's JSON.
`

// fieldTable returns the documentation of the schema: one table for each record type, in the order
// of first use.
func fieldTable(avsc []byte) ([]byte, error) {
	root, err := parse(avsc)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(tableHead)
	for _, record := range records(root, nil) {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| field | type | what it is |\n|---|---|---|\n", record.Name(), record.Doc())
		for _, field := range record.Fields() {
			doc := strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(field.Doc())
			fmt.Fprintf(&out, "| `%s` | %s | %s |\n", field.Name(), typeName(field.Type()), doc)
		}
	}
	return out.Bytes(), nil
}

// records appends the record types that schema defines, a type before those defined inside it.
func records(schema avro.Schema, found []*avro.RecordSchema) []*avro.RecordSchema {
	switch s := schema.(type) {
	case *avro.RecordSchema:
		found = append(found, s)
		for _, field := range s.Fields() {
			found = records(field.Type(), found)
		}
	case *avro.UnionSchema:
		for _, member := range s.Types() {
			found = records(member, found)
		}
	case *avro.ArraySchema:
		found = records(s.Items(), found)
	}
	return found // a reference names a type that was found where it is defined
}

// typeName is a type in words.
func typeName(schema avro.Schema) string {
	switch s := schema.(type) {
	case *avro.UnionSchema:
		_, i := s.Indices()
		return typeName(s.Types()[i])
	case *avro.ArraySchema:
		return "array of " + typeName(s.Items())
	case *avro.MapSchema:
		return "map of " + typeName(s.Values())
	case avro.NamedSchema:
		return s.Name()
	case *avro.RefSchema:
		return s.Schema().Name()
	case avro.LogicalTypeSchema:
		if s.Logical() != nil {
			return string(s.Logical().Type())
		}
	}
	return string(schema.Type())
}
