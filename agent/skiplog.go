package agent

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// skipLog gathers what is logged of ticks that are not run: one line for each
// message, for thousands of datasets too.
type skipLog map[string]*skipLine

type skipLine struct {
	first    sentinel.Table
	datasets int
	ticks    int // the largest number of a dataset
	since    time.Time
}

// add notes that some ticks of a dataset were not run, from since on.
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

func (s skipLog) write(log *slog.Logger) {
	for _, message := range slices.Sorted(maps.Keys(s)) {
		m := s[message]
		log.Warn(message, "datasets", m.datasets, "first", m.first, "ticks", m.ticks, "since", m.since)
	}
}
