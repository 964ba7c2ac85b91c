package exporters

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// lines appends whole lines to standard output, or to a file that it rotates by size.
type lines struct {
	mu   sync.Mutex
	file *os.File
	size int64
}

// write appends lines. It first renames path to path.1 if the file reaches keep bytes.
func (l *lines) write(path string, keep int64, data []byte) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if path == "" {
		_, err := os.Stdout.Write(data)
		return err
	}
	if l.file == nil {
		if l.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			l.file = nil
			return err
		}
		if l.size, err = l.file.Seek(0, io.SeekEnd); err != nil {
			return err
		}
	}
	n, err := l.file.Write(data)
	l.size += int64(n)
	if err != nil || l.size < keep {
		return err
	}
	err = l.file.Close()
	l.file = nil
	return errors.Join(err, os.Rename(path, path+".1"))
}

func (l *lines) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// encodeLines encodes one JSON object per line.
func encodeLines[T any](values []T) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// exact is a value whose JSON form is a number with every digit, or null if absent.
type exact sentinel.Number

// MarshalJSON implements json.Marshaler.
func (n exact) MarshalJSON() ([]byte, error) {
	v := sentinel.Number(n)
	if !v.Finite() {
		return []byte("null"), nil
	}
	return []byte(v.String()), nil
}

func positive(name string, v int64) error {
	if v < 0 {
		return settings.Wrong(name, "must be positive")
	}
	return nil
}
