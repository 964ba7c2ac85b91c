package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
)

// RepairAlert plans the repairs of the policies for alert.NAME of the table that the
// labels warehouse and dataset name, or else of the one table whose policies name the
// alert. It plans once from the start of an alert to its end, whichever agent hears of it
// and however often. It returns how many repairs were planned, or why none was.
func (a *Agent) RepairAlert(ctx context.Context, alert repair.Alert) (planned int, why string, err error) {
	if a.engine == nil {
		return 0, "", errors.New("repairs are off")
	}
	table, why := a.alertTable(alert)
	if why != "" {
		a.log.WarnContext(ctx, "an alert starts no repair", "alert", alert.Name, "why", why)
		return 0, why, nil
	}
	occasion := alert.Occasion()
	i := sentinel.Incident{
		ID:      occasion,
		Kind:    "alert." + alert.Name,
		Table:   table,
		Message: alert.Labels["summary"],
		Opened:  a.now(),
	}
	policies := a.engine.PoliciesFor(i)
	if len(policies) == 0 {
		why = fmt.Sprintf("no repair of %s names it: want on: [alert.%s], and a mode that is not off", table, alert.Name)
		a.log.WarnContext(ctx, "an alert starts no repair", "alert", alert.Name, "why", why)
		return 0, why, nil
	}
	var reasons []string
	for _, p := range policies {
		before, known := a.engine.PlannedFor(ctx, p, occasion)
		if before != nil || known != nil {
			err = errors.Join(err, known)
			if before != nil {
				reasons = append(reasons, fmt.Sprintf("repair %s was planned for it before", before.ID))
			}
			continue
		}
		r, considered := a.engine.PlanRepair(ctx, p, repair.Trigger{Occasion: occasion, Incident: i, Labels: alert.Labels})
		err = errors.Join(err, considered)
		if r != nil {
			planned++
		} else if considered == nil {
			reasons = append(reasons, p.ID+" finds nothing to repair, or is under way for another reason")
		}
	}
	why = strings.Join(reasons, "; ")
	if planned == 0 && err == nil {
		a.log.InfoContext(ctx, "an alert starts no repair", "alert", alert.Name, "dataset", table, "why", why)
	}
	return planned, why, err
}

// alertTable finds the table of an alert, or says why there is none.
func (a *Agent) alertTable(alert repair.Alert) (table sentinel.Table, why string) {
	warehouse, dataset := alert.Labels["warehouse"], alert.Labels["dataset"]
	var tables []sentinel.Table
	if dataset != "" {
		tables = labelledTables(a.engine.Tables(), warehouse, dataset)
	} else {
		for _, p := range a.engine.WantedBy(alert.Name) {
			if !slices.Contains(tables, p.Table) && (warehouse == "" || warehouse == p.Table.Warehouse) {
				tables = append(tables, p.Table)
			}
		}
	}
	switch {
	case len(tables) == 1:
		return tables[0], ""
	case len(tables) > 1 && dataset == "":
		return table, fmt.Sprintf("the repairs of several datasets name it (%s): give it the labels warehouse and "+
			"dataset", joined(tables))
	case len(tables) > 1:
		return table, fmt.Sprintf("its labels are those of several datasets (%s)", joined(tables))
	case dataset == "":
		return table, fmt.Sprintf("it has no label dataset, and no repair names it: want on: [alert.%s], and a mode "+
			"that is not off", alert.Name)
	}
	return table, fmt.Sprintf("no dataset with repairs has the labels warehouse=%q and dataset=%q", warehouse, dataset)
}

// joined names up to five tables.
func joined(tables []sentinel.Table) string {
	var names []string
	for _, t := range tables[:min(len(tables), 5)] {
		names = append(names, t.String())
	}
	if len(tables) > 5 {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}

// labelledTables returns the tables that labels name: as metrics and notifications write
// them, or else as a configuration does, without wildcards. The metrics' label has no
// quotes, so it may be that of several tables.
func labelledTables(tables []sentinel.Table, warehouse, dataset string) (found []sentinel.Table) {
	for _, t := range tables {
		if t.Warehouse == warehouse && exporters.DatasetLabel(t) == dataset || t.String() == dataset {
			found = append(found, t)
		}
	}
	if len(found) > 0 {
		return found
	}
	home := sentinel.Table{Warehouse: warehouse, Name: "t"}.String()
	for _, text := range []string{home[:len(home)-1] + dataset, dataset} {
		p, err := sentinel.ParsePattern(text)
		if err != nil || p.Wild() || warehouse != "" && p.Warehouse != warehouse {
			continue
		}
		for _, t := range tables {
			if p.Names(t) {
				found = append(found, t)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}
