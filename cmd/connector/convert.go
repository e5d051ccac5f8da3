package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/convert"
	"github.com/teams-kafka/connector/internal/terminal"
)

func convertCommand() *cobra.Command {
	var cfg convert.Config
	cmd := &cobra.Command{
		Use:   "convert",
		Short: "Convert chat messages from standard input to records, as the connector would",
		Long: `Convert chat messages in Graph's JSON from standard input to the Avro records that the connector
would write to Kafka, and print them to standard output. It needs no configuration, no network and
no Kafka.

The input is one item, a page or a delta page of Graph, an array of items, one item per line, or any
sequence of these. It can be of any size.

  --format=json       the record, decoded from its Avro bytes: one JSON object per line, with the
                      fields of the schema (connector schema print), times in milliseconds since 1970
  --format=graph      Graph's JSON, rebuilt from the record: one item per line, with the values of
                      the input; members with the value null are left out, and the order may differ
  --format=avro       an Avro object container file, for Avro tools, Spark and DuckDB
  --format=confluent  the value of the Kafka record in hexadecimal, one per line: 00, the schema's ID
                      in the registry in four bytes (--schema-id), and the Avro bytes

For each item that would go to the dead letters, and for each place where the input is not JSON, a
line on standard error gives the place and the reason. After invalid JSON, reading continues at the
next line that begins with a brace or a bracket.

Exit code 0: every item became a record. 1: some did not, or the input could not be read. 2: the
command line is invalid.`,
		Example: `  # what the record of a message looks like
  connector convert < message.json | jq .

  # no value of your own data is lost: this prints nothing
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
			if terminal.Is(cmd.InOrStdin()) {
				cmd.PrintErrln("connector: reading items from the terminal; end with Ctrl-D, see --help for examples")
			}
			cfg.In, cfg.Out, cfg.Complaints = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			err := convert.Run(cmd.Context(), cfg)
			if err != nil {
				err = fmt.Errorf("convert: %w", err)
			}
			if errors.Is(err, convert.ErrOption) {
				return usageError{err}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&cfg.Format, "format", "json", "json, graph, avro or confluent")
	cmd.Flags().IntVar(&cfg.SchemaID, "schema-id", 1, "ID of the schema in the registry, for --format=confluent")
	return cmd
}
