package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/gen"
	twmb "github.com/twmb/avro"
)

// typesTemplate differs from the generator's own in one thing: a nullable array becomes a slice, not
// a pointer to a slice, because a nil slice is null already.
//
//go:embed types.tmpl
var typesTemplate string

// goTypes returns the Go source of the types of the schema.
func goTypes(avsc []byte) ([]byte, error) {
	parsed, err := parse(avsc)
	if err != nil {
		return nil, err
	}
	sum, err := fingerprint(avsc)
	if err != nil {
		return nil, err
	}
	types := gen.NewGenerator("schema", nil,
		gen.WithTemplate(typesTemplate),
		gen.WithStrictTypes(true),
		// Milliseconds, not time.Time: a record holds what the wire holds, and no time zone.
		gen.WithLogicalType(gen.LogicalType{Name: "timestamp-millis", Typ: "int64"}),
		gen.WithMetadata(sum),
	)
	types.Parse(parsed)
	for _, record := range records(parsed, nil) {
		for _, field := range record.Fields() {
			if _, array := field.Type().(*avro.ArraySchema); array {
				return nil, fmt.Errorf("%s.%s is an array that is never null, which is written as if it could be", record.Name(), field.Name())
			}
		}
	}
	var source bytes.Buffer
	if err := types.Write(&source); err != nil {
		return nil, fmt.Errorf("write the types: %w", err)
	}
	formatted, err := format.Source(source.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format the types: %w", err)
	}
	return formatted, nil
}

func parse(avsc []byte) (*avro.RecordSchema, error) {
	// Its own cache: the library's default one is shared by the whole process.
	parsed, err := avro.ParseBytesWithCache(avsc, "", &avro.SchemaCache{})
	if err != nil {
		return nil, fmt.Errorf("parse the schema: %w", err)
	}
	record, ok := parsed.(*avro.RecordSchema)
	if !ok {
		return nil, fmt.Errorf("the schema is a %s, not a record", parsed.Type())
	}
	return record, nil
}

// fingerprint is the CRC-64-AVRO fingerprint of the schema's Parsing Canonical Form. It is not the
// encoding library's, whose canonical form keeps logical types and so has another fingerprint than
// everyone else's.
func fingerprint(avsc []byte) (uint64, error) {
	parsed, err := twmb.Parse(string(avsc))
	if err != nil {
		return 0, fmt.Errorf("parse the schema: %w", err)
	}
	sum := twmb.NewRabin()
	if _, err := sum.Write(parsed.Canonical()); err != nil {
		return 0, err
	}
	return sum.Sum64(), nil
}
