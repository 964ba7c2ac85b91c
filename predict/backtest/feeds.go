// Package backtest replays recorded arrivals through package predict. It reads feeds
// (feeds.go), replays them forward in time (replay.go), scores the risks (score.go) and
// writes the scores as a table (table.go). Begin with [Replay].
package backtest

import (
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
	_ "time/tzdata" // for machines without a time zone database

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/predict"
)

// Feed holds the recorded arrivals of one dataset, oldest first.
type Feed struct {
	Name           string
	Zone           *time.Location
	DeadlineMinute float64 // wall-clock minutes after local midnight
	Periods        []Period
}

// Period is one expected day of a feed.
type Period struct {
	Date    string // date as written in the file
	Missed  bool   // no arrival that day, or one after the deadline by the wall clock
	Context predict.Context
	Outcome predict.Outcome
}

// ReadFeeds reads feeds.json of a directory and the CSV file of each feed that it names,
// in order of name. It ignores unknown columns. A missing column, an invalid value and
// dates out of order are errors that name the file and the line.
func ReadFeeds(dir string) ([]Feed, error) {
	text, err := os.ReadFile(filepath.Join(dir, "feeds.json"))
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	var meta map[string]struct {
		Timezone       string   `json:"timezone"`
		DeadlineMinute *float64 `json:"deadline_minute"`
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, fmt.Errorf("read feeds: feeds.json: %w", err)
	}
	var feeds []Feed
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		m := meta[name]
		zone, err := time.LoadLocation(m.Timezone)
		if err != nil {
			return nil, fmt.Errorf("read feeds: feed %s: timezone: %w", name, err)
		}
		if m.DeadlineMinute == nil {
			return nil, fmt.Errorf("read feeds: feed %s: feeds.json gives no deadline_minute", name)
		}
		f := Feed{Name: name, Zone: zone, DeadlineMinute: *m.DeadlineMinute}
		if err := f.readFile(filepath.Join(dir, name+".csv")); err != nil {
			return nil, fmt.Errorf("read feeds: %w", err)
		}
		feeds = append(feeds, f)
	}
	return feeds, nil
}

func (f *Feed) readFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f.read(file); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

func (f *Feed) read(r io.Reader) error {
	lines := csv.NewReader(r)
	header, err := lines.Read()
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))] = i
	}
	for _, name := range []string{"date", "arrival_minute_local"} {
		if _, ok := column[name]; !ok {
			return fmt.Errorf("no column %q", name)
		}
	}
	for {
		row, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := lines.FieldPos(0)
		cell := func(name string) string {
			if i, ok := column[name]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		if err := f.add(cell); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func (f *Feed) add(cell func(string) string) error {
	date := cell("date")
	day, err := time.ParseInLocation(time.DateOnly, date, f.Zone)
	if err != nil {
		return err
	}
	p := Period{Date: date, Missed: true, Context: predict.Context{Deadline: f.wallClock(day, f.DeadlineMinute)}}
	if n := len(f.Periods); n > 0 && date <= f.Periods[n-1].Date {
		return fmt.Errorf("date %s does not come after %s", date, f.Periods[n-1].Date)
	}
	if text := cell("arrival_minute_local"); text != "" {
		minute, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(minute) || math.IsInf(minute, 0) {
			return fmt.Errorf("arrival_minute_local %q is not a number of minutes", text)
		}
		p.Missed = minute > f.DeadlineMinute
		p.Outcome.Arrival = f.wallClock(day, minute)
	}
	if text := cell("rows_added"); text != "" {
		rows, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("rows_added %q is not a number", text)
		}
		p.Outcome.Volume = sentinel.Float(rows)
	}
	f.Periods = append(f.Periods, p)
	return nil
}

// wallClock returns the instant at which the wall clock shows a minute of the day. A
// time in the gap at the change to summer time counts from the start of the gap.
func (f *Feed) wallClock(day time.Time, minute float64) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, 0, 0, int(minute*float64(time.Minute)), f.Zone)
}
