package reload

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// fileFormats are those that a reload reads, by the ending of the name.
var fileFormats = map[string]func(*os.File) (rowReader, error){".csv": csvRows, ".jsonl": jsonRows,
	".ndjson": jsonRows, ".parquet": parquetRows}

// rowReader answers the next row, by column, or io.EOF.
type rowReader func() (map[string]warehouse.Cell, error)

// csvRows reads comma-separated values under a header. An empty field is NULL.
func csvRows(f *os.File) (rowReader, error) {
	buffered := bufio.NewReader(f)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = buffered.Discard(3) // what was just peeked at
	}
	c := csv.NewReader(buffered)
	var header []string
	return func() (map[string]warehouse.Cell, error) {
		if header == nil {
			line, err := c.Read()
			if err != nil {
				return nil, err
			}
			header = line
		}
		line, err := c.Read()
		if err != nil {
			return nil, err
		}
		row := make(map[string]warehouse.Cell, len(line))
		for i, v := range line {
			row[header[i]] = warehouse.Cell{Text: v, Null: v == ""}
		}
		return row, nil
	}, nil
}

// jsonRows reads one JSON object a line. Numbers keep their digits; objects and
// lists stay JSON; what a line leaves out is NULL.
func jsonRows(f *os.File) (rowReader, error) {
	d := json.NewDecoder(f)
	return func() (map[string]warehouse.Cell, error) {
		var line map[string]json.RawMessage
		if err := d.Decode(&line); err != nil {
			return nil, err
		}
		row := make(map[string]warehouse.Cell, len(line))
		for name, raw := range line {
			cell := warehouse.Cell{Text: string(raw), Null: string(raw) == "null"}
			if raw[0] == '"' {
				if err := json.Unmarshal(raw, &cell.Text); err != nil {
					return nil, err
				}
			}
			row[name] = cell
		}
		return row, nil
	}, nil
}

// openedFile is one that is being read.
type openedFile struct {
	path  string
	state string // changes when the file does
	f     *os.File
	next  rowReader
	rows  int64 // read
	seen  map[string]bool
}

func openFile(path string) (*openedFile, error) {
	format := fileFormats[strings.ToLower(filepath.Ext(path))]
	if format == nil {
		return nil, &repair.RefusedError{Why: "want a file that ends in .csv, .jsonl, .ndjson or .parquet"}
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &repair.RefusedError{Why: "there is no such file"}
	}
	if err != nil {
		return nil, err
	}
	out := &openedFile{path: path, f: f, seen: map[string]bool{}}
	if out.state, err = fileState(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if out.next, err = format(f); err != nil {
		return nil, errors.Join(repair.Refuse("%s cannot be read: %v", path, err), f.Close())
	}
	return out, nil
}

func fileState(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d bytes of %s", path, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)), nil
}

// read answers up to n rows of some columns, fewer only at the end.
func (f *openedFile) read(columns []string, n int) (rows warehouse.Rows, err error) {
	for len(rows) < n {
		row, err := f.next()
		if errors.Is(err, io.EOF) {
			return rows, f.complete(columns)
		}
		if err != nil {
			return nil, repair.Refuse("row %d: %v", f.rows+1, err)
		}
		f.rows++
		cells := make([]warehouse.Cell, len(columns))
		for i, name := range columns {
			cell, there := row[name]
			f.seen[name] = f.seen[name] || there
			if cells[i] = cell; !there {
				cells[i].Null = true
			}
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

// complete refuses a file that never had one of the columns: it would be
// emptied in the table.
func (f *openedFile) complete(columns []string) error {
	for _, name := range columns {
		if f.rows > 0 && !f.seen[name] {
			return &repair.RefusedError{Why: "it has no column " + name}
		}
	}
	return nil
}

// countFile reads a file through before it is used, and counts its rows.
func (a *Partition) countFile(path string, details planDetails) (n int64, err error) {
	f, err := openFile(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.f.Close()) }()
	for {
		rows, err := f.read(details.Columns, 1000)
		if err != nil {
			return 0, err
		}
		if len(rows) < 1000 || f.rows > a.MaxRows {
			return f.rows, a.checkRowCount(f.rows, details)
		}
	}
}

// copyFile stages a file in batches; after a crash the next agent skips what
// was staged, unless the file is another by then.
func (l loader) copyFile(ctx context.Context, path string) (err error) {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.f.Close()) }()
	progress, err := l.resume(ctx, f.state, -1)
	if err != nil {
		return err
	}
	for skipped := int64(0); skipped < progress.Rows; {
		rows, err := f.read(l.details.Columns, int(min(1000, progress.Rows-skipped)))
		if err != nil {
			return err
		}
		skipped += int64(len(rows))
	}
	for !progress.Done {
		rows, err := f.read(l.details.Columns, l.action.BatchRows)
		if err != nil {
			return err
		}
		if err := normalizeFileValues(rows, l.details, l.target); err != nil {
			return err
		}
		last := len(rows) < l.action.BatchRows
		if progress, err = l.stageBatch(ctx, progress, rows, last); err != nil {
			return err
		}
		l.run.Failpoint("staging_batch")
	}
	now, err := fileState(path)
	if err == nil && now != f.state {
		err = &repair.TransientError{Err: fmt.Errorf("%s was written while it was read", path)}
		err = errors.Join(err, l.writer.RunFenced(ctx, l.run, "staging",
			func(tx *sql.Tx) error { return l.checkpoint(ctx, tx, batchProgress{}) }))
	}
	return err
}

// normalizeFileValues writes what files spell otherwise as the engines read it: times with a
// T and a zone, truth in engines that keep it as a number, and empty text in
// columns that may not be NULL.
func normalizeFileValues(rows warehouse.Rows, details planDetails, target *warehouse.Table) error {
	for i, name := range details.Columns {
		c := target.Column(name)
		for _, row := range rows {
			cell := &row[i]
			if cell.Null {
				if c.Type.Family == warehouse.Text && !c.Nullable && name != details.Column {
					cell.Null = false
				}
				continue
			}
			if c.Type.Family == warehouse.Boolean || c.Type.Family == warehouse.Integer {
				cell.Text = cmp.Or(booleanAsNumber[cell.Text], cell.Text)
			}
			if c.Type.Family != warehouse.Timestamp && name != details.Column {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, cell.Text)
			if err != nil {
				continue // the engine reads it, or says what is wrong with it
			}
			if _, offset := at.Zone(); offset != 0 && !c.Type.Zoned {
				return repair.Refuse("%s has a zone in %q, and the table's column has none", name, cell.Text)
			}
			cell.Text = at.UTC().Format("2006-01-02 15:04:05.999999")
		}
	}
	return nil
}

// booleanAsNumber is how every engine reads a boolean, also those that keep it as a number.
var booleanAsNumber = map[string]string{"true": "1", "false": "0"}

// sourceRef is a table or a file.
type sourceRef struct {
	table sentinel.Table
	path  string
}

func (s sourceRef) String() string { return cmp.Or(s.path, s.table.String()) }

// sources are those of a plan, in order: tables first, then files.
func (details planDetails) sources() (all []sourceRef) {
	for _, t := range details.Sources {
		all = append(all, sourceRef{table: t})
	}
	for _, f := range details.Files {
		all = append(all, sourceRef{path: f})
	}
	return all
}
