package main

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// sampleAgent is an agent that has not started, with risks.
type sampleAgent struct {
	*agent.Agent
	risks []sentinel.Risk
}

func (a sampleAgent) Risks() []sentinel.Risk { return a.risks }
func (a sampleAgent) Channels() []string     { return []string{"pager", "chat"} }
func (a sampleAgent) Ready() bool            { return true }

func (a sampleAgent) Silences(context.Context) ([]notify.SilenceStatus, error) {
	at := func(hours int) time.Time { return now.Truncate(time.Hour).Add(time.Duration(hours) * time.Hour) }
	return []notify.SilenceStatus{
		{Silence: notify.Silence{ID: "s1", Dataset: "shop.public.orders", From: at(-1), Until: at(3), Who: "on-call for ann",
			Why: "the loader is moved to other machines"}, Active: true, Matches: 1},
		{
			Silence: notify.Silence{
				ID:      "s2",
				Dataset: "shop.staging.old_*",
				From:    at(-60),
				Until:   at(40),
				Who:     "on-call for bob",
				Why:     "to be dropped",
			},
			Active:  true,
			Warning: "it matches nothing: none of the checks of 13 datasets",
		},
		{
			Silence: notify.Silence{
				ID:    "s3",
				Owner: "crm-team",
				Tier:  "info",
				From:  at(12),
				Until: at(24),
				Who:   "on-call for eve",
				Why:   "the vendor's maintenance",
			},
			Matches: 1,
		},
	}, nil
}

func (a sampleAgent) ServiceLevelsOver(from, until, to time.Time) (out []slo.Report) {
	for n, t := range []sentinel.Table{payments, revenue, orders} {
		line := &slo.Timeline{}
		line.Set(from, until, slo.Good)
		line.Set(until.Add(-time.Duration(12>>(2*n))*time.Hour), until, slo.Bad)
		level := slo.EvaluateSince(line, slo.Objective{Target: 0.99, Window: to.Sub(from)}, from, until, nil)
		out = append(out, slo.Report{Table: t, Indicator: slo.Loads, Level: level})
	}
	return out
}

func (a sampleAgent) RiskReasons(t sentinel.Table) (
	risk sentinel.Risk, parts []predict.Contribution, quality predict.Report, ok bool,
) {
	for _, r := range a.risks {
		if r.Table == t {
			return r, []predict.Contribution{
				{Words: "no row since Thu 14:20; usually 4 loads by now", LogOdds: 3.4},
				{Words: "upstream psp_events is failing", LogOdds: 0.9},
				{Words: "late on 1 of the last 5 Fridays", LogOdds: 0.2},
				{Words: "usually arrives 41m before the deadline", LogOdds: -0.6},
			}, predict.Report{Outcomes: 30, Misses: 2, Brier: 0.06}, true
		}
	}
	return risk, nil, quality, false
}

// leads is the condition of an agent that leads two others.
type leads struct{}

func (leads) Leads() bool        { return true }
func (leads) Peers() int         { return 1 }
func (leads) Problems() []string { return nil }

func (leads) Backups() (page.Backups, bool) {
	return page.Backups{Newest: now.Add(-3 * time.Hour), Due: now.Add(21 * time.Hour)}, true
}

func (leads) Excerpt(t sentinel.Table) (config.Excerpt, bool, error) {
	return config.Excerpt{File: "sentinel.yaml", Line: 41, Text: "- table: " + t.String() + `
  owner: payments-team
  tier: critical
  depends_on: [shop.staging.psp_events]
  checks:
    - freshness: {fail: 6h, expected: "0 8 * * *"}
    - row_count: {bucket: day, fail: "< 5000", anomaly: {}}
    - row_count: {by: [country]}
    - schema`}, true, nil
}

func (leads) Reload(context.Context) (web.Reloaded, error) { return web.Reloaded{}, nil }
