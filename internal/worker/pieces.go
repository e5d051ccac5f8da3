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
	// recordHeaders is how many headers a record has.
	recordHeaders = 7
	// largeRecord is of how many bytes a record has its own memory.
	largeRecord = pieceBytes / 8
)

// room gives memory that a record of about so many bytes may be appended to; keep takes back what was made of it. A record that turns
// out to be larger is moved.
func (p *pieces) room(bytes int) []byte {
	if bytes >= largeRecord {
		return make([]byte, 0, bytes)
	}
	if cap(p.text)-len(p.text) < bytes {
		p.text = make([]byte, 0, pieceBytes)
	}
	return p.text
}

// keep makes the next record use what is behind the text of this one, for which room was asked for so many bytes.
func (p *pieces) keep(text []byte, bytes int) {
	if bytes < largeRecord {
		p.text = text
	}
}

// record takes the next record, with room for its headers.
func (p *pieces) record() *kgo.Record {
	if len(p.records) == cap(p.records) {
		p.records = make([]kgo.Record, 0, pieceRecords)
	}
	if cap(p.headers)-len(p.headers) < recordHeaders {
		p.headers = make([]kgo.RecordHeader, 0, recordHeaders*pieceRecords)
	}
	p.records = append(p.records, kgo.Record{})
	return &p.records[len(p.records)-1]
}

// since is what was appended since something was so long.
func since[T any](s []T, from int) []T { return slices.Clip(s[from:]) }
