package agent

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// remarks are what is to be said of datasets that may be thousands: a line for each
// message, not for each of them.
type remarks map[string]*remark

type remark struct {
	first    sentinel.Table
	datasets int
	ticks    int // the most of a dataset
	since    time.Time
}

// add says that a number of a dataset's ticks, since one, were not run.
func (r remarks) add(message string, table sentinel.Table, ticks int, since time.Time) {
	m := r[message]
	if m == nil {
		m = &remark{first: table, since: since}
		r[message] = m
	}
	m.datasets++
	m.ticks = max(m.ticks, ticks)
	if since.Before(m.since) {
		m.since = since
	}
}

func (r remarks) tell(log *slog.Logger) {
	for _, message := range slices.Sorted(maps.Keys(r)) {
		m := r[message]
		log.Warn(message, "datasets", m.datasets, "first", m.first, "ticks", m.ticks, "since", m.since)
	}
}
