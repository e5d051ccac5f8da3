package convert

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/transform"
)

// Config says what to convert and to what.
type Config struct {
	Format   string // json, graph, avro or confluent
	SchemaID int    // the schema's ID in the registry, for the format confluent
	In       io.Reader
	Out      io.Writer
	// Complaints gets a line for each item that does not become a record, and for each place where
	// the input is not JSON.
	Complaints io.Writer
}

// Run converts all items of the input. It returns [ErrOption] for an invalid option before it
// reads anything, and [ErrIncomplete] if some items did not become records.
//
// If the context ends, Run returns at once. A read of a terminal or a pipe cannot be interrupted,
// so the goroutine that reads may stay behind until the process ends.
func Run(ctx context.Context, cfg Config) error {
	encoder, err := schema.NewConfluentEncoder(cfg.SchemaID)
	if err != nil {
		return fmt.Errorf("%w: the schema ID must be from 0 to 2147483647, not %d", ErrOption, cfg.SchemaID)
	}
	out := bufio.NewWriter(cfg.Out)
	writer, err := newRecordWriter(cfg.Format, out)
	if err != nil {
		return err
	}
	c := conversion{reader: newItemReader(cfg.In), encoder: encoder, writer: writer, complaints: cfg.Complaints}
	done := make(chan error, 1)
	go func() { done <- errors.Join(c.run(ctx), out.Flush()) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// conversion converts the items of one input.
type conversion struct {
	reader     *itemReader
	converter  transform.Converter
	encoder    schema.Encoder
	writer     recordWriter
	complaints io.Writer
	framed     []byte
	good, bad  int
}

func (c *conversion) run(ctx context.Context) error {
	for ctx.Err() == nil {
		item, err := c.reader.next()
		var broken *inputError
		switch {
		case errors.Is(err, io.EOF):
			return c.end()
		case errors.As(err, &broken):
			c.complain("%v", broken)
			continue
		case err != nil:
			return fmt.Errorf("read the input: %w", err)
		}
		if err := c.convert(item); err != nil {
			return fmt.Errorf("%v: %w", item.place, err)
		}
	}
	return ctx.Err()
}

func (c *conversion) convert(item inputItem) error {
	// In the connector's order: the identity first, then the whole item.
	if _, err := transform.Identify(item.raw); err != nil {
		c.complain("%v: dead letter (identify): %v", item.place, err)
		return nil
	}
	message, _, err := c.converter.Message(item.raw, transform.Policy{})
	if err != nil {
		c.complain("%v: dead letter (transform): %v", item.place, err)
		return nil
	}
	if c.framed, err = c.encoder.Append(c.framed[:0], message); err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	c.good++
	return c.writer.write(c.framed)
}

func (c *conversion) complain(format string, values ...any) {
	c.bad++
	fmt.Fprintf(c.complaints, format+"\n", values...)
}

func (c *conversion) end() error {
	if err := c.writer.close(); err != nil {
		return fmt.Errorf("close the output: %w", err)
	}
	if c.bad > 0 {
		return fmt.Errorf("%w: %d did, %d did not", ErrIncomplete, c.good, c.bad)
	}
	return nil
}
