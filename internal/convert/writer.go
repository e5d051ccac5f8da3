package convert

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/transform"
)

// confluentHeader is the number of bytes before the Avro bytes in Confluent's framing.
const confluentHeader = 5

// recordWriter writes records. Each record is the value of a Kafka record in Confluent's framing.
type recordWriter interface {
	write(framed []byte) error
	// close writes the rest of the output.
	close() error
}

// newRecordWriter returns the writer for a format, or [ErrOption] for an unknown format.
func newRecordWriter(format string, out io.Writer) (recordWriter, error) {
	// An independent library decodes what the encoder wrote.
	decoder, err := avro.Parse(schema.Text())
	if err != nil {
		return nil, fmt.Errorf("parse the schema: %w", err)
	}
	switch format {
	case "json":
		return &lineWriter{out, decoder, func(m *schema.ChatMessage) ([]byte, error) { return recordJSON(decoder, m) }}, nil
	case "graph":
		return &lineWriter{out, decoder, transform.JSON}, nil
	case "avro":
		file, err := ocf.NewWriter(out, decoder)
		if err != nil {
			return nil, fmt.Errorf("begin the Avro file: %w", err)
		}
		return fileWriter{file}, nil
	case "confluent":
		return hexWriter{out}, nil
	}
	return nil, fmt.Errorf("%w: the format must be json, graph, avro or confluent, not %q", ErrOption, format)
}

// lineWriter decodes the Avro bytes and writes a line of JSON.
type lineWriter struct {
	out     io.Writer
	decoder *avro.Schema
	line    func(*schema.ChatMessage) ([]byte, error)
}

func (w *lineWriter) write(framed []byte) error {
	var m schema.ChatMessage
	rest, err := w.decoder.Decode(framed[confluentHeader:], &m)
	if err != nil {
		return fmt.Errorf("decode the record: %w", err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("decode the record: %d bytes are left over", len(rest))
	}
	line, err := w.line(&m)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(line, '\n'))
	return err
}

func (w *lineWriter) close() error { return nil }

// recordJSON returns the record as JSON with the schema's field names. It sorts the members because
// the entries of a map come in random order.
func recordJSON(decoder *avro.Schema, m *schema.ChatMessage) ([]byte, error) {
	text, err := decoder.EncodeJSON(m)
	if err != nil {
		return nil, fmt.Errorf("write the record as JSON: %w", err)
	}
	value := jsontext.Value(text)
	if err := value.Format(jsontext.ReorderRawObjects(true)); err != nil {
		return nil, fmt.Errorf("write the record as JSON: %w", err)
	}
	return value, nil
}

// fileWriter writes an Avro object container file.
type fileWriter struct{ file *ocf.Writer }

func (w fileWriter) write(framed []byte) error {
	_, err := w.file.Write(framed[confluentHeader:])
	return err
}

func (w fileWriter) close() error { return w.file.Close() }

// hexWriter writes a line of hexadecimal digits.
type hexWriter struct{ out io.Writer }

func (w hexWriter) write(framed []byte) error {
	_, err := fmt.Fprintln(w.out, hex.EncodeToString(framed))
	return err
}

func (w hexWriter) close() error { return nil }
