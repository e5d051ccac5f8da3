package judge_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// The judge knows nothing of the connector's schema but a few fields' names; they must be there, of the
// kinds it takes. Only the schema's text is read, none of its code.
func TestRun_ReadsTheConnectorsSchema(t *testing.T) {
	text, err := os.ReadFile("../../../schema/chat_message.avsc")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the connector's schema is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	schema, err := avro.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	stack := newStack(t)
	const id = 7
	stack.registry.Fake().SeedSchema("connector-value", 1, id, sr.Schema{Schema: string(text), Type: sr.TypeAvro})

	write := func(s *scene, v version, body any) {
		record := s.record(v, 0)
		// Every field that is not named takes its default.
		encoded, err := schema.Encode(map[string]any{
			"chatId": v.chat, "id": v.id, "etag": v.etag, "body": body,
			"lastModifiedDateTime": time.UnixMilli(v.time).UTC(),
		})
		if err != nil {
			t.Fatal(err)
		}
		record.Value = append(binary.BigEndian.AppendUint32([]byte{0}, id), encoded...)
		s.commit(record)
	}
	s := newScene(t, stack, 1)
	v1, v2, v3 := made("c1", "m1", 1), made("c1", "m1", 2), made("c1", "m1", 3)
	for _, v := range []version{v1, v2, v3} {
		s.shown(v, to(alice, noon))
	}
	write(s, v1, map[string]any{"contentType": "text", "content": v1.body})
	write(s, v2, map[string]any{"contentType": "text", "content": v1.body})
	write(s, v3, nil)
	s.expect(counts{exposed: 3, inTopic: 3, bodyMismatch: 2})
}
