package main

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// began is how long ago the open incidents began.
var began = map[sentinel.Table]time.Duration{
	payments: 2*time.Hour + 11*time.Minute, events: 10 * time.Hour, people: 48 * time.Minute, contacts: 36 * time.Minute,
	revenue: 2 * time.Hour, refunds: 2 * time.Hour, orders: 20 * time.Minute,
}

// before are the days ago on which datasets had an incident of two hours, and how bad it was.
var before = map[sentinel.Table]map[int]sentinel.Status{
	payments: {24: sentinel.Fail, 19: sentinel.Warn, 18: sentinel.Warn}, events: {24: sentinel.Fail, 10: sentinel.Warn},
	people: {
		13: sentinel.Warn,
	}, revenue: {24: sentinel.Fail, 23: sentinel.Warn, 17: sentinel.Warn}, refunds: {24: sentinel.Warn},
	orders: {26: sentinel.Warn, 19: sentinel.Warn, 12: sentinel.Warn, 5: sentinel.Warn}, items: {27: sentinel.Warn},
	contacts: {20: sentinel.Error}, stock: {28: sentinel.Fail, 27: sentinel.Warn}, products: {9: sentinel.Warn},
}

// incidents are the open incident of a dataset, and those of the last days.
func (r row) incidents() (out []sentinel.Incident) {
	kind := "row_count:day"
	if r.table == people {
		kind = "schema"
	}
	one := func(id string, status sentinel.Status, from time.Time) sentinel.Incident {
		f := sentinel.IncidentFinding{
			Check: r.table.String() + "/" + kind, Kind: kindOf(kind), Severity: status, Message: r.says, Opened: from, Updated: now,
			Monitor: status == sentinel.Error,
		}
		return sentinel.Incident{
			ID: id, Check: f.Check, Kind: f.Kind, Table: r.table, Tier: r.tier, Owner: r.owner, State: sentinel.Open, Severity: status,
			Monitor: f.Monitor, Message: r.says, Opened: from, Updated: now, Findings: []sentinel.IncidentFinding{f},
			Runbook: "https://wiki.example.com/" + r.table.Name,
		}
	}
	if ago, open := began[r.table]; open {
		i := one("i-"+r.table.Name, r.status, now.Add(-ago))
		switch r.table {
		case payments, revenue, refunds:
			i.Cause = "shop.staging.psp_events: newest row 16h21m old, expected at most 6h"
			i.Upstream = "i-psp_events"
		case people:
			i.State, i.Note = sentinel.Acknowledged, "acknowledged by on-call"
		case orders:
			i.State = sentinel.Suppressed
		}
		out = append(out, i)
	}
	for day, status := range before[r.table] {
		i := one(r.table.Name+"-"+time.Duration(day).String(), status, now.AddDate(0, 0, -day))
		i.State, i.Resolved = sentinel.Resolved, i.Opened.Add(2*time.Hour)
		i.Findings[0].Resolved, i.Note = i.Resolved, "reloaded, verified"
		out = append(out, i)
	}
	return out
}

// addRepair adds a repair that was made tonight, and one that awaits a decision.
func (s *sample) addRepair(ctx context.Context) error {
	for _, r := range []sentinel.Repair{
		{ID: "r1", Key: "k1", Table: items, State: sentinel.RepairSucceeded, Check: items.String() + "/row_count:day",
			Plan: sentinel.Plan{Action: "reload_partition", Table: items, Summary: "reload 2026-11-26 of shop.public.order_items: 41,206 rows"}},
		{ID: "r2", Key: "k2", Table: payments, State: sentinel.AwaitingApproval, Check: payments.String() + "/row_count:day", Incident: "i-payments",
			Plan: sentinel.Plan{Action: "reload_partition", Table: payments, Summary: "reload 2026-11-26 of shop.public.payments: 13,204 rows in place of 3,118"}},
	} {
		r.Created = now.Add(-100 * time.Minute)
		if r.State == sentinel.RepairSucceeded {
			r.Applied, r.Finished = now.Add(-89*time.Minute), now.Add(-88*time.Minute)
		}
		if _, err := s.store.AddRepair(ctx, r, store.AuditEntry{At: r.Created, Actor: "sentinel", What: "repair.planned", Subject: r.ID}); err != nil {
			return err
		}
		s.board.Repaired(r)
	}
	return nil
}

// addLog adds what people and the agent have done to the audit log, and a false alarm.
func (s *sample) addLog(ctx context.Context) error {
	for _, e := range []store.AuditEntry{
		{Actor: "on-call for ann", What: "login"},
		{Actor: "on-call for ann", What: "incident.ack", Subject: "i-customers", Detail: "asked the owners of the app"},
		{Actor: "on-call for bob", What: "silence.set", Subject: "s1", Detail: `{"id":"s1","dataset":"shop.public.orders",` +
			`"from":"2026-11-27T05:00:00Z","until":"2026-11-27T09:00:00Z","who":"on-call for bob","why":"the loader is moved ` +
			`to other machines"}`},
		{Actor: "on-call for ann", What: "incident.note", Subject: "i-payments",
			Detail: "The provider confirms an outage, they replay from 07:30. The archive has the full day."},
		{Actor: "web", What: "login.refused", Subject: "10.20.30.40", Detail: "1 within a minute, the last for /login"},
		{Actor: "root", What: "config.reload"},
	} {
		e.At = now.Add(-45 * time.Minute)
		if err := s.store.AppendAudit(ctx, e); err != nil {
			return err
		}
	}
	at := now.AddDate(0, 0, -19)
	return s.store.Label(ctx, store.Label{Check: orders.String() + "/row_count:day", From: at.Add(-24 * time.Hour), To: at,
		Exclude: true, Who: "on-call for ann", Why: "a sale", At: at, Incident: "orders-" + time.Duration(19).String()})
}
