package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// directory keeps backups in a directory, which it creates. Only their owner can read them.
type directory string

// put implements destination. The file gets its name when all of it is on disk.
func (d directory) put(_ context.Context, name, path string) (err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	part := filepath.Join(string(d), name+".part")
	if err = copyFile(path, part); err == nil {
		err = os.Rename(part, filepath.Join(string(d), name))
	}
	if err == nil {
		return nil
	}
	if gone := os.Remove(part); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

func (d directory) get(_ context.Context, name, path string) error {
	return copyFile(filepath.Join(string(d), name), path)
}

func (d directory) list(context.Context) (all []Backup, err error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		info, stat := e.Info()
		if errors.Is(stat, fs.ErrNotExist) {
			continue // it was removed meanwhile
		}
		if stat != nil {
			return nil, stat
		}
		if b, ok := parse(e.Name(), info.Size()); ok && info.Mode().IsRegular() {
			all = append(all, b)
		}
	}
	return all, err
}

func (d directory) remove(_ context.Context, name string) error {
	return os.Remove(filepath.Join(string(d), name))
}

// copyFile copies a file to a new one, and waits for the disk.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
