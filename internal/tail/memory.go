package tail

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// memory serves one batch after the other. Without it a topic that is read back leaves several times its size behind.
type memory struct{ texts, records sync.Pool }

// GetDecompressBytes gives what a batch of before took, or nothing: then as much as the batch needs is made.
func (m *memory) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte {
	if text, ok := m.texts.Get().(*[]byte); ok {
		return *text
	}
	return nil
}

func (m *memory) PutDecompressBytes(text []byte) { m.texts.Put(&text) }

// GetRecords gives what a batch of before took, or nothing; the client makes it as long as it needs.
func (m *memory) GetRecords(int) []kgo.Record {
	if records, ok := m.records.Get().(*[]kgo.Record); ok {
		return *records
	}
	return nil
}

func (m *memory) PutRecords(records []kgo.Record) { m.records.Put(&records) }
