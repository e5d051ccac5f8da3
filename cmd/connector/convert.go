package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/transform"
)

func convertCommand() *cobra.Command {
	var format string
	var schemaID int
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "Convert chat messages on standard input as the connector would, and print the records",
		Long: `Convert chat messages in Graph's JSON, on standard input, to the Avro records that the connector would write to
Kafka, and print them on standard output. It needs no configuration, no network and no Kafka.

The input is one item, a page or a delta page of Graph, an array of items, one item per line, or several of these one
behind the other. It may be of any size.

  --format=json       the record, decoded back from its Avro bytes: one JSON object per line, with the fields of
                      the schema (connector schema print), times in milliseconds since 1970
  --format=graph      Graph's JSON, rebuilt from the record: one item per line. It has the values of the input; members
                      that are null are left out, and their order is another
  --format=avro       an Avro object container file, which Avro tools, Spark and DuckDB read
  --format=confluent  the value of the Kafka record in hexadecimal, one per line: 00, the schema's id in the registry
                      in four bytes (--schema-id), and the Avro bytes

What would go to the dead letters is reported on standard error, with its place in the input and the reason, and
so is what is no JSON; reading goes on at the next line that begins with a brace or a bracket.

Exit code 0: every item became a record. 1: some did not, or the input could not be read. 2: the command line is
wrong.`,
		Example: `  # what the record of a message looks like
  connector convert < message.json | jq .

  # nothing of your own data is lost: this prints nothing
  jq -cS '.value[] | del(..|nulls)' page.json > sent
  connector convert --format=graph < page.json | jq -cS . | diff sent -

  # a page of your own tenant
  curl -s -H "Authorization: Bearer $TOKEN" \
    'https://graph.microsoft.com/v1.0/users/ada@contoso.com/chats/getAllMessages?$top=50' | connector convert

  # an Avro file, read by Python
  connector convert --format=avro < page.json > messages.avro
  python3 -c 'import fastavro,sys; [print(r["chatId"], r["id"]) for r in fastavro.reader(open("messages.avro","rb"))]'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			encoder, err := schema.NewConfluentEncoder(schemaID)
			if err != nil {
				return usageError{fmt.Errorf("convert: --schema-id must be from 0 to 2147483647, not %d", schemaID)}
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			writer, err := newRecordWriter(format, out)
			if err != nil {
				return err
			}
			if writer == nil {
				return usageError{fmt.Errorf("convert: --format must be json, graph, avro or confluent, not %q", format)}
			}
			if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
				cmd.PrintErrln("connector: reading items from the terminal; end with Ctrl-D, see --help for examples")
			}
			c := conversion{reader: newItemReader(cmd.InOrStdin()), encoder: encoder, writer: writer, complaints: cmd.ErrOrStderr()}
			// A read from a terminal or a pipe cannot be interrupted, so it is left behind when the
			// process is told to stop.
			done := make(chan error, 1)
			go func() { done <- errors.Join(c.run(cmd.Context()), out.Flush()) }()
			select {
			case err := <-done:
				return err
			case <-cmd.Context().Done():
				return fmt.Errorf("convert: %w", cmd.Context().Err())
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "json", "json, graph, avro or confluent")
	cmd.Flags().IntVar(&schemaID, "schema-id", 1, "id of the schema in the registry, for --format=confluent")
	return cmd
}

// conversion turns the items of an input into records, as the connector does it.
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
			return fmt.Errorf("convert: read the input: %w", err)
		}
		if err := c.convert(item); err != nil {
			return fmt.Errorf("convert: %v: %w", item.place, err)
		}
	}
	return ctx.Err()
}

func (c *conversion) convert(item inputItem) error {
	// In the order of the connector: who it is, then the whole.
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
		return err
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
		return fmt.Errorf("convert: %w", err)
	}
	if c.bad > 0 {
		return fmt.Errorf("convert: %d became records, %d did not", c.good, c.bad)
	}
	return nil
}
