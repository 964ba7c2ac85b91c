package agent

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// skipLog collects the ticks that are not run, by message. It logs one line per
// message, even for thousands of datasets.
type skipLog map[string]*skipLine

type skipLine struct {
	first    sentinel.Table
	datasets int
	ticks    int // the largest number of ticks of one dataset
	since    time.Time
}

// add records that a dataset's ticks since a time were not run.
func (s skipLog) add(message string, table sentinel.Table, ticks int, since time.Time) {
	m := s[message]
	if m == nil {
		m = &skipLine{first: table, since: since}
		s[message] = m
	}
	m.datasets++
	m.ticks = max(m.ticks, ticks)
	if since.Before(m.since) {
		m.since = since
	}
}

// write logs the lines.
func (s skipLog) write(log *slog.Logger) {
	for _, message := range slices.Sorted(maps.Keys(s)) {
		m := s[message]
		log.Warn(message, "datasets", m.datasets, "first", m.first, "ticks", m.ticks, "since", m.since)
	}
}
