// Package backtest replays recorded series through the anomaly detectors. It reads
// series and labels (series.go), replays them and compares alarms with labels
// (replay.go), and draws the outcome (plot.go). Begin with [Compare].
package backtest

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
	"slices"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// layouts holds the formats of times in series and labels.
var layouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05.999999",
	"2006-01-02 15:04",
	"2006-01-02",
	time.RFC3339,
}

// ParseTime reads a time of a series or of a label. A time without a zone is in UTC.
func ParseTime(s string) (time.Time, error) {
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}

// Row is one line of a series.
type Row struct {
	Text  string // time as written in the file
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
		t, err := ParseTime(record[at])
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		v, err := strconv.ParseFloat(record[value], 64)
		if record[value] == "" { // the detector does not judge a time without a value
			v, err = math.NaN(), nil
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		rows = append(rows, Row{record[at], sentinel.Point{Time: t, Value: v}})
	}
}

// Names reads only the file names of a labels file: the keys of an object, or a list.
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

// Window is a labelled span of time: the texts of its first and last time.
type Window [2]string

// Times parses both ends of the window.
func (w Window) Times() (from, to time.Time, err error) {
	if from, err = ParseTime(w[0]); err != nil {
		return from, to, err
	}
	to, err = ParseTime(w[1])
	return from, to, err
}

// Labels maps the relative path of a file to its labelled windows.
type Labels map[string][]Window

// ReadLabels reads labels in the format of the Numenta Anomaly Benchmark:
// {"dir/file.csv": [["start", "end"], ...]}.
func ReadLabels(path string) (Labels, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var l Labels
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// WriteScores writes lines of timestamp,value,score. Timestamps are as they were read.
func WriteScores(to io.Writer, rows []Row, scores []sentinel.Score) error {
	lines := [][]string{{"timestamp", "value", "score"}}
	for i, r := range rows {
		value := strconv.FormatFloat(r.Point.Value, 'g', -1, 64)
		score := strconv.FormatFloat(scores[i].Score, 'f', 4, 64)
		lines = append(lines, []string{r.Text, value, score})
	}
	return csv.NewWriter(to).WriteAll(lines)
}
