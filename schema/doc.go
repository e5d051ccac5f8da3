// Package schema is the record the connector writes: its Avro schema, the Go types generated from
// it, its encoding, and its registration with a schema registry.
//
// It promises that every property of Graph's chatMessage (v1.0) has a named, typed, documented and
// defaulted field in chat_message.avsc; that what is registered is that text itself, because text
// made from the generated types would have lost its defaults and documentation; and that a schema
// is only ever registered if readers of older and of newer records can live with it
// (FULL_TRANSITIVE).
//
// A change of chat_message.avsc may add fields with a default behind the others, and nothing else. Every
// version that was released is kept in the folder history, and a test holds the present one against
// all of them. After a change run go generate in this folder and copy the schema to the next number
// in history; tests fail until both were done.
//
// A dead letter has no schema: it is the item itself, the JSON that Graph sent, with headers that
// say why it could not become a record.
//
// It must not know Graph, or how records are produced: HTTP is for the registry alone. It encodes only. Nothing in the running connector decodes Avro, because the encoding library has
// open advisories on its decoding side; the commands and tests that decode do so with an independent
// library.
package schema

//go:generate go run ./internal/gen
