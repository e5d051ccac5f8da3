package transform

import "errors"

// The errors of this package. None is worth a second try: the same item fails the same way for ever,
// so it belongs into the dead letters, whole. No text holds a value of the item.
var (
	// ErrUnidentified is wrapped by the errors of Identify: the item has no usable identity. The text
	// names the property.
	ErrUnidentified = errors.New("item has no usable identity")

	// ErrMalformed is wrapped by the errors of Message for what is no JSON object, names a member
	// twice, or holds bytes that are no UTF-8. The text gives the offset in bytes.
	ErrMalformed = errors.New("item is malformed")

	// ErrTime is wrapped by the errors of Message for an item whose own created, modified, edited or
	// deleted time is no time. The text names the property.
	ErrTime = errors.New("item has a time that is none")

	// ErrForeignRecord is wrapped by IdentityFromHeaders for a record this connector did not write.
	ErrForeignRecord = errors.New("record was not written by this connector")

	// ErrForeignPointer is wrapped by JSON for a record whose unmapped map names a place that the
	// record does not have. Message makes no such record.
	ErrForeignPointer = errors.New("unmapped names a place that the record does not have")
)
