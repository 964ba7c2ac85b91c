package main

const (
	runbooks = "https://github.com/sentinel-dq/sentinel/blob/main/docs/runbooks/"
	docs     = "https://github.com/sentinel-dq/sentinel/blob/main/docs/"
	// matching limits a metric to the selected warehouses and datasets.
	matching = `warehouse=~"$warehouse",dataset=~"$dataset"`
)

type dashboard struct {
	uid, title, about string
	panels            []panel // in rows, from left to right
}

type panel struct {
	title, about string
	kind         string // timeseries, stat, table, state-timeline
	unit         string // Grafana's name of a unit
	runbook      string // name of an alert; "" links to the page of metrics
	width        int    // of 24
	height       int
	queries      []query
	max          float64 // maximum of the axis; 0: automatic
	steps        []step  // colours by value
}

type query struct{ expr, legend string }

type step struct {
	from  float64
	color string
}

var (
	lowIsBad  = []step{{0, "red"}, {0.95, "yellow"}, {0.99, "green"}}
	highIsBad = []step{{0, "green"}, {1, "red"}}
	atRisk    = []step{{0, "green"}, {0.5, "yellow"}, {0.8, "red"}}
)

type object = map[string]any

func (d dashboard) model() object {
	var panels []object
	x, y, tallest := 0, 0, 0
	for i, p := range d.panels {
		if x+p.width > 24 {
			x, y, tallest = 0, y+tallest, 0
		}
		panels = append(panels, p.model(i+1, x, y))
		x, tallest = x+p.width, max(tallest, p.height)
	}
	return object{
		"uid": d.uid, "title": d.title, "description": d.about, "tags": []string{"sentinel", "data-quality"},
		"editable": true, "graphTooltip": 1, "schemaVersion": 39, "version": 1, "refresh": "1m", "timezone": "browser",
		"time": object{"from": "now-24h", "to": "now"}, "templating": object{"list": variables()}, "panels": panels,
		"annotations": object{"list": []object{}},
		"links": []object{{
			"title": "Sentinel", "type": "dashboards", "tags": []string{"sentinel"}, "asDropdown": true,
			"icon": "external link", "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "",
			"url": "",
		}},
	}
}

var source = object{"type": "prometheus", "uid": "${datasource}"}

func variables() []object {
	ask := func(name, label, expr string) object {
		return object{
			"name": name, "label": label, "type": "query", "datasource": source, "definition": expr,
			"query": object{"query": expr, "refId": name}, "refresh": 2, "sort": 1, "multi": true, "includeAll": true,
			"allValue": ".*",
			"current":  object{"text": []string{"All"}, "value": []string{"$__all"}}, "hide": 0, "regex": "",
			"skipUrlSync": false,
		}
	}
	return []object{
		{
			"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
			"hide": 0, "multi": false, "includeAll": false, "regex": "", "skipUrlSync": false,
		},
		ask("warehouse", "Warehouse", "label_values(sentinel_dataset_info, warehouse)"),
		ask("owner", "Owner", `label_values(sentinel_dataset_info{warehouse=~"$warehouse"}, owner)`),
		ask("dataset", "Dataset", `label_values(sentinel_dataset_info{warehouse=~"$warehouse",owner=~"$owner"}, dataset)`),
	}
}

func (p panel) model(id, x, y int) object {
	link := object{
		"title": "What the metrics mean", "url": docs + "metrics.md", "type": "link", "icon": "", "tooltip": "",
		"tags": []string{}, "asDropdown": false, "includeVars": false, "keepTime": false, "targetBlank": true,
	}
	if p.runbook != "" {
		link["title"], link["url"] = "What to do", runbooks+p.runbook+".md"
	}
	defaults := object{"unit": p.unit, "custom": object{}}
	if p.kind == "table" {
		defaults["custom"] = object{"align": "auto", "inspect": false}
	}
	if p.max > 0 {
		defaults["min"], defaults["max"] = 0, p.max
	}
	if len(p.steps) > 0 {
		var steps []object
		for i, s := range p.steps {
			from := any(s.from)
			if i == 0 {
				from = nil // from the lowest value on
			}
			steps = append(steps, object{"value": from, "color": s.color})
		}
		defaults["thresholds"] = object{"mode": "absolute", "steps": steps}
		defaults["color"] = object{"mode": "thresholds"}
	}
	m := object{
		"id": id, "type": p.kind, "title": p.title, "description": p.about, "datasource": source, "links": []object{link},
		"gridPos":     object{"x": x, "y": y, "w": p.width, "h": p.height},
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}},
		"targets":     p.targets(), "options": p.options(), "transparent": false,
	}
	if p.kind == "table" {
		m["transformations"] = []object{{
			"id":      "organize",
			"options": object{"excludeByName": object{"Time": true, "job": true, "instance": true, "__name__": true}},
		}}
	}
	return m
}

func (p panel) targets() (out []object) {
	for i, q := range p.queries {
		t := object{
			"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend,
			"editorMode": "code", "range": true, "instant": false,
		}
		if p.kind == "table" || p.kind == "stat" {
			t["range"], t["instant"] = false, true
		}
		if p.kind == "table" {
			t["format"] = "table"
		}
		out = append(out, t)
	}
	return out
}

func (p panel) options() object {
	switch p.kind {
	case "stat":
		return object{
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
			"orientation":   "auto", "textMode": "auto", "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
			"showPercentChange": false, "wideLayout": true, "percentChangeColorMode": "standard",
		}
	case "table":
		return object{"frameIndex": 0, "showHeader": true, "cellHeight": "sm"}
	case "state-timeline":
		return object{
			"showValue": "never", "rowHeight": 0.9, "mergeValues": true, "alignValue": "left", "legend": legend(),
			"tooltip": object{"mode": "single", "sort": "none"},
		}
	}
	return object{"legend": legend(), "tooltip": object{"mode": "multi", "sort": "desc"}}
}

func legend() object {
	return object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}}
}
