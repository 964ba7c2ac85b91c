package report

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
)

// Document is a report for programs: the JSON of `sentinel report` and of the API. Null is what
// is not known.
type Document struct {
	Month    string                       `json:"month"` // such as 2026-11
	From     time.Time                    `json:"from"`
	Until    time.Time                    `json:"until"` // where the report ends: at the end of the month, or now
	Total    FiguresDocument              `json:"total"`
	Owners   []RowDocument                `json:"owners"`
	Datasets []RowDocument                `json:"datasets"`
	Levels   []LevelDocument              `json:"levels"`
	Repairs  map[sentinel.RepairState]int `json:"repairs_by_state"`
	Labels   []LabelDocument              `json:"labels"`
	Partial  bool                         `json:"partial,omitempty"` // there was more than was read
}

// FiguresDocument is [Figures] for programs. Times are in seconds.
type FiguresDocument struct {
	Incidents int             `json:"incidents"`
	Carried   int             `json:"carried_over"`
	Open      int             `json:"open_at_the_end"`
	Monitor   int             `json:"about_checks_alone"`
	False     int             `json:"false_alarms"`
	Bad       sentinel.Number `json:"bad_seconds"`
	Detect    sentinel.Number `json:"mean_time_to_detect_seconds"`
	Resolve   sentinel.Number `json:"mean_time_to_resolve_seconds"`
	Repair    sentinel.Number `json:"mean_time_to_repair_seconds"`
	Repaired  int             `json:"repairs_succeeded"`
	Repairs   int             `json:"repairs"`
}

// RowDocument is a [Row] for programs.
type RowDocument struct {
	Name string `json:"name"` // of a dataset or an owner; "" for no owner
	FiguresDocument
}

// LevelDocument is a service level over the month for programs. Shares are from 0 to 1.
type LevelDocument struct {
	Dataset   string          `json:"dataset"`
	SLO       string          `json:"slo"`
	Objective sentinel.Number `json:"objective"`
	Reached   sentinel.Number `json:"reached"`
	Left      sentinel.Number `json:"budget_left"`
	Known     sentinel.Number `json:"known"`
}

// LabelDocument is a false alarm that somebody has labelled. Who is "somebody" for readers who have
// not signed in.
type LabelDocument struct {
	Check    string    `json:"check"`
	Segment  string    `json:"segment,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"` // both inclusive
	Exclude  bool      `json:"exclude"`
	Why      string    `json:"why"`
	Who      string    `json:"who"`
	At       time.Time `json:"at,omitzero"`
	Incident string    `json:"incident,omitempty"`
}

// Document returns the report for programs.
func (r Report) Document() Document {
	out := Document{
		Month: r.Name(), From: r.From, Until: r.Until, Total: figuresOf(r.Total), Owners: rowsOf(r.Owners),
		Datasets: rowsOf(r.Datasets), Levels: []LevelDocument{}, Repairs: r.States,
		Labels: []LabelDocument{}, Partial: r.Partial,
	}
	for _, l := range r.Labels {
		out.Labels = append(out.Labels, LabelDocument(l))
	}
	for _, l := range r.Levels {
		out.Levels = append(out.Levels, LevelDocument{
			l.Table.String(), l.Indicator, known(l.Objective.Target), known(l.Actual), known(l.Left), known(r.Known(l)),
		})
	}
	return out
}

func known(v float64) sentinel.Number {
	if math.IsNaN(v) {
		return sentinel.Number{}
	}
	return sentinel.Float(v)
}

func rowsOf(rows []Row) []RowDocument {
	out := []RowDocument{}
	for _, row := range rows {
		out = append(out, RowDocument{row.Name, figuresOf(row.Figures)})
	}
	return out
}

func figuresOf(f Figures) FiguresDocument {
	seconds := func(m agent.Mean) sentinel.Number {
		d, ok := m.Value()
		if !ok {
			return sentinel.Number{}
		}
		return sentinel.Float(d.Seconds())
	}
	return FiguresDocument{f.Incidents, f.Carried, f.Open, f.Monitor, f.False, sentinel.Float(f.Bad.Seconds()),
		seconds(f.Detect), seconds(f.Resolve), seconds(f.Repair), f.Repairs.Good, f.Repairs.All}
}
