package offsets

import (
	"bytes"
	"encoding/json"
	"fmt"
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
// source partition.
func (k Key) Bytes() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode([]any{k.Connector, partition{k.Tenant, k.User}}); err != nil {
		panic("offsets: text always encodes: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ParseKey reads a key whatever its spacing and the order of its members. Every error wraps ErrFormat.
func ParseKey(key []byte) (Key, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(key, &parts); err != nil || len(parts) != 2 {
		return Key{}, fmt.Errorf("%w: the key is no JSON array of two", ErrFormat)
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
