package schema

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hamba/avro/v2"
)

// The values of the content-type header, one for each framing.
const (
	// ContentTypeConfluent marks a zero byte, the registry's schema id in four bytes, big endian,
	// and the Avro binary encoding.
	ContentTypeConfluent = "application/avro"
	// ContentTypeSingleObject marks Avro's single-object encoding: 0xC3 0x01, the CRC-64-AVRO
	// fingerprint of the schema in eight bytes, little endian, and the Avro binary encoding.
	ContentTypeSingleObject = "application/avro; encoding=single-object"
)

// Encoder makes the value of a Kafka record. It may be used by several goroutines.
type Encoder interface {
	// Append appends the encoded message to dst and returns the extended buffer. On an error it
	// returns dst as it was. All text in m must be valid UTF-8, which transform.Message sees to.
	Append(dst []byte, m *ChatMessage) ([]byte, error)
	// ContentType is the value of the record's content-type header.
	ContentType() string
}

// NewConfluentEncoder returns an encoder that frames records for readers that look the schema up in
// a registry. The id is the one Registry.Register returned, 0 to 2³¹−1.
func NewConfluentEncoder(id int) (Encoder, error) {
	if id < 0 || int64(id) > 1<<31-1 {
		return nil, fmt.Errorf("schema: %d is not a schema id", id)
	}
	header := binary.BigEndian.AppendUint32([]byte{0x00}, uint32(id))
	return newEncoder(header, ContentTypeConfluent), nil
}

// NewSingleObjectEncoder returns an encoder that frames records for readers that have the schema at
// hand, without a registry.
func NewSingleObjectEncoder() Encoder {
	header := binary.LittleEndian.AppendUint64([]byte{0xC3, 0x01}, Fingerprint)
	return newEncoder(header, ContentTypeSingleObject)
}

// framedEncoder puts a fixed header before each record.
type framedEncoder struct {
	header      []byte
	contentType string
	writers     sync.Pool // of *avro.Writer
}

func newEncoder(header []byte, contentType string) *framedEncoder {
	return &framedEncoder{
		header:      header,
		contentType: contentType,
		writers: sync.Pool{New: func() any {
			return avro.NewWriter(nil, 2048)
		}},
	}
}

// maxPooledBuffer bounds what a writer keeps between two records; one huge message must not hold
// its memory for ever.
const maxPooledBuffer = 256 << 10

func (e *framedEncoder) Append(dst []byte, m *ChatMessage) ([]byte, error) {
	if m == nil {
		return dst, errors.New("schema: encode: there is no message")
	}
	writer := e.writers.Get().(*avro.Writer)
	writer.Reset(nil)
	m.write(writer)
	if err := writer.Error; err != nil {
		return dst, fmt.Errorf("schema: encode: %w", err) // the writer is dropped with its error
	}
	dst = append(slices.Grow(dst, len(e.header)+len(writer.Buffer())), e.header...)
	dst = append(dst, writer.Buffer()...)
	if cap(writer.Buffer()) <= maxPooledBuffer {
		e.writers.Put(writer)
	}
	return dst, nil
}

func (e *framedEncoder) ContentType() string { return e.contentType }
