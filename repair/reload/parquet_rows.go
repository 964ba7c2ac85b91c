package reload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// parquetFileRows reads the columns of a file side by side. Columns without a place in a
// table are not read at all.
type parquetFileRows struct {
	f       *os.File
	file    *parquet.File
	columns []*parquetColumn
	group   int   // that is read
	rows    int64 // that the group still has
	left    int64 // decompressed bytes that the file may still have
}

// parquetColumn is a column that has one value a row.
type parquetColumn struct {
	name     string
	index    int // among all columns of the file
	optional bool
	read     func(parquet.Value) (warehouse.Value, error)

	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer [64]parquet.Value
	have   []parquet.Value // of the buffer
}

// next returns the next row, or io.EOF.
func (r *parquetFileRows) next(ctx context.Context) (map[string]warehouse.Value, error) {
	for r.rows == 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.group++; r.group >= len(r.file.RowGroups()) {
			return nil, errors.Join(io.EOF, r.close())
		}
		if err := r.open(ctx); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	r.rows--
	row := make(map[string]warehouse.Value, len(r.columns))
	for _, c := range r.columns {
		value, err := c.next()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("column %s: %w", c.name, err), r.close())
		}
		row[c.name] = value
	}
	return row, nil
}

// open begins a row group.
func (r *parquetFileRows) open(ctx context.Context) error {
	group := &r.file.Metadata().RowGroups[r.group]
	r.rows = group.NumRows
	if r.rows < 0 {
		return errors.New("it has less than no rows")
	}
	for _, c := range r.columns {
		meta := &group.Columns[c.index].MetaData
		if meta.NumValues != r.rows {
			return fmt.Errorf("column %s has %d values for %d rows", c.name, meta.NumValues, r.rows)
		}
		check := chunkCheck{f: r.f, meta: meta, optional: c.optional, left: &r.left}
		if err := check.check(ctx); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		if err := c.close(); err != nil {
			return err
		}
		c.pages = r.file.RowGroups()[r.group].ColumnChunks()[c.index].Pages()
	}
	return nil
}

func (r *parquetFileRows) close() (err error) {
	for _, c := range r.columns {
		err = errors.Join(err, c.close())
	}
	return err
}

func (c *parquetColumn) close() (err error) {
	parquet.Release(c.page)
	if c.pages != nil {
		err = c.pages.Close()
	}
	c.pages, c.page, c.values, c.have = nil, nil, nil, nil
	return err
}

// next returns the column's next value.
func (c *parquetColumn) next() (warehouse.Value, error) {
	for len(c.have) == 0 {
		if err := c.fill(); err != nil {
			return warehouse.Value{}, err
		}
	}
	v := c.have[0]
	c.have = c.have[1:]
	if v.IsNull() {
		return warehouse.Value{}, nil
	}
	return c.read(v)
}

// fill reads the next values of the page, or of the next page.
func (c *parquetColumn) fill() error {
	if c.values != nil {
		n, err := c.values.ReadValues(c.buffer[:])
		if c.have = c.buffer[:n]; n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		parquet.Release(c.page)
		c.page, c.values = nil, nil
	}
	page, err := c.pages.ReadPage()
	if errors.Is(err, io.EOF) {
		return errors.New("it has less values than its metadata says")
	}
	if err != nil {
		return err
	}
	c.page, c.values = page, page.Values()
	return nil
}
