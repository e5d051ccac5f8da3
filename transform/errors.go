package transform

import "errors"

// The errors of this package. Do not retry: the same item always fails the same way, so it goes to the
// dead letters, whole. No error text contains a value of the item.
var (
	// ErrUnidentified means that an item has no usable identity. Identify returns it; the text names
	// the property.
	ErrUnidentified = errors.New("item has no usable identity")

	// ErrMalformed means that an item is not a JSON object, has a duplicate member name, or contains
	// invalid UTF-8. Message returns it; the text gives the offset in bytes.
	ErrMalformed = errors.New("item is malformed")

	// ErrTime means that the created, modified, edited or deleted time of an item is invalid. Message
	// returns it; the text names the property.
	ErrTime = errors.New("item has an invalid time")

	// ErrForeignRecord means that this connector did not write a record. IdentityFromHeaders returns it.
	ErrForeignRecord = errors.New("record was not written by this connector")

	// ErrForeignPointer means that unmapped names a place the record does not have. JSON returns it;
	// Message never makes such a record.
	ErrForeignPointer = errors.New("unmapped names a place that the record does not have")
)
