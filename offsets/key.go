package offsets

import (
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Key names a position: the connector's name, the tenant id and the user as configured or
// discovered (an id, or a user principal name).
type Key struct {
	Connector, Tenant, User string
}

type partition struct {
	Tenant string `json:"tenant"`
	User   string `json:"user"`
}

// Bytes encodes a key as Kafka Connect writes it: a JSON array of the connector's name and the
// source partition, without spaces, escaped as Connect's JsonConverter escapes it, and with its members in the order in which a
// Java HashMap of any usual size has them, which is what Connect makes of a partition that it has read. It matters that the bytes
// are the same, because compaction, partitioners and Connect's look-up compare bytes.
func (k Key) Bytes() []byte {
	b := append([]byte(nil), '[')
	b = appendText(b, k.Connector)
	b = append(b, `,{"user":`...)
	b = appendText(b, k.User)
	b = append(b, `,"tenant":`...)
	b = appendText(b, k.Tenant)
	return append(b, "}]"...)
}

// appendText appends a JSON string as Connect's converter does: only what JSON demands is escaped, with
// capital digits, and characters beyond the Basic Multilingual Plane as their two surrogates.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' && shortEscapes[r] != 0:
			b = append(b, '\\', shortEscapes[r])
		case r < ' ':
			b = fmt.Appendf(b, `\u%04X`, r)
		case r > '\uFFFF':
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04X\u%04X`, high, low)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

var shortEscapes = [' ']byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

// ParseKey reads a key whatever its spacing and the order of its members. Every error wraps ErrFormat.
func ParseKey(key []byte) (Key, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(key, &parts); err != nil || len(parts) != 2 {
		return Key{}, fmt.Errorf("%w: the key is not a JSON array of two", ErrFormat)
	}
	var k Key
	if err := json.Unmarshal(parts[0], &k.Connector); err != nil {
		return Key{}, fmt.Errorf("%w: the key does not begin with a connector's name", ErrFormat)
	}
	var p partition
	if err := json.Unmarshal(parts[1], &p); err != nil || p.Tenant == "" || p.User == "" {
		return Key{}, fmt.Errorf("%w: the key's partition has no tenant and user", ErrFormat)
	}
	k.Tenant, k.User = p.Tenant, p.User
	return k, nil
}
