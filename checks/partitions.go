package checks

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
)

// span returns the range of the buckets that must have rows.
func (p *Partitions) span(t Target, periods schedule.Periods) (from, to time.Time) {
	_, to = periods.Closed(t.Tick.Add(-time.Duration(p.Delay)))
	return periods.Back(to, p.Last), to
}

// missingPartition begins the key of the finding that a period has no rows.
const missingPartition = "missing_partition:"

// Passed implements [PeriodCheck].
func (c *RowCount) Passed(job Job, key string) bool {
	label, is := strings.CutPrefix(key, missingPartition)
	p := c.ExpectedPartitions
	if !is || p == nil {
		return false
	}
	t := newTarget(job, c)
	periods := c.periods(t, p.Every)
	from, to := p.span(t, periods)
	for at := from; at.Before(to); at = periods.Next(at) {
		if periods.Label(at) == label {
			return false
		}
	}
	return true
}

// partitionsWindow returns the window of the buckets that must have rows. It is empty if
// none must.
func (c *RowCount) partitionsWindow(t Target) Window {
	p := c.ExpectedPartitions
	if p == nil {
		return Window{}
	}
	periods := c.periods(t, p.Every)
	from, to := p.span(t, periods)
	return c.between(t, t.Known.Relation, periods, from, to)
}

// grain is the width of the groups in the question. A quarter of an hour fits every time
// zone.
const (
	grain     = 15 * time.Minute
	maxGrains = 20000
)

// perBucket returns the number of rows per period, by start of the period in UTC.
func (c *RowCount) perBucket(t Target, got Answer, periods schedule.Periods) map[time.Time]int64 {
	rows := map[time.Time]int64{}
	source, err := c.source(t, t.Known.Relation, periods.Unit)
	if err != nil {
		return rows // the kind does not ask then
	}
	for _, g := range got.Groups {
		n, err := strconv.ParseInt(g.Segment, 10, 64)
		if err != nil {
			continue // rows without a time belong to no bucket
		}
		start, wall := source.readStep(n, grain)
		if wall {
			start = periods.StartOfWall(start)
		} else {
			start = periods.Start(start)
		}
		count, _ := g.Count.Int64() // a count is an integer
		rows[start.UTC()] += count
	}
	return rows
}

// judgePartitions adds the buckets without a row to the result.
func (c *RowCount) judgePartitions(t Target, got Answer, r sentinel.Result) sentinel.Result {
	p := c.ExpectedPartitions
	periods := c.periods(t, p.Every)
	filled := c.perBucket(t, got, periods)
	var missing []string
	lagging := map[string]bool{} // a standby may not have its rows yet
	from, to := p.span(t, periods)
	for at := from; at.Before(to); at = periods.Next(at) {
		if filled[at.UTC()] == 0 {
			label := periods.Label(at)
			missing = append(missing, label)
			lagging[label] = !t.Known.Server.covers(at, periods.Next(at), t.Known.Catalog.AsOf)
		}
	}
	findings := r.Findings
	for _, label := range missing {
		status := sentinel.Fail
		if lagging[label] {
			status = sentinel.Unknown
		}
		findings = append(findings, sentinel.Finding{Key: missingPartition + label, Status: status,
			Observed: sentinel.Int(0),
			Expected: "rows for " + label, Message: "no rows for " + label})
	}
	if len(missing) > 1 {
		for i := range findings {
			if strings.HasPrefix(findings[i].Key, missingPartition) {
				findings[i].Message = fmt.Sprintf("%s (%d of the last %d missing)", findings[i].Message, len(missing), p.Last)
			}
		}
	}
	done := conclude("row_count", findings,
		fmt.Sprintf("%s; all of the last %d %ss have rows", r.Message, p.Last, p.Every))
	if len(findings) == 0 && r.Status != sentinel.Pass {
		done.Status, done.Message = r.Status, r.Message
	}
	done.Evidence, done.Observations = r.Evidence, append(r.Observations,
		sentinel.Observation{Metric: "missing_partitions", Value: sentinel.Int(int64(len(missing)))})
	return done
}
