package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
)

// DeadLetter returns the value of the dead letter of an item that cannot become a record: the item
// itself, whole, as long as the policy leaves nothing out (invariant 1). Ask Policy.Excludes first.
//
// If the policy leaves bodies out, it is the item's JSON without what a record would not hold either
// (the bad time that made it a dead letter belongs to that, the error names it).
//
// Of an item that is malformed there is no telling what is a body, nor which chat it belongs to. If the
// policy leaves anything out, only its SHA-256 in hexadecimal and its length in bytes are kept:
// {"sha256":"…","length":…}.
//
// The result never shares memory with item.
func DeadLetter(item []byte, policy Policy) []byte {
	if !policy.DropBody && len(policy.ExcludeChats) == 0 {
		return bytes.Clone(item)
	}
	m, err := new(Converter).read(item)
	if err == nil || errors.Is(err, ErrTime) {
		if !policy.DropBody {
			return bytes.Clone(item)
		}
		policy.apply(m)
		if rest, err := JSON(m); err == nil {
			return rest
		}
	}
	sum := sha256.Sum256(item)
	letter := append([]byte(`{"sha256":"`), hex.EncodeToString(sum[:])...)
	letter = append(letter, `","length":`...)
	letter = strconv.AppendInt(letter, int64(len(item)), 10)
	return append(letter, '}')
}
