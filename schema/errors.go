package schema

import "errors"

// The errors of Registry that do not pass by themselves. Every other error of Registry may pass: the registry
// is down, or in trouble; try again later.
var (
	// ErrRegistryConfig is wrapped by NewRegistry for settings that cannot be meant.
	ErrRegistryConfig = errors.New("schema registry settings")

	// ErrNotRegistered is wrapped by Register in lookup mode when the subject does not hold the schema.
	// Somebody has to register it.
	ErrNotRegistered = errors.New("schema is not registered")

	// ErrIncompatible is wrapped by Register and Check when the subject holds schemas that the
	// schema is not compatible with. The text holds the registry's own explanation.
	ErrIncompatible = errors.New("schema is not compatible with the subject's")

	// ErrRegistryRefused is wrapped by Register and Check when the registry refuses the request itself:
	// credentials are missing or wrong, rights are missing, the subject is read-only, the address is
	// no registry's.
	ErrRegistryRefused = errors.New("schema registry refused the request")
)

// IsPermanent reports whether err is one that does not pass by itself.
func IsPermanent(err error) bool {
	for _, permanent := range []error{ErrRegistryConfig, ErrNotRegistered, ErrIncompatible, ErrRegistryRefused} {
		if errors.Is(err, permanent) {
			return true
		}
	}
	return false
}
