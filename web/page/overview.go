package page

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/{$}", template: "overview.html", nav: "Overview", order: 10,
		live: "check incident repair", show: func(s *Site, r *http.Request) (any, error) { return s.overview(r.Context()) },
	})
}

const (
	mostNeeds   = 50   // rows of what needs a person
	mostRisks   = 6    // rows of deadlines
	riskShown   = 0.25 // the least risk that is shown
	heatRows    = 15   // rows of the heatmap
	mostRepairs = 6
)

// overviewData is the content of overview.html.
type overviewData struct {
	Sentence  string
	Fine, All int
	Empty     bool
	Now       time.Time
	Needs     []need
	MoreNeeds int
	AtWork    []need // incidents that Sentinel repairs now
	Silenced  int
	Risks     []riskRow
	Next      *sentinel.Risk // the next deadline, where none is at risk
	Repairs   []sentinel.Repair
	Off       bool   // repairs are switched off
	OffWhy    string // by whom and why
	Heat      []heat
	HeatDays  []string // labels of the columns; "" for none
	Glance    glance
	// Levels are the service levels with the least budget left.
	Levels     []slo.Report
	MoreLevels int
}

// riskRow is a deadline that may be missed.
type riskRow struct {
	sentinel.Risk
	Zone *time.Location
}

// Width is the length of its bar of 200.
func (r riskRow) Width() int { return int(200*min(1, max(0, r.Probability)) + 0.5) }

// heat is a row of the heatmap.
type heat struct {
	Table sentinel.Table
	Wide  strip
	Small strip // of the last eight days
	Good  float64
	Known bool
	bad   int
}

// Prefix is the name before the table's own.
func (h heat) Prefix() string { return strings.TrimSuffix(h.Table.String(), tableName(h.Table)) }

// Name is the table's own name.
func (h heat) Name() string { return tableName(h.Table) }

func tableName(t sentinel.Table) string {
	return strings.TrimPrefix(sentinel.Table{Warehouse: "w", Name: t.Name}.String(), "w.")
}

func (s *Site) overview(ctx context.Context) (overviewData, error) {
	now := s.Clock.Now()
	all := s.Board.all()
	d := overviewData{Now: now, All: len(all), Empty: len(all) == 0}
	for _, o := range all {
		if o.Status() == sentinel.Pass {
			d.Fine++
		}
	}
	repairs, err := s.repairsSince(ctx, now.AddDate(0, 0, -7), 200)
	if err != nil {
		return d, err
	}
	d.addNeeds(s.Board.open(), repairs)
	d.addRisks(s.Agent.Risks(), s.Board)
	for _, r := range repairs {
		if !r.Finished.IsZero() && now.Sub(r.Finished) < 24*time.Hour && len(d.Repairs) < mostRepairs && r.Approval == nil &&
			(r.State == sentinel.RepairSucceeded || r.State == sentinel.RolledBack) {
			d.Repairs = append(d.Repairs, r)
		}
	}
	d.OffWhy, d.Off = s.killSwitch(ctx)
	d.addHeat(all, s.Board, now)
	d.Levels, d.MoreLevels = s.levels()
	if d.Glance, err = s.glance(ctx, all); err != nil {
		return d, err
	}
	d.Sentence = d.sentence()
	return d, nil
}

// sentence says the state in words.
func (d overviewData) sentence() string {
	risks := plural(len(d.Risks), "deadline is", "deadlines are") + " at risk"
	needs := plural(len(d.Needs)+d.MoreNeeds, "incident needs", "incidents need") + " you"
	switch {
	case d.Empty:
		return "Nothing is watched yet"
	case len(d.Needs) > 0 && len(d.Risks) > 0:
		return needs + ", " + risks
	case len(d.Needs) > 0:
		return needs
	case len(d.Risks) > 0:
		return "No incident needs you, " + risks
	case len(d.AtWork) > 0:
		return "Sentinel repairs " + plural(len(d.AtWork), "dataset", "datasets") + ", and needs nobody"
	case d.Silenced > 0:
		return "Nothing needs you; " + plural(d.Silenced, "incident is", "incidents are") + " silenced"
	case d.Fine == d.All:
		return "All " + plural(d.All, "dataset is", "datasets are") + " fine"
	}
	return "No incident needs you"
}

// need is an incident as a row.
type need struct {
	sentinel.Incident
	Age    time.Duration
	Below  []sentinel.Incident // the incidents that it explains
	Repair *sentinel.Repair    // that awaits an approval
}

// Who says in whose hands an incident is.
func (n need) Who() string {
	switch n.State {
	case sentinel.Acknowledged, sentinel.Escalated, sentinel.Repairing, sentinel.Verifying:
		return string(n.State)
	}
	return ""
}

// has reports whether an incident is this one, or one that it explains.
func (n need) has(id string) bool {
	return n.ID == id || slices.ContainsFunc(n.Below, func(i sentinel.Incident) bool { return i.ID == id })
}

// addNeeds adds the open incidents by what they need.
func (d *overviewData) addNeeds(open []sentinel.Incident, repairs []sentinel.Repair) {
	all := sortNeeds(open, repairs, d.Now)
	d.Needs, d.AtWork, d.Silenced = all.Needs, all.AtWork, len(all.Silenced)
	if len(d.Needs) > mostNeeds {
		d.Needs, d.MoreNeeds = d.Needs[:mostNeeds], len(d.Needs)-mostNeeds
	}
}

// tierRank orders tiers: critical, warning, info.
func tierRank(tier string) int {
	switch tier {
	case "critical":
		return 0
	case "warning":
		return 1
	}
	return 2
}

func (d *overviewData) addRisks(risks []sentinel.Risk, b *Board) {
	for i := range risks {
		r := risks[i]
		if r.Left <= 0 || r.Deadline.IsZero() {
			continue
		}
		if d.Next == nil {
			d.Next = &risks[i]
		}
		if r.Probability >= riskShown && len(d.Risks) < mostRisks {
			zone := time.UTC
			if o, _ := b.of(r.Table); o != nil {
				zone = o.Location
			}
			d.Risks = append(d.Risks, riskRow{r, zone})
		}
	}
}

// addHeat adds the datasets with the worst past, those that are bad now first.
func (d *overviewData) addHeat(all []*dataset, b *Board, now time.Time) {
	rank := map[sentinel.Status]int{sentinel.Fail: 5, sentinel.Error: 3, sentinel.Warn: 2}
	type row struct {
		of   *dataset
		days []day
		heat
	}
	var rows []row
	for _, o := range b.troubled(all) {
		r := row{of: o, heat: heat{Table: o.Table}}
		r.days, r.Good, r.Known = b.days(o.Table, o.Location, now)
		for i, v := range r.days {
			r.bad += rank[v.Status]
			if i == len(r.days)-1 {
				r.bad += 100 * rank[v.Status]
			}
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(x, y row) int { return y.bad - x.bad })
	for i, r := range rows[:min(heatRows, len(rows))] {
		r.Wide, r.Small = heatRow(r.days, 18), heatRow(r.days[len(r.days)-8:], 14)
		d.Heat = append(d.Heat, r.heat)
		if i > 0 {
			continue
		}
		for n, v := range r.days {
			label := ""
			if n%2 == 1 {
				label = v.Start.Format("2")
			}
			d.HeatDays = append(d.HeatDays, label)
		}
	}
}

// glance is the state of the agent itself.
type glance struct {
	Peers      int // other agents
	Warehouses []warehouseRow
	Channels   []channelRow
	State      string
	Backup     *backupRow // nil: no backups are configured
	Checks     int
	Away       int // parts that do not work
	Parts      int
}

// warehouseRow is a warehouse by what its checks last said.
type warehouseRow struct {
	Name           string
	Datasets, Away int // datasets, and those that could not be looked at
	Why            string
	Budget         *budget.Report // nil: it has none
}

// Status is error if no dataset of the warehouse can be looked at.
func (w warehouseRow) Status() sentinel.Status {
	if w.Away == w.Datasets {
		return sentinel.Error
	}
	return sentinel.Pass
}

// channelRow is a channel of notifications with what it has not sent.
type channelRow struct {
	Name          string
	Pending, Dead int64
}

// Status is fail if the channel has given up notices.
func (c channelRow) Status() sentinel.Status {
	if c.Dead > 0 {
		return sentinel.Fail
	}
	return sentinel.Pass
}

// lateBackup is how late a backup is when somebody should look, as SentinelBackupOverdue has it.
const lateBackup = time.Hour

// backupRow is the newest backup of the state.
type backupRow struct {
	Backups
	Late bool
}

// Status is fail if a backup has been due for too long.
func (b backupRow) Status() sentinel.Status {
	if b.Late {
		return sentinel.Fail
	}
	return sentinel.Pass
}

func (s *Site) glance(ctx context.Context, all []*dataset) (glance, error) {
	g := glance{Peers: s.Peers(), State: s.StateName}
	byName := map[string]*warehouseRow{}
	for _, o := range all {
		w := byName[o.Table.Warehouse]
		if w == nil {
			w = &warehouseRow{Name: o.Table.Warehouse}
			byName[w.Name] = w
		}
		w.Datasets++
		g.Checks += len(o.Checks)
		if c := o.Worst(); c != nil && c.Status == sentinel.Error {
			w.Away++
			w.Why = c.Message
		}
	}
	for _, r := range s.Agent.Budgets() {
		if w := byName[r.Warehouse]; w != nil {
			w.Budget = &r
		}
	}
	for _, w := range byName {
		g.Warehouses = append(g.Warehouses, *w)
		if w.Status() != sentinel.Pass {
			g.Away++
		}
	}
	slices.SortFunc(g.Warehouses, func(x, y warehouseRow) int { return strings.Compare(x.Name, y.Name) })
	counts, err := s.Store.OutboxCounts(ctx)
	if err != nil {
		return g, fmt.Errorf("counting notifications: %w", err)
	}
	for _, name := range s.Agent.Channels() {
		c := channelRow{Name: name}
		for _, n := range counts {
			switch {
			case n.Channel != name:
			case n.State == store.OutboxDead:
				c.Dead += n.Items
			default:
				c.Pending += n.Items
			}
		}
		g.Channels = append(g.Channels, c)
		if c.Dead > 0 {
			g.Away++
		}
	}
	g.Parts = len(g.Warehouses) + len(g.Channels) + 1
	if b, ok := s.Backups(); ok {
		g.Backup = &backupRow{b, !b.Due.IsZero() && s.Clock.Now().Sub(b.Due) > lateBackup}
		g.Parts++
		if g.Backup.Late {
			g.Away++
		}
	}
	return g, nil
}
