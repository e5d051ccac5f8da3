package worker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// pieces is the memory that records on their way to Kafka are made of, in large pieces, each used for many records until it
// is full and then left to the collector: allocating each of a record's parts for itself, and marking them, was a tenth of what a
// message costs. Nothing is used a second time.
type pieces struct {
	text    []byte // values, keys and headers
	headers []kgo.RecordHeader
	records []kgo.Record
}

const (
	pieceBytes   = 64 << 10
	pieceRecords = 64
	// headersOfRecord is how many headers a record has.
	headersOfRecord = 7
)

// room begins new pieces unless a record of so many bytes has room in the present ones. A record that is larger all the same is moved.
func (p *pieces) room(bytes int) {
	if cap(p.text)-len(p.text) < bytes {
		p.text = make([]byte, 0, max(bytes, pieceBytes))
	}
	if cap(p.headers)-len(p.headers) < headersOfRecord {
		p.headers = make([]kgo.RecordHeader, 0, headersOfRecord*pieceRecords)
	}
	if len(p.records) == cap(p.records) {
		p.records = make([]kgo.Record, 0, pieceRecords)
	}
}

// record takes the next record, which room has made sure of.
func (p *pieces) record() *kgo.Record {
	p.records = append(p.records, kgo.Record{})
	return &p.records[len(p.records)-1]
}

// since is what was appended since something was so long.
func since[T any](s []T, from int) []T { return slices.Clip(s[from:]) }
