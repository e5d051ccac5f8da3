package convert

import "errors"

var (
	// ErrOption reports an option with an invalid value. Retrying does not help.
	ErrOption = errors.New("invalid option")
	// ErrIncomplete reports that the whole input was read, but not every item became a record.
	// Each such item was reported before.
	ErrIncomplete = errors.New("not every item became a record")
)
