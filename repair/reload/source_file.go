package reload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// fileFormats are the supported formats, by the extension of the file's name.
var fileFormats = map[string]func(context.Context, *os.File) (rowReader, error){csvFile: csvRows, ".jsonl": jsonRows,
	".ndjson": jsonRows, rowvalues.ParquetFile: parquetRows}

const csvFile = ".csv"

// rowReader reads the rows of a file.
type rowReader struct {
	// next returns the next row by column, or io.EOF.
	next func() (map[string]warehouse.Value, error)
	// types are the types of the columns. It is nil if all values are texts in the form of
	// the table's type.
	types map[string]warehouse.Type
}

// openedFile is a file that is being read.
type openedFile struct {
	path  string
	state string // changes when the file changes
	f     *os.File
	rowReader
	ctx  context.Context // of the step that reads the file
	rows int64           // number of rows read
	seen map[string]bool
}

func openFile(ctx context.Context, path string) (*openedFile, error) {
	format := fileFormats[strings.ToLower(filepath.Ext(path))]
	if format == nil {
		return nil, &repair.RefusedError{Why: "want a file that ends in .csv, .jsonl, .ndjson or .parquet"}
	}
	info, err := os.Stat(path) // first: opening a pipe would wait for its writer
	if errors.Is(err, os.ErrNotExist) {
		return nil, &repair.RefusedError{Why: "there is no such file"}
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, &repair.RefusedError{Why: path + " is not a regular file"}
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	out := &openedFile{path: path, f: f, seen: map[string]bool{}}
	if out.state, err = fileState(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if out.rowReader, err = format(ctx, f); err != nil && ctx.Err() == nil {
		err = repair.Refuse("%s cannot be read: %v", path, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	out.ctx = ctx
	return out, nil
}

func fileState(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d bytes of %s", path, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)), nil
}

// batchBytes bounds the values of a batch, so that a batch of wide rows is a short one.
const batchBytes = 32 << 20

// read returns up to n rows of some columns. last reports the end of the file.
func (f *openedFile) read(columns []string, n int) (rows [][]warehouse.Value, last bool, err error) {
	for size := 0; len(rows) < n && size < batchBytes; {
		row, err := f.next()
		if errors.Is(err, io.EOF) {
			return rows, true, f.complete(columns)
		}
		if stopped := f.ctx.Err(); stopped != nil {
			return nil, false, stopped
		}
		if err != nil {
			return nil, false, repair.Refuse("row %d: %v", f.rows+1, err)
		}
		f.rows++
		values := make([]warehouse.Value, len(columns))
		for i, name := range columns {
			v, there := row[name]
			f.seen[name] = f.seen[name] || there
			values[i] = v
			size += len(v.Text)
		}
		rows = append(rows, values)
	}
	return rows, false, nil
}

// complete refuses a file in which no row had one of the columns. A reload would set
// that column to NULL everywhere.
func (f *openedFile) complete(columns []string) error {
	for _, name := range columns {
		if f.rows > 0 && !f.seen[name] {
			return &repair.RefusedError{Why: "it has no column " + name}
		}
	}
	return nil
}

// pairs pairs the columns of the file with those to be loaded.
func (f *openedFile) pairs(details planDetails) ([]rowvalues.Pair, error) {
	out := make([]rowvalues.Pair, len(details.Columns))
	for i, name := range details.Columns {
		text := warehouse.Type{Native: "text", Family: rowvalues.FileText}
		from := rowvalues.Side{Engine: strings.ToLower(filepath.Ext(f.path)), UTC: details.UTC, Type: text}
		if f.types != nil {
			t, found := f.types[name]
			if !found {
				return nil, &repair.RefusedError{Why: "it has no column " + name}
			}
			from.Type = t
		}
		p, err := rowvalues.NewPair(name, from, details.side(i))
		if err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
		out[i] = p
	}
	return out, nil
}

// inspectFile pairs the columns of a file. Then it reads the whole file to check it before
// it is used, and counts its rows.
func (a *Partition) inspectFile(
	ctx context.Context, path string, details planDetails,
) (n int64, pairs []rowvalues.Pair, err error) {
	f, err := openFile(ctx, path)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, f.f.Close()) }()
	if pairs, err = f.pairs(details); err != nil {
		return 0, nil, err
	}
	for {
		_, last, err := f.read(details.Columns, 1000)
		if err != nil {
			return 0, nil, err
		}
		if last || f.rows > a.MaxRows {
			return f.rows, pairs, a.checkRowCount(f.rows, details)
		}
	}
}

// copyFile stages a file in batches. After a crash the next agent skips the staged
// rows, unless the file has changed.
func (l loader) copyFile(ctx context.Context, path string, pairs []rowvalues.Pair) (copied copiedRows, err error) {
	f, err := openFile(ctx, path)
	if err != nil {
		return copied, err
	}
	defer func() { err = errors.Join(err, f.f.Close()) }()
	progress, err := l.resume(ctx, f.state, -1)
	if err != nil {
		return copied, err
	}
	carrier, err := l.newCarrier(pairs, progress.Digest)
	if err != nil {
		return copied, err
	}
	copied.resumed = progress.Rows > 0
	if copied.resumed {
		carrier.index = &rowvalues.Index{} // it would lack the rows of the agent before
	}
	for skipped := int64(0); skipped < progress.Rows; {
		rows, _, err := f.read(l.details.Columns, int(min(1000, progress.Rows-skipped)))
		if err != nil {
			return copied, err
		}
		if skipped += int64(len(rows)); len(rows) == 0 {
			break
		}
	}
	for !progress.Done {
		rows, last, err := f.read(l.details.Columns, l.action.BatchRows)
		if err != nil {
			return copied, err
		}
		l.keepEmptyTexts(f, rows)
		if progress, err = l.stageBatch(ctx, progress, carrier, rows, last); err != nil {
			return copied, err
		}
		l.run.Failpoint("staging_batch")
	}
	copied.sum, copied.index = progress.Digest, carrier.index
	now, err := fileState(path)
	if err == nil && now != f.state {
		err = l.restage(ctx, "it was written while it was read")
	}
	return copied, err
}

// keepEmptyTexts makes empty texts of the NULLs of a CSV file, which cannot tell the two
// apart, in columns of texts that may not be NULL.
func (l loader) keepEmptyTexts(f *openedFile, rows [][]warehouse.Value) {
	if !strings.EqualFold(filepath.Ext(f.path), csvFile) {
		return
	}
	for i, name := range l.details.Columns {
		c := l.target.Column(name)
		if c.Type.Family != warehouse.Text || c.Nullable || name == l.details.Column {
			continue
		}
		for _, row := range rows {
			if row[i].Null() {
				row[i].Kind = warehouse.TextValue
			}
		}
	}
}

// sourceRef is a table or a file.
type sourceRef struct {
	table sentinel.Table
	path  string
}

func (s sourceRef) String() string { return cmp.Or(s.path, s.table.String()) }

// sources returns the sources of a plan in order: tables first, then files.
func (details planDetails) sources() (all []sourceRef) {
	for _, t := range details.Sources {
		all = append(all, sourceRef{table: t})
	}
	for _, f := range details.Files {
		all = append(all, sourceRef{path: f})
	}
	return all
}
