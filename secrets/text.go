package secrets

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// LongestText is the largest size of a secret in bytes.
const LongestText = 64 << 10

// keptTexts is the number of former texts that messages are still cleared of.
const keptTexts = 4

// text is what a source has read last. Its zero value is empty. It holds pointers, which no
// verb of fmt follows to the texts.
type text struct {
	mu      sync.RWMutex
	now     *string
	past    []*string
	version uint64
	unread  error
}

// Unread implements Source.
func (t *text) Unread() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.unread
}

// note keeps the outcome of the last time that the text was read, and returns it.
func (t *text) note(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unread = err
	return err
}

// Current implements sentinel.SecretSource.
func (t *text) Current() string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.now == nil {
		return ""
	}
	return *t.now
}

// Past implements settings.Past.
func (t *text) Past() (past []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, p := range t.past {
		past = append(past, *p)
	}
	return past
}

// Version implements Source.
func (t *text) Version() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.version
}

// set keeps a text that was read. It takes the line ends off that editors and commands add.
func (t *text) set(read []byte, name string) error {
	if len(read) > LongestText {
		return fmt.Errorf("%s is longer than %d KB: is it the right one?", name, LongestText>>10)
	}
	now := strings.TrimRight(string(read), "\r\n")
	switch {
	case strings.TrimSpace(now) == "":
		return errors.New(name + " is empty")
	case !utf8.ValidString(now) || strings.ContainsRune(now, 0):
		return errors.New(name + " holds bytes that are no text")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != nil && now == *t.now {
		return nil
	}
	if t.now != nil {
		t.past = append(t.past, t.now)
		t.past = t.past[max(0, len(t.past)-keptTexts):]
	}
	t.now = &now
	t.version++
	return nil
}
