// Package rules holds the recording rules and alerts for Prometheus that come
// with Sentinel. Begin with [Files] and [Export].
package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Files are the rule files.
//
//go:embed *.rules.yaml
var Files embed.FS

// Export writes the rule files into a folder and returns their paths. It does not
// overwrite an existing file that differs, and returns an error, unless force is set.
func Export(dir string, force bool) (written []string, err error) {
	return ExportFS(Files, dir, force)
}

// ExportFS writes the files of f into a folder, see [Export].
func ExportFS(f fs.FS, dir string, force bool) (written []string, err error) {
	err = fs.WalkDir(f, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(f, name)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		there, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(there, data):
			written = append(written, path)
			return nil
		case err == nil && !force:
			return fmt.Errorf("%s exists and differs: move it away, or overwrite it with --force", path)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		written = append(written, path)
		return os.WriteFile(path, data, 0o644)
	})
	return written, err
}
