package judge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// frame is how a record's value begins: a zero byte and the schema's id, big endian.
const (
	frameMagic = 0
	frameSize  = 5
)

// chatMessage is the part of the decoded value that the judge looks at. The schema may have any other
// fields; those named here may be nullable or not.
type chatMessage struct {
	ChatID       *string    `avro:"chatId"`
	ID           *string    `avro:"id"`
	ETag         *string    `avro:"etag"`
	LastModified *time.Time `avro:"lastModifiedDateTime"`
	Created      *time.Time `avro:"createdDateTime"`
	Body         *struct {
		Content *string `avro:"content"`
	} `avro:"body"`
}

// time is the version's time: the modification, or the creation where that is null.
func (m *chatMessage) time() (time.Time, bool) {
	switch {
	case m.LastModified != nil:
		return *m.LastModified, true
	case m.Created != nil:
		return *m.Created, true
	default:
		return time.Time{}, false
	}
}

// etag is the version's etag, or its time in decimal where there is none.
func (m *chatMessage) etag() string {
	if m.ETag != nil && *m.ETag != "" {
		return *m.ETag
	}
	if t, ok := m.time(); ok {
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return ""
}

// content is the body's text; nil if there is none.
func (m *chatMessage) content() *string {
	if m.Body == nil {
		return nil
	}
	return m.Body.Content
}

// decoder decodes values with the schemas their writers registered.
type decoder struct {
	registry *sr.Client
	schemas  map[uint32]*avro.Schema // nil: the registry has none of that id
}

func newDecoder(url string, options []sr.ClientOpt) (*decoder, error) {
	registry, err := sr.NewClient(append([]sr.ClientOpt{sr.URLs(url)}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("make registry client: %w", err)
	}
	return &decoder{registry: registry, schemas: make(map[uint32]*avro.Schema)}, nil
}

// errValue is wrapped by the error of decode for a value that is at fault itself; any other error says
// that the registry could not be asked.
var errValue = errors.New("value cannot be decoded")

// decode reads a framed value into target, which must use it up to its last byte.
func (d *decoder) decode(ctx context.Context, value []byte, target any) error {
	if len(value) < frameSize || value[0] != frameMagic {
		return fmt.Errorf("%w: it does not begin with a zero byte and a schema id", errValue)
	}
	id := binary.BigEndian.Uint32(value[1:frameSize])
	schema, err := d.schema(ctx, id)
	if err != nil {
		return err
	}
	if schema == nil {
		return fmt.Errorf("%w: the registry has no usable Avro schema with id %d", errValue, id)
	}
	rest, err := schema.Decode(value[frameSize:], target, avro.SkipUnknown())
	if err != nil {
		// The decoder's own text may quote the value.
		return fmt.Errorf("%w: it does not fit schema %d", errValue, id)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes are left over after schema %d", errValue, len(rest), id)
	}
	return nil
}

func (d *decoder) schema(ctx context.Context, id uint32) (*avro.Schema, error) {
	if schema, known := d.schemas[id]; known {
		return schema, nil
	}
	registered, err := d.registry.SchemaByID(ctx, int(id))
	var refused *sr.ResponseError
	switch {
	case errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound:
		d.schemas[id] = nil
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("fetch schema %d: %w", id, err)
	case registered.Type != sr.TypeAvro:
		d.schemas[id] = nil
		return nil, nil
	}
	schema, err := avro.Parse(registered.Schema)
	if err != nil {
		schema = nil
	}
	d.schemas[id] = schema
	return schema, nil
}
