package config

import "log/slog"

const redacted = "[redacted]"

// Secret is text that cannot be printed by accident: every way of formatting it gives [redacted]. It is in
// a variable, or in a file that is read again for each use.
type Secret struct {
	value string
	file  *file[string]
}

// NewSecret makes a secret.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the text itself as it is now, for the one place that needs it. Call it for each use and do
// not keep it, so that a rotated secret needs no restart.
func (s Secret) Reveal() string {
	if s.file != nil {
		return s.file.get()
	}
	return s.value
}

// IsSet reports whether there is any text.
func (s Secret) IsSet() bool { return s.value != "" || s.file != nil }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
