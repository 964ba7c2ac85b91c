// Package benchmark runs detectors over labelled series, scores what they say,
// and draws it.
package benchmark

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

var layouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05.999999", "2006-01-02 15:04", "2006-01-02", time.RFC3339}

func parseTime(s string) (time.Time, error) {
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}

// Row is one line of a series, with its time as it was written.
type Row struct {
	Text  string
	Point sentinel.Point
}

// ReadSeries reads a CSV with the columns timestamp and value.
func ReadSeries(path string) (rows []Row, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at, value := slices.Index(header, "timestamp"), slices.Index(header, "value")
	if at < 0 || value < 0 {
		return nil, fmt.Errorf("%s: want the columns timestamp and value", path)
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t, err := parseTime(record[at])
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		v, err := strconv.ParseFloat(record[value], 64)
		if record[value] == "" { // a time without a value: nothing is said of it
			v, err = math.NaN(), nil
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		rows = append(rows, Row{record[at], sentinel.Point{Time: t, Value: v}})
	}
}

// Names reads a labels file for its names alone: the keys of an object, or a list.
func Names(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var labels map[string]json.RawMessage
	if err := json.Unmarshal(data, &labels); err == nil {
		return slices.Sorted(maps.Keys(labels)), nil
	}
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, fmt.Errorf("%s: want an object with the files' names as keys: %w", path, err)
	}
	return names, nil
}

// Replay runs a detector over a series, online.
func Replay(detector string, c anomaly.Config, rows []Row) ([]sentinel.Score, error) {
	d, err := anomaly.New(detector)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	out := make([]sentinel.Score, len(rows))
	for i, r := range rows {
		out[i] = d.Observe(c, r.Point)
	}
	return out, nil
}

// Backtest writes timestamp,value,score for every file named in labels, read
// from dir, to the same relative path under out. An alarm is a score of 0.5 and
// above, at the onset of an episode alone. The labels' windows are not read.
func Backtest(dir, labels, detector, out string) (files int, err error) {
	names, err := Names(labels)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			return files, fmt.Errorf("%s: %q leads out of the folder", labels, name)
		}
		rows, err := ReadSeries(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) { // names relative to the set's own folder: nab_windows.json of nab/
			set, _, _ := strings.Cut(filepath.Base(labels), "_windows")
			rows, err = ReadSeries(filepath.Join(dir, set, name))
		}
		if err != nil {
			return files, err
		}
		scores, err := Replay(detector, anomaly.Config{Detector: detector}, rows)
		if err != nil {
			return files, err
		}
		if err := write(filepath.Join(out, name), rows, scores); err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}

func write(path string, rows []Row, scores []sentinel.Score) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return WriteScores(f, rows, scores)
}

// WriteScores writes timestamp,value,score lines, times as they were read.
func WriteScores(to io.Writer, rows []Row, scores []sentinel.Score) error {
	lines := [][]string{{"timestamp", "value", "score"}}
	for i, r := range rows {
		lines = append(lines, []string{r.Text, strconv.FormatFloat(r.Point.Value, 'g', -1, 64), strconv.FormatFloat(scores[i].Score, 'f', 4, 64)})
	}
	return csv.NewWriter(to).WriteAll(lines)
}
