package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// now is the time in the pictures.
var now = time.Date(2026, 11, 27, 6, 41, 8, 0, time.UTC)

// sampleToken is that of an operator of the sample.
const sampleToken = "token-of-the-sample"

// sample is a shop with 30 days of history: a source that has stopped, what that reaches, a
// column that was lost, and a warehouse that cannot be reached.
type sample struct {
	store *store.Store
	board *page.Board
}

// serveSample serves the sample until ctx ends, and returns its address.
func serveSample(ctx context.Context, dir string) (url string, ended <-chan error, err error) {
	clock := sentinel.ClockFunc(func() time.Time { return now })
	state, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "sample.db"))
	if err != nil {
		return "", nil, err
	}
	s := sample{state, page.NewBoard(clock)}
	if err := s.fill(ctx); err != nil {
		return "", nil, errors.Join(err, state.Close())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, state.Close())
	}
	server := &web.Server{
		Store: state, Board: s.board, Metrics: exporters.NewPrometheus("1.4.0"), Version: "1.4.0", StateName: "sqlite:sentinel.db",
		Agent: sampleAgent{agent.New(agent.Config{Clock: clock}), risks()}, Condition: leads{}, Configuration: leads{},
		Unwatched: sampleUnwatched{}, Reloader: leads{}, Clock: clock, Log: slog.New(slog.DiscardHandler),
	}
	server.Access.Tokens = []access.Token{
		{Name: "on-call", Role: access.Operator, Text: sentinel.NewSecret(sampleToken)},
	}
	done := make(chan error, 1)
	go func() { done <- errors.Join(server.Serve(ctx, listener), state.Close()) }()
	return "http://" + listener.Addr().String(), done, nil
}

func name(warehouse, schema, table string) sentinel.Table {
	return sentinel.Table{Warehouse: warehouse, Schema: schema, Name: table}
}

var (
	payments = name("shop", "public", "payments")
	events   = name("shop", "staging", "psp_events")
	revenue  = name("mart", "finance", "daily_revenue")
	refunds  = name("mart", "finance", "refunds")
	people   = name("shop", "public", "customers")
	orders   = name("shop", "public", "orders")
	items    = name("shop", "public", "order_items")
	kpis     = name("mart", "board", "kpis")
	vat      = name("mart", "finance", "vat_by_country")
	stock    = name("mart", "ops", "stock_levels")
	contacts = name("crm", "public", "contacts")
	products = name("shop", "public", "products")
)

func risks() []sentinel.Risk {
	return []sentinel.Risk{
		{Table: revenue, Deadline: now.Add(19 * time.Minute), Left: 19 * time.Minute, Probability: 0.82,
			Reasons: []string{"upstream payments is late", "missed 3 of the last 5 Fridays"}},
		{Table: orders, Deadline: now.Add(79 * time.Minute), Left: 79 * time.Minute, Probability: 0.46,
			Reasons: []string{"the loader is 22 minutes behind its usual time"}},
		{Table: payments, Deadline: now.Add(79 * time.Minute), Left: 79 * time.Minute, Probability: 0.97},
	}
}

// row is a dataset of the sample, and what its checks say now.
type row struct {
	table  sentinel.Table
	owner  string
	tier   string
	status sentinel.Status
	says   string
	rows   int64
	age    time.Duration
	up     []sentinel.Table
}

var rows = []row{
	{payments, "payments-team", "critical", sentinel.Fail, "3,118 rows for 2026-11-26; 11,900 to 14,600 expected", 3118,
		16*time.Hour + 21*time.Minute, []sentinel.Table{events}},
	{
		events,
		"payments-team",
		"critical",
		sentinel.Fail,
		"newest row 16h21m old, expected at most 6h",
		0,
		16*time.Hour + 21*time.Minute,
		nil,
	},
	{
		people,
		"data-platform",
		"critical",
		sentinel.Fail,
		"column_removed email_opt_in: boolean",
		812_440,
		12 * time.Minute,
		nil,
	},
	{
		orders,
		"orders-team",
		"critical",
		sentinel.Warn,
		"46 % chance that shop.public.orders misses Fri 08:00, 1h19m left",
		14_872,
		51 * time.Minute,
		nil,
	},
	{items, "orders-team", "warning", sentinel.Pass, "41,206 rows", 41_206, 18 * time.Minute, []sentinel.Table{orders}},
	{products, "catalogue", "warning", sentinel.Pass, "28,114 rows", 28_114, 3 * time.Hour, nil},
	{
		name("shop", "public", "gift_cards"),
		"payments-team",
		"info",
		sentinel.Unknown,
		"learning, 4 of 7 points",
		1206,
		26 * time.Minute,
		nil,
	},
	{
		revenue,
		"finance-data",
		"critical",
		sentinel.Warn,
		"82 % chance that mart.finance.daily_revenue misses Fri 07:00, 19m left",
		31,
		23*time.Hour + 40*time.Minute,
		[]sentinel.Table{payments, orders},
	},
	{
		refunds,
		"finance-data",
		"warning",
		sentinel.Warn,
		"604 rows; 640 to 720 expected",
		604,
		23*time.Hour + 38*time.Minute,
		[]sentinel.Table{payments},
	},
	{vat, "finance-data", "warning", sentinel.Pass, "27 rows", 27, 5 * time.Hour, []sentinel.Table{items}},
	{kpis, "board", "warning", sentinel.Pass, "12 rows", 12, 22 * time.Hour, []sentinel.Table{revenue, vat}},
	{stock, "operations", "warning", sentinel.Pass, "9,118 rows", 9118, 9 * time.Minute, []sentinel.Table{items}},
	{contacts, "crm-team", "info", sentinel.Error, "connection refused", 190_332, time.Hour, nil},
}

func (s *sample) fill(ctx context.Context) error {
	detector := &anomaly.Config{Metric: "row_count", Unit: "rows"}
	if err := detector.Validate(); err != nil {
		return err
	}
	morning, err := schedule.Parse("0 8 * * *", time.UTC)
	if err != nil {
		return err
	}
	due := &agent.Risk{Deadline: morning}
	var datasets []agent.Dataset
	b := store.Batch{Baselines: map[string]store.Snapshot{}}
	for _, r := range rows {
		meta := agent.Meta{Owner: r.owner, Tier: r.tier, Runbook: "https://wiki.example.com/" + r.table.Name}
		id := func(kind string) checks.Options { return checks.Options{ID: r.table.String() + "/" + kind} }
		day := id("row_count:day")
		day.Aspect, day.Anomaly = "day", detector
		datasets = append(
			datasets,
			agent.Dataset{Table: r.table, Location: time.UTC, DependsOn: r.up, Risk: due, Checks: []agent.Check{
				{Check: &checks.RowCount{Options: day, Fail: checks.Bound{Op: "<", Low: sentinel.Int(r.rows / 3)}}, Meta: meta},
				{Check: &checks.Freshness{Options: id("freshness"), Fail: checks.Duration(6 * time.Hour)}, Meta: meta},
				{Check: &checks.Schema{Options: id("schema")}, Meta: meta},
			}},
		)
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: "5m", Table: r.table, Tick: now.Truncate(time.Minute)})
		b.Results = append(b.Results, r.results()...)
		b.Incidents = append(b.Incidents, r.incidents()...)
		b.Baselines[r.table.String()+"/schema"] = store.Snapshot{
			Data: checks.EncodeSnapshot(
				columns(),
			), TakenAt: now.AddDate(0, 0, -24), AcceptedBy: "data-platform", Why: "amount is wider",
		}
	}
	s.board.Configured(datasets)
	for day := 60; day >= 0; day-- {
		at := now.AddDate(0, 0, -day).Truncate(24 * time.Hour)
		past := store.Batch{Ticks: []store.TickRecord{{Schedule: "5m", Table: payments, Tick: at.Add(time.Hour)}}}
		for _, r := range rows {
			past.Results = append(past.Results, r.pastResults(at, day)...)
		}
		if _, err := s.store.Record(ctx, past); err != nil {
			return err
		}
	}
	if _, err := s.store.Record(ctx, b); err != nil {
		return err
	}
	s.board.Judged(b)
	return errors.Join(s.addRepair(ctx), s.addLog(ctx))
}

// results are what the checks of a dataset say now.
func (r row) results() []sentinel.Result {
	tick := now.Truncate(time.Minute)
	one := func(kind string, status sentinel.Status, says string, o ...sentinel.Observation) sentinel.Result {
		return sentinel.Result{
			Check: r.table.String() + "/" + kind, Kind: kindOf(kind), Table: r.table, Tick: tick, Status: status, Message: says, Observations: o,
		}
	}
	fresh, schema := sentinel.Pass, sentinel.Pass
	if r.age > 6*time.Hour && r.status == sentinel.Fail {
		fresh = sentinel.Fail
	}
	rowsStatus, schemaSays := r.status, "5 columns, as in the baseline"
	if r.table == people {
		rowsStatus, schema, schemaSays = sentinel.Pass, sentinel.Fail, r.says
	}
	newest := now.Add(-r.age).Unix()
	counted := one(
		"row_count:day",
		rowsStatus,
		r.says,
		sentinel.Observation{
			Metric: "row_count",
			Bucket: now.AddDate(0, 0, -1).Truncate(24 * time.Hour),
			Value:  sentinel.Int(r.rows),
		},
	)
	if r.table == payments {
		for i, country := range []string{"DE", "FR", "NL", "AT", "PL", "SE"} {
			counted.Observations = append(counted.Observations, sentinel.Observation{
				Metric: "row_count", Segment: "country=" + country, Value: sentinel.Int(int64(1180 - 170*i)), Bucket: now.AddDate(0, 0, -1).Truncate(24 * time.Hour)})
		}
		counted.Findings = []sentinel.Finding{
			{Key: "country=DE", Status: sentinel.Fail},
			{Key: "country=FR", Status: sentinel.Fail},
		}
	}
	return []sentinel.Result{
		counted,
		one("freshness", fresh, "newest row "+r.age.String()+" old",
			sentinel.Observation{Metric: "freshness_seconds", Value: sentinel.Float(r.age.Seconds())},
			sentinel.Observation{Metric: "newest_timestamp_seconds", Value: sentinel.Int(newest)}),
		one("schema", schema, schemaSays),
	}
}

func kindOf(id string) string {
	switch id {
	case "row_count:day":
		return "row_count"
	}
	return id
}

// pastResults are the values of one day in the past.
func (r row) pastResults(at time.Time, day int) (out []sentinel.Result) {
	usual := float64(r.rows)
	if r.table == payments {
		usual = 13_200
	}
	weekly := 1.0
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		weekly = 0.74
	}
	value := usual * weekly * (1 + 0.04*math.Sin(float64(at.YearDay())*12.9898))
	switch {
	case r.table == payments && day == 24:
		value = 5900
	case r.table == payments && day == 1:
		value = 3118
	}
	id := r.table.String()
	if day > 0 {
		counted := sentinel.Result{
			Check:        id + "/row_count:day",
			Kind:         "row_count",
			Table:        r.table,
			Tick:         at.Add(24 * time.Hour),
			Observations: []sentinel.Observation{{Metric: "row_count", Bucket: at, Value: sentinel.Int(int64(value))}},
		}
		for i, country := range []string{"DE", "FR", "NL", "AT", "PL", "SE"} {
			if r.table == payments {
				counted.Observations = append(
					counted.Observations,
					sentinel.Observation{Metric: "row_count", Segment: "country=" + country,
						Bucket: at, Value: sentinel.Int(int64(value * (0.3 - 0.045*float64(i))))},
				)
			}
		}
		out = append(out, counted)
	}
	for hour := 0; hour < 24*4; hour++ {
		tick := at.Add(time.Duration(hour) * 15 * time.Minute)
		if tick.After(now) {
			break
		}
		age := time.Duration(hour%16)*15*time.Minute + 10*time.Minute
		if stopped := now.Add(-r.age); r.age > 6*time.Hour && tick.After(stopped) {
			age = tick.Sub(stopped)
		}
		out = append(out, sentinel.Result{Check: id + "/freshness", Kind: "freshness", Table: r.table, Tick: tick,
			Observations: []sentinel.Observation{{Metric: "freshness_seconds", Value: sentinel.Float(age.Seconds())}}})
	}
	return out
}

func columns() *warehouse.Table {
	t := &warehouse.Table{TableName: warehouse.TableName{Schema: "public", Name: "payments"}, Kind: "table",
		PrimaryKey: &warehouse.Key{Name: "payments_pkey", Columns: []string{"payment_id"}}}
	for i, c := range [][2]string{
		{"payment_id", "bigint"}, {"order_id", "bigint"}, {"country", "character(2)"}, {"amount", "numeric(12,2)"}, {"loaded_at", "timestamptz"},
	} {
		t.Columns = append(
			t.Columns,
			warehouse.Column{Name: c[0], Position: i + 1, Type: warehouse.Type{Native: c[1]}, Nullable: i > 0},
		)
	}
	return t
}
