package demo

import "errors"

var (
	// ErrOption reports an option with an invalid value. Retrying does not help.
	ErrOption = errors.New("invalid option")
	// ErrVerdict reports that the judge found messages missing, duplicated or reordered. The
	// verdict was printed.
	ErrVerdict = errors.New("the verdict is negative")
)
