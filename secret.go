package sentinel

import "log/slog"

// Secret is a text that must not be shown, such as a DSN, a token or a key. Every
// formatted form is "***". Only [Secret.Reveal] returns the text, so a search for it
// finds all uses. The zero value is no secret.
type Secret struct {
	source SecretSource // a pointer, so that no formatting verb follows it to the text
}

// SecretSource is where the text of a secret comes from. It may change while the agent
// runs. Implementations are pointers.
type SecretSource interface {
	// Current returns the text as it was last read. It does no I/O, and may be called
	// concurrently.
	Current() string
}

// fixedSecret holds a pointer: fmt follows none below the first level, not even in fields that
// are not exported.
type fixedSecret struct{ text *string }

// Current implements SecretSource.
func (f *fixedSecret) Current() string { return *f.text }

// NewSecret returns a secret with a text that does not change. An empty text is no secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&fixedSecret{&text}}
}

// SecretFrom returns the secret that a source has.
func SecretFrom(s SecretSource) Secret { return Secret{s} }

// Source returns where the text comes from; nil if there is no secret.
func (s Secret) Source() SecretSource { return s.source }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.source == nil }

// Reveal returns the secret text as it was last read.
func (s Secret) Reveal() string {
	if s.source == nil {
		return ""
	}
	return s.source.Current()
}

// String returns "***", or "" if there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return "***"
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the text from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
