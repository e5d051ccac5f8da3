package offsetsadmin

import "errors"

// ErrRefused reports a command that would do harm or that names a user without a position. Nothing
// was written; the text says what to change before trying again.
var ErrRefused = errors.New("refused")
