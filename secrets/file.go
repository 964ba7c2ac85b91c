package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// File is a secret in a file. It is read again when the file is another or was written to:
// a link to it may be switched, as Kubernetes does.
type File struct {
	text
	path string

	mu   sync.Mutex // of reading
	read fs.FileInfo
}

// OpenFile reads a secret from a file.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	return f, f.reread()
}

// Name implements Source.
func (f *File) Name() string { return "the file " + f.path }

// Refresh implements Source.
func (f *File) Refresh(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	if err != nil {
		return f.note(f.wrap(err))
	}
	same := f.read != nil && os.SameFile(now, f.read) &&
		now.ModTime().Equal(f.read.ModTime()) && now.Size() == f.read.Size()
	if same {
		return nil
	}
	return f.reread()
}

// Renew implements Source.
func (f *File) Renew(_ context.Context, refused uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Version() != refused {
		return nil
	}
	return f.reread()
}

func (f *File) reread() error { return f.note(f.readFile()) }

func (f *File) readFile() error {
	file, err := os.Open(f.path)
	if err != nil {
		return f.wrap(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return f.wrap(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New(f.Name() + " is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(file, LongestText+1))
	if err != nil {
		return f.wrap(err)
	}
	if err := f.set(data, f.Name()); err != nil {
		f.read = nil // it is being written perhaps
		return err
	}
	f.read = info
	return nil
}

// wrap takes the path out of an error of the system, which the name has.
func (f *File) wrap(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s: %w", f.Name(), err)
}
