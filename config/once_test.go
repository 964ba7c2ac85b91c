package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// everywhere is a file in which much depends on something else.
const everywhere = `
state: sqlite:sentinel.db
listen: 127.0.0.1:9780
token: 0123456789abcdef0123
retention: 90d
jitter: 10s
repairs: "on"
repair_budget: 60
external_url: http://sentinel.example.com
catch_up: one
max_silence: 30d
outbound: {proxy_url: "http://proxy:3128"}
backup: {to: backups, schedule: "0 3 * * *", keep: 7}
web: {read: token, metrics: open}
warehouses:
  w: {dsn: "postgres://u@h/d", repair_dsn: "postgres://u2@h/d", standby_dsn: ["postgres://u@h2/d"], max_connections: 3}
  v: {dsn: "sqlite:x.db", dialect: sqlite}
defaults:
  schedule: "*/5 * * * *"
  timezone: Europe/Berlin
  owner: ann
  tier: critical
  runbook: http://wiki/x
  row_security: visible
  confirm: {failures: 2, of: 3}
  samples: {columns: [id], limit: 5}
  slo: {objective: 99.9%, window: 30d}
notify:
  team: {slack: {webhook_url: "https://hooks.example.com/x"}, rate: {burst: 5, every: 10s}, fallback: mail}
  mail: {email: {host: mail.example.com, from: a@example.com, to: [b@example.com]}}
routes:
  - {to: [team], tier: [critical], owner: [ann]}
  - {to: [mail]}
maintenance:
  - {name: night, dataset: w.public.orders, cron: "0 3 * * *", duration: 1h}
exporters:
  - jsonl: {file: results.jsonl}
datasets:
  - table: w.public.orders
    time_column: created_at
    timezone: Asia/Tokyo
    depends_on: [w.public.customers]
    schedule: "*/10 * * * *"
    confirm: {failures: 1, of: 2}
    checks:
      - freshness: {expected: "0 6 * * *", grace: 15m, confirm: {failures: 1, of: 1}}
      - row_count: {id: rows, bucket: day, delay: 2h, fail: "< 1000", anomaly: {sensitivity: 4}, owner: bob}
      - not_null: {column: id, samples: {columns: [id]}}
      - schema: {like: w.public.orders_old}
    risk: {threshold: 0.7, grace: 5m}
    repair:
      - {on: [rows], id: call, webhook: {url: "https://loader/x"}, mode: plan, cooldown: 1h}
      - {on: [rows], reload_partition: {from: w.staging.orders, key: [id]}, mode: plan}
  - table: w.public.customers
    checks:
      - row_count > 0
      - duplicate: {columns: [id]}
      - reconcile: {with: v.main.customers}
  - table: v.main.*
    exclude: [tmp_*]
    checks:
      - row_count > 0
`

// leaves calls visit for every value of a document.
func leaves(n *yaml.Node, path string, visit func(path string, n *yaml.Node)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			leaves(n.Content[i+1], path+"."+n.Content[i].Value, visit)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			leaves(item, fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case yaml.DocumentNode:
		leaves(n.Content[0], path, visit)
	default:
		visit(path, n)
	}
}

// keys calls visit for every key of a document.
func keys(n *yaml.Node, visit func(n *yaml.Node)) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			visit(child)
		}
		keys(child, visit)
	}
}

// TestOneMistakeIsToldOnce spoils each value of a file in several ways, and each key, one at
// a time. There is at most one mistake.
func TestOneMistakeIsToldOnce(t *testing.T) {
	t.Parallel()
	if _, err := parseText(everywhere); err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(everywhere), &doc); err != nil {
		t.Fatal(err)
	}
	told := 0
	spoilt := func(what string) {
		t.Helper()
		text, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseText(string(text))
		var mistakes *Errors
		if !errors.As(err, &mistakes) {
			return
		}
		told++
		if len(mistakes.List) > 1 {
			t.Errorf("%s:\n\t%s", what, strings.ReplaceAll(err.Error(), "\n", "\n\t"))
		}
	}
	leaves(&doc, "", func(path string, n *yaml.Node) {
		value := *n
		for _, bad := range []yaml.Node{
			{Kind: yaml.ScalarNode, Tag: "!!str", Value: "no such thing"},
			{Kind: yaml.ScalarNode, Tag: "!!int", Value: "-7"},
			{Kind: yaml.ScalarNode, Tag: "!!str", Value: "", Style: yaml.DoubleQuotedStyle},
			{Kind: yaml.ScalarNode, Tag: "!!str", Value: "${NOT_SET}", Style: yaml.DoubleQuotedStyle},
			{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle, Content: []*yaml.Node{
				{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}}},
		} {
			*n = bad
			spoilt(path + ": " + bad.Value)
			*n = value
		}
	})
	names := []string{"w", "v", "team", "mail"} // what is named so is wrong in each place
	keys(&doc, func(n *yaml.Node) {
		if slices.Contains(names, n.Value) {
			return
		}
		key := n.Value
		n.Value += "s2"
		spoilt(n.Value)
		n.Value = key
	})
	if told < 200 {
		t.Errorf("%d spoilt values were told", told)
	}
}
