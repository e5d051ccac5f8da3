package judge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of a record, CloudEvents 1.0 in binary mode.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerType        = "ce_type"
	headerSource      = "ce_source"
	headerSubject     = "ce_subject"
	headerTime        = "ce_time"
	headerContentType = "content-type"

	specVersion  = "1.0"
	sourcePrefix = "https://graph.microsoft.com/tenants/"
)

// eventTypes are the values ce_type may have.
var eventTypes = []string{
	"com.microsoft.graph.chatMessage.created",
	"com.microsoft.graph.chatMessage.updated",
	"com.microsoft.graph.chatMessage.deleted",
}

// records holds what the output topic is checked against, and counts what it finds.
type records struct {
	config  *Config
	ledger  *ledger
	decoder *decoder
	verdict *Verdict
	samples *samples
}

// read takes one record of the output topic. An error says that there can be no judgment.
func (r *records) read(ctx context.Context, record *kgo.Record) error {
	var decoded chatMessage
	if err := r.decoder.decode(ctx, record.Value, &decoded); err != nil {
		if errors.Is(err, errValue) {
			r.verdict.find(Undecodable, "%s: %v", place(record), err)
			return nil
		}
		return err
	}
	if decoded.ChatID == nil || decoded.ID == nil {
		r.verdict.find(Undecodable, "%s: the value has no chatId or id", place(record))
		return nil
	}
	etag := decoded.etag()
	at := r.ledger.find(*decoded.ChatID, *decoded.ID, etag)
	if at == none {
		r.verdict.find(Unknown, "%s: chat %s message %s etag %s was never made", place(record), *decoded.ChatID, *decoded.ID, etag)
		return nil
	}
	v := &r.ledger.versions[at]
	if v.showing == none {
		r.verdict.find(Unknown, "%s: %s was never shown to anybody", place(record), r.ledger.name(at))
		return nil
	}
	r.samples.take(record, r.decoder)

	if faults := r.contradictions(record, &decoded, at); len(faults) > 0 {
		r.verdict.find(Mismatched, "%s: %s: %s", place(record), r.ledger.name(at), strings.Join(faults, ", "))
	}
	if !r.config.BodiesDropped && !v.hasBody(decoded.content()) {
		r.verdict.find(BodyMismatch, "%s: %s: the body is not the one that was shown", place(record), r.ledger.name(at))
	}
	if v.records > 0 {
		r.verdict.find(Duplicated, "%s: %s is already at partition %d offset %d",
			place(record), r.ledger.name(at), v.partition, v.offset)
	} else {
		v.partition, v.offset, v.written = record.Partition, record.Offset, record.Timestamp.UnixMilli()
	}
	v.records++
	r.order(record, at)
	return nil
}

// order checks that a chat stays in its partition, and that a message's versions do not go back.
func (r *records) order(record *kgo.Record, at int32) {
	v := &r.ledger.versions[at]
	m := &r.ledger.messages[v.message]
	c := &r.ledger.chats[m.chat]
	if c.partition == none {
		c.partition = record.Partition
	}
	if c.partition != record.Partition {
		r.verdict.find(Reordered, "%s: %s: the chat is in partition %d too", place(record), r.ledger.name(at), c.partition)
		return
	}
	if m.seen && v.seq < m.lastSeq {
		r.verdict.find(Reordered, "%s: %s comes after seq %d at offset %d",
			place(record), r.ledger.name(at), m.lastSeq, m.lastAt)
		return
	}
	m.seen, m.lastSeq, m.lastAt = true, v.seq, record.Offset
}

// contradictions compares key, headers, value and ledger.
func (r *records) contradictions(record *kgo.Record, decoded *chatMessage, at int32) []string {
	var faults []string
	check := func(holds bool, fault string) {
		if !holds {
			faults = append(faults, fault)
		}
	}
	headers := make(map[string]string, len(record.Headers))
	for _, header := range record.Headers {
		if _, twice := headers[header.Key]; twice {
			faults = append(faults, header.Key+" is given twice")
		}
		headers[header.Key] = string(header.Value)
	}
	chatID, id := *decoded.ChatID, *decoded.ID
	check(string(record.Key) == chatID, "the key is not the chatId")
	check(headers[headerSpecVersion] == specVersion, "ce_specversion is not 1.0")
	check(headers[headerID] == chatID+"/"+id+"/"+decoded.etag(), "ce_id is not chatId/id/etag")
	check(headers[headerSubject] == id, "ce_subject is not the id")
	check(slices.Contains(eventTypes, headers[headerType]), "ce_type is not one of created, updated, deleted")
	tenant, sourced := strings.CutPrefix(headers[headerSource], sourcePrefix)
	check(sourced && tenant != "" && (r.config.Tenant == "" || tenant == r.config.Tenant), "ce_source does not name the tenant")
	check(headers[headerContentType] != "", "content-type is missing")

	inValue, timed := decoded.time()
	check(timed, "the value has no time")
	inHeader, err := time.Parse(time.RFC3339Nano, headers[headerTime])
	check(err == nil && timed && inHeader.Equal(inValue), "ce_time is not the value's time")
	if !r.ledger.versions[at].bad {
		check(timed && r.ledger.hasTime(at, inValue.UnixMilli()), "the time is not the one that was shown")
	}
	return faults
}

// hasBody compares a content with the one in the ledger, if the ledger has one.
func (v *version) hasBody(content *string) bool {
	switch v.bodyState {
	case bodyNull:
		return content == nil || *content == ""
	case bodyHashed:
		if content == nil {
			return false
		}
		sum := sha256.Sum256([]byte(*content))
		return [16]byte(sum[:16]) == v.body
	default:
		return true
	}
}

// place writes where a record is, for an example line.
func place(record *kgo.Record) string {
	return fmt.Sprintf("%s partition %d offset %d", record.Topic, record.Partition, record.Offset)
}
