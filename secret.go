package sentinel

import "log/slog"

// Secret is a string that must not be shown: a DSN, a token, a key. Every
// formatted form is "***"; [Secret.Reveal] is the one way to the text, so that
// uses of it can be found.
type Secret string

// Reveal returns the secret text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "***", or "" when there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString keeps %#v from showing the text.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from showing the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps slog from showing the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
