package config

import (
	"reflect"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// file is the structure of the YAML file. The tags of its fields, and of the structs in
// it, are the only definition of keys.
type file struct {
	State          sentinel.Secret `yaml:"state" default:"sqlite:sentinel.db" doc:"sqlite:PATH, or postgres://... for several agents."`
	Listen         string          `yaml:"listen" default:"127.0.0.1:9780" doc:"Address and port that the agent listens on."`
	Token          sentinel.Secret `yaml:"token" doc:"Token of an admin: requests that change something need one."`
	Web            access.Access   `yaml:"web" doc:"Who may do what over HTTP, and by which name the agent is reached."`
	Outbound       outbound.Rules  `yaml:"outbound" doc:"Authorities and proxy of requests to channels, hooks and exporters."`
	Backup         *backupEntry    `yaml:"backup" doc:"Where and when the state is backed up. Default: nowhere."`
	Retention      time.Duration   `yaml:"retention" default:"90d" doc:"How long history is kept."`
	RetentionSize  byteSize        `yaml:"retention_size" doc:"History beyond this size goes before its time. Default: none does."`
	AuditRetention time.Duration   `yaml:"audit_retention" default:"730d" doc:"How long the audit log and ended repairs are kept."`
	Agents         int             `yaml:"agents" doc:"How many agents share the state: fewer raise an alert. Default: not said."`
	Jitter         time.Duration   `yaml:"jitter" doc:"Spreads the start of ticks over this time."`
	MaxSilence     time.Duration   `yaml:"max_silence" default:"30d" doc:"The longest silence that may be set."`
	Flapping       notify.Flaps    `yaml:"flapping" doc:"When an incident flaps, so that people are notified of that alone."`
	CatchUp        string          `yaml:"catch_up" default:"one" enum:"one,all,none" doc:"Missed ticks that run: the latest, all, none."`

	exporters.Limits `yaml:",inline"`

	Repairs      string `yaml:"repairs" default:"on" enum:"on,off" doc:"off: the kill switch; no repair starts."`
	RepairBudget int    `yaml:"repair_budget" default:"60" doc:"Repairs of all kinds that may start in an hour."`
	ExternalURL  string `yaml:"external_url" doc:"Address of the agent for people, for links in messages."`

	Warehouses  map[string]*warehouseEntry `yaml:"warehouses" required:"true" doc:"Databases to watch, by name."`
	Defaults    inheritable                `yaml:"defaults" doc:"What datasets inherit."`
	Datasets    []datasetEntry             `yaml:"datasets" required:"true" doc:"Tables to check."`
	Notify      map[string]*channelEntry   `yaml:"notify" doc:"Channels for messages, by name."`
	Routes      []routeEntry               `yaml:"routes" doc:"Which incidents go to which channels. Default: all."`
	Maintenance []windowEntry              `yaml:"maintenance" doc:"Times in which nobody is notified."`
	Exporters   []exporterEntry            `yaml:"exporters" doc:"Destinations of results, beside /metrics."`
	Unwatched   unwatchedEntry             `yaml:"unwatched" doc:"Looking daily for tables that nobody watches. off: it is not done."`
}

// inheritable holds the keys that datasets inherit from `defaults:`, and checks from
// their dataset. An explicit null disables an inherited value.
type inheritable struct {
	Schedule    maybe[string]          `yaml:"schedule" default:"*/5 * * * *" doc:"Cron expression of the checks."`
	Timezone    maybe[string]          `yaml:"timezone" doc:"IANA name. Default: UTC for schedules, none for columns."`
	Owner       maybe[string]          `yaml:"owner" doc:"Who is responsible."`
	Tags        maybe[[]string]        `yaml:"tags" doc:"Words to find and route the dataset by, such as finance."`
	Tier        maybe[string]          `yaml:"tier" default:"warning" enum:"critical,warning,info" doc:"Importance."`
	Runbook     maybe[string]          `yaml:"runbook" doc:"Link for whoever is notified."`
	RowSecurity maybe[string]          `yaml:"row_security" default:"error" enum:"error,visible" doc:"If row security hides rows: error, or judge the visible ones."`
	Confirm     maybe[*checks.Confirm] `yaml:"confirm" doc:"Bad results that an incident needs. Default: one is enough."`
	Samples     maybe[*checks.Samples] `yaml:"samples" doc:"Rows to keep when a check of rows turns bad. Default: none."`
	SLO         maybe[*SLO]            `yaml:"slo" doc:"Service level of loads and checks. Default: none."`
}

// warehouseEntry is a value of `warehouses:`.
type warehouseEntry struct {
	located
	warehouse.Config `yaml:",inline"`
}

// datasetEntry is an item of `datasets:`.
type datasetEntry struct {
	located
	Table      sentinel.Pattern   `yaml:"table" required:"true" doc:"warehouse.schema.table, with wildcards * and %."`
	Exclude    []string           `yaml:"exclude" doc:"Names to leave out of a wildcard, with * and %."`
	TimeColumn string             `yaml:"time_column" doc:"Column that tells when a row was written."`
	Time       *checks.TimeColumn `yaml:"time" doc:"Time column and how to read it, in place of time_column."`
	DependsOn  []sentinel.Table   `yaml:"depends_on" doc:"Tables that this one is made from."`
	Columns    columnChecks       `yaml:"columns" doc:"Checks of single columns, by the column's name."`
	Checks     []checkEntry       `yaml:"checks" doc:"What to check. Required without columns."`
	Repair     []policyEntry      `yaml:"repair" doc:"What may be done when a check fails."`
	Risk       riskEntry          `yaml:"risk" doc:"Warns of a deadline at risk. Default: on with freshness: expected."`

	inheritable `yaml:",inline"`
}

// checkEntry is an item of `checks:`.
type checkEntry struct {
	located
	kind[checks.Check]
}

// policyEntry is an item of `repair:`.
type policyEntry struct {
	located
	repair.Policy `yaml:",inline"`
	kind[repair.Action]
}

// channelEntry is a value of `notify:`.
type channelEntry struct {
	located
	Rate     notify.Rate     `yaml:"rate" doc:"Bounds how many messages leave. Default: {burst: 20, every: 15s}."`
	Fallback string          `yaml:"fallback" doc:"Name of the channel that gets what this one gives up."`
	Outbound *outbound.Rules `yaml:"outbound" doc:"Authorities and proxy of this channel, in place of those of the file."`
	kind[notify.Notifier]
}

// exporterEntry is an item of `exporters:`.
type exporterEntry struct {
	located
	kind[exporters.Exporter]
}

// routeEntry is an item of `routes:`.
type routeEntry struct {
	located
	notify.Route `yaml:",inline"`
}

// backupEntry is the value of `backup:`.
type backupEntry struct {
	located
	backup.Config `yaml:",inline"`
}

// windowEntry is an item of `maintenance:`.
type windowEntry struct {
	located
	notify.Window `yaml:",inline"`
}

// riskEntry is the value of a dataset's `risk:`.
type riskEntry struct {
	located
	off   bool
	value *Risk
}

func (e *riskEntry) decodeNode(r *reader, n *yaml.Node) {
	if isNull(n) {
		return
	}
	e.place(n)
	if n.Kind == yaml.ScalarNode && (n.Value == "off" || n.Value == "false") {
		e.off = true
		return
	}
	e.value = &Risk{}
	e.off = !r.decode(n, e.value)
}

func (riskEntry) describe() description { return description{of: reflect.TypeFor[Risk](), off: true} }

// unwatchedEntry is the value of `unwatched:`.
type unwatchedEntry struct {
	located
	off   bool
	value Unwatched
}

func (e *unwatchedEntry) decodeNode(r *reader, n *yaml.Node) {
	if isNull(n) {
		return
	}
	e.place(n)
	if n.Kind == yaml.ScalarNode && (n.Value == "off" || n.Value == "false") {
		e.off = true
		return
	}
	e.off = !r.decode(n, &e.value)
}

func (unwatchedEntry) describe() description {
	return description{of: reflect.TypeFor[Unwatched](), off: true}
}

// located holds the position of a value in the file.
type located struct{ node *yaml.Node }

func (l *located) place(n *yaml.Node) { l.node = n }

// maybe is an optional value, which may also be null.
type maybe[T any] struct {
	given bool
	value T // zero if the file has null
}

func (m *maybe[T]) decodeNode(r *reader, n *yaml.Node) {
	var none T
	m.given, m.value = true, none
	r.decode(n, &m.value)
}

// UnmarshalText reads a default.
func (m *maybe[T]) UnmarshalText(text []byte) error {
	m.given = true
	_, err := settings.SetScalar(reflect.ValueOf(&m.value).Elem(), string(text))
	return err
}

func (maybe[T]) describe() description { return description{of: reflect.TypeFor[T](), null: true} }
