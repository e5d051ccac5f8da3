package oauth

import (
	"errors"
	"fmt"
)

// MaxToken bounds an access token, in bytes. Entra's are a few thousand; servers refuse headers of more
// than some tens of thousands.
const MaxToken = 64 << 10

// CheckToken returns an error if a token cannot be sent: it is empty, longer than MaxToken, or has a byte
// that is not visible ASCII. The error holds nothing of the token.
func CheckToken(token string) error {
	if token == "" {
		return errors.New("the token is empty")
	}
	if len(token) > MaxToken {
		return fmt.Errorf("the token has %d bytes, more than %d", len(token), MaxToken)
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return errors.New("the token has a byte that is not visible ASCII")
		}
	}
	return nil
}
