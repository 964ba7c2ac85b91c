package checks

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("schema", func() Check { return &Schema{} }) }

// Schema reports how a table's schema differs from its reference: declared columns,
// another dataset, or by default the schema that was first seen or last accepted.
type Schema struct {
	Options       `yaml:",inline"`
	Columns       DeclaredColumns `yaml:"columns" doc:"Columns that must exist, with type and nullability."`
	Extra         Policy          `yaml:"extra" default:"warn" doc:"Result of a column that is not declared."`
	Like          *sentinel.Table `yaml:"like" doc:"Another dataset to compare with, also of another engine."`
	IgnoreColumns []string        `yaml:"ignore_columns" doc:"Columns to leave out, with *."`
	OnMissing     Policy          `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`

	Severities `yaml:",inline"`
}

// Severities holds the policy of each kind of drift.
type Severities struct {
	TableCreated         Policy `yaml:"table_created" default:"warn" doc:"A table was created."`
	TableDropped         Policy `yaml:"table_dropped" default:"fail" doc:"The table was dropped."`
	TableReplaced        Policy `yaml:"table_replaced" default:"pass" doc:"Another table of its kind has the name now."`
	TableKindChanged     Policy `yaml:"table_kind_changed" default:"fail" doc:"The table became a view, or the like."`
	ColumnAdded          Policy `yaml:"column_added" default:"warn" doc:"A column was added."`
	ColumnRemoved        Policy `yaml:"column_removed" default:"fail" doc:"A column was removed."`
	ColumnRenamed        Policy `yaml:"column_renamed" default:"fail" doc:"A column was renamed."`
	ColumnReplaced       Policy `yaml:"column_replaced" default:"warn" doc:"A column was dropped and added again."`
	TypeWidened          Policy `yaml:"type_widened" default:"warn" doc:"A type holds more values than before."`
	TypeNarrowed         Policy `yaml:"type_narrowed" default:"fail" doc:"A type holds fewer values than before."`
	TypeChanged          Policy `yaml:"type_changed" default:"fail" doc:"A type became another one."`
	NullabilityLoosened  Policy `yaml:"nullability_loosened" default:"warn" doc:"A column may now be NULL."`
	NullabilityTightened Policy `yaml:"nullability_tightened" default:"warn" doc:"A column may no longer be NULL."`
	DefaultChanged       Policy `yaml:"default_changed" default:"warn" doc:"A column's default changed."`
	GeneratedChanged     Policy `yaml:"generated_changed" default:"warn" doc:"A column's generation expression changed."`
	IdentityChanged      Policy `yaml:"identity_changed" default:"warn" doc:"The sequence of an identity column changed."`
	OnUpdateChanged      Policy `yaml:"on_update_changed" default:"warn" doc:"What an UPDATE sets by itself changed."`
	VisibilityChanged    Policy `yaml:"visibility_changed" default:"warn" doc:"A column became invisible or visible."`
	CollationChanged     Policy `yaml:"collation_changed" default:"warn" doc:"A column's collation changed."`
	ColumnsReordered     Policy `yaml:"columns_reordered" default:"pass" doc:"The order of columns changed."`
	PrimaryKeyChanged    Policy `yaml:"primary_key_changed" default:"fail" doc:"The primary key changed."`
	UniqueChanged        Policy `yaml:"unique_changed" default:"warn" doc:"A unique constraint changed."`
	ForeignKeyChanged    Policy `yaml:"foreign_key_changed" default:"warn" doc:"A foreign key changed."`
	CheckChanged         Policy `yaml:"check_changed" default:"warn" doc:"A CHECK constraint changed."`
	ExclusionChanged     Policy `yaml:"exclusion_changed" default:"warn" doc:"An exclusion constraint changed."`
	IndexAdded           Policy `yaml:"index_added" default:"pass" doc:"An index was added."`
	IndexRemoved         Policy `yaml:"index_removed" default:"warn" doc:"An index was removed."`
	TriggerChanged       Policy `yaml:"trigger_changed" default:"warn" doc:"A trigger or a rule changed."`
	RowSecurityChanged   Policy `yaml:"row_security_changed" default:"warn" doc:"Row security or a policy changed."`
	PartitioningChanged  Policy `yaml:"partitioning_changed" default:"fail" doc:"The partition key changed."`
	PartitionAdded       Policy `yaml:"partition_added" default:"pass" doc:"A partition was added."`
	PartitionRemoved     Policy `yaml:"partition_removed" default:"pass" doc:"A partition was removed."`
	InheritanceChanged   Policy `yaml:"inheritance_changed" default:"warn" doc:"The tables that it inherits from changed."`
	StorageChanged       Policy `yaml:"storage_changed" default:"warn" doc:"The engine, logging or versioning changed."`
	ForeignTableChanged  Policy `yaml:"foreign_table_changed" default:"warn" doc:"The options of a foreign table changed."`
	ViewChanged          Policy `yaml:"view_changed" default:"fail" doc:"The definition of a view changed."`
	ViewOptionsChanged   Policy `yaml:"view_options_changed" default:"warn" doc:"The options of a view changed."`
	CommentChanged       Policy `yaml:"comment_changed" default:"pass" doc:"A comment changed."`
}

// of returns the policy of a kind of drift: the value of the key with its name.
func (s *Severities) of(kind sentinel.DriftKind) Policy {
	for _, k := range settings.Keys(reflect.TypeFor[Severities]()) {
		if k.Name == string(kind) {
			return reflect.ValueOf(s).Elem().FieldByIndex(k.Index).Interface().(Policy)
		}
	}
	return "pass"
}

// DriftKinds returns the kinds of drift, in the order they are documented.
func DriftKinds() []sentinel.DriftKind {
	var out []sentinel.DriftKind
	for _, k := range settings.Keys(reflect.TypeFor[Severities]()) {
		out = append(out, sentinel.DriftKind(k.Name))
	}
	return out
}

// DeclaredColumn is the required definition of a column. Type and Nullable are optional.
type DeclaredColumn struct {
	Name     string `yaml:"name" required:"true" doc:"Name of the column."`
	Type     string `yaml:"type" doc:"Type, in any engine's spelling. Default: any."`
	Nullable *bool  `yaml:"nullable" doc:"Whether it may be NULL. Default: either."`
}

func (c DeclaredColumn) isJSON() bool { return warehouse.ParseType(c.Type).Family == warehouse.JSON }

// DeclaredColumns is a list of columns, of names, or a map of name to type.
type DeclaredColumns []DeclaredColumn

// Validate implements Check.
func (s *Schema) Validate() error {
	if err := complete(s); err != nil {
		return err
	}
	if len(s.Columns) > 0 && s.Like != nil {
		return settings.Wrong("like", "columns and like exclude each other: keep one")
	}
	if s.Where != "" {
		return settings.Wrong("where", "has no effect on a schema")
	}
	seen := map[string]bool{}
	for i, c := range s.Columns {
		if c.Name == "" || seen[c.Name] {
			return settings.Wrong(settings.Index("columns", i), "%q is empty or listed twice", c.Name)
		}
		seen[c.Name] = true
	}
	for i, p := range s.IgnoreColumns {
		if _, err := path.Match(p, ""); err != nil {
			return settings.Wrong(settings.Index("ignore_columns", i), "%q is not a pattern", p)
		}
	}
	switch {
	case s.Like != nil:
		s.Aspect = "like:" + s.Like.String()
	case len(s.Columns) > 0:
		s.Aspect = "declared"
	}
	return nil
}

// facts returns the facts that the check compares. Partitions change daily, so they are
// read only if their drifts are not ignored.
func (s *Schema) facts() warehouse.Facts {
	switch {
	case s.Like != nil:
		return warehouse.Columns | warehouse.Keys | warehouse.Details
	case slices.ContainsFunc(s.Columns, DeclaredColumn.isJSON):
		return warehouse.Columns | warehouse.Details // a check may make a text JSON
	case len(s.Columns) > 0:
		return warehouse.Columns
	}
	facts := warehouse.Columns | warehouse.Keys | warehouse.Indexes | warehouse.Views | warehouse.Expressions |
		warehouse.Details | warehouse.Rules
	if s.PartitionAdded != "pass" || s.PartitionRemoved != "pass" {
		facts |= warehouse.Partitions
	}
	return facts
}

// Needs implements Check.
func (s *Schema) Needs(Target) Needs {
	n := Needs{Facts: s.facts(), Baseline: s.ComparesWithBaseline()}
	if s.Like != nil {
		n.Like, n.LikeFacts = s.Like, s.facts()
	}
	return n
}

// Ask implements Check. It asks nothing, because the catalog holds everything.
func (s *Schema) Ask(Target, Answers) []Ask { return nil }

// snapshot returns the table as a baseline. It marks the facts that were not read, so
// that a later run does not report them as added.
func snapshot(t *Target) *warehouse.Table {
	table := *t.Known.Relation
	table.Unreadable |= warehouse.AllFacts &^ t.Known.Catalog.Facts
	table.Unreadable &^= warehouse.Estimates | warehouse.Changes // they are no part of a schema
	return &table
}

// ComparesWithBaseline implements [BaselineCheck].
func (s *Schema) ComparesWithBaseline() bool { return s.Like == nil && len(s.Columns) == 0 }

// TakesBaseline implements [BaselineCheck]. The first schema seen is the baseline.
func (s *Schema) TakesBaseline(t Target) bool {
	return s.ComparesWithBaseline() && t.Known.Err == nil && t.Known.HistoryErr == nil &&
		t.Known.Baseline == nil && t.Known.Relation != nil && t.Known.Relation.Unread(s.facts()) == nil
}

// Reference implements [SchemaCheck].
func (s *Schema) Reference() (like *sentinel.Table, declared []warehouse.Column) {
	for _, c := range s.Columns {
		declared = append(declared, warehouse.Column{
			Name:     c.Name,
			Type:     warehouse.ParseType(c.Type),
			Nullable: c.Nullable == nil || *c.Nullable,
		})
	}
	return s.Like, declared
}

// Judge implements Check.
func (s *Schema) Judge(t Target, _ Answers) sentinel.Result {
	const kind = "schema"
	switch {
	case t.Known.Err != nil:
		return errorResult(kind, t.Known.Err)
	case t.Known.HistoryErr != nil:
		return errorResult(kind, t.Known.HistoryErr)
	case t.Known.Relation == nil && t.Known.Baseline == nil:
		return missingTable(kind, t, s.OnMissing)
	case t.Known.Relation.Unread(s.facts()) != nil:
		return errorResult(kind, t.Known.Relation.Unread(s.facts()))
	case s.Like != nil:
		return s.judgeLike(t)
	case len(s.Columns) > 0:
		drifts := s.declared(t.Known.Dialect, t.Known.Relation)
		want := s.wanted(t.Known.Dialect, t.Known.Relation)
		statements{dialect: t.Known.Dialect, have: t.Known.Relation, want: want, across: true}.add(drifts)
		return s.result(drifts, fmt.Sprintf("as declared: %d columns", len(s.Columns)))
	}
	return s.judgeBaseline(t)
}

func (s *Schema) judgeLike(t Target) sentinel.Result {
	switch {
	case t.Known.LikeErr != nil:
		return errorResult("schema", fmt.Errorf("reading %s: %w", s.Like, t.Known.LikeErr))
	case t.Known.Like == nil:
		return errorResult("schema", fmt.Errorf("%s, the table in like:, does not exist", s.Like))
	}
	if t.Known.Relation == nil {
		return missingTable("schema", t, s.OnMissing)
	}
	if err := t.Known.Like.Unread(s.facts()); err != nil {
		return errorResult("schema", fmt.Errorf("reading %s: %w", s.Like, err))
	}
	// A column that only the source has was added to the source, and the table must
	// follow.
	drifts := Diff(t.Known.Relation, t.Known.Like, DiffOptions{Across: true})
	if len(drifts) > 0 && t.Known.Dialect != nil && t.Known.LikeDialect != nil {
		want := translated(t.Known.Like, t.Known.LikeDialect, t.Known.Dialect)
		statements{dialect: t.Known.Dialect, have: t.Known.Relation, want: want, across: true}.add(drifts)
	}
	return s.result(drifts, fmt.Sprintf("like %s: %d columns", s.Like, len(t.Known.Like.Columns)))
}

// declared compares the table with the columns of the configuration. The dialect is that of
// the table.
func (s *Schema) declared(d warehouse.Dialect, rel *warehouse.Table) []sentinel.Drift {
	if rel == nil {
		return Diff(&warehouse.Table{}, nil, DiffOptions{})
	}
	var drifts []sentinel.Drift
	for _, want := range s.Columns {
		is := rel.Column(want.Name)
		if is == nil {
			drifts = append(drifts, sentinel.Drift{Kind: sentinel.ColumnRemoved, Object: want.Name, Column: true,
				Before: strings.TrimSpace("declared " + want.Type), Compatibility: sentinel.Breaking})
			continue
		}
		if want.Type != "" {
			if kind := declaredDrift(d, want.Type, is.Type); kind != "" {
				drifts = append(drifts, sentinel.Drift{Kind: kind, Object: want.Name, Column: true,
					Before: want.Type, After: is.Type.Native, Compatibility: sentinel.Breaking})
			}
		}
		if want.Nullable != nil && *want.Nullable != is.Nullable {
			kind, before, after := sentinel.NullabilityLoosened, "not null", "nullable"
			if *want.Nullable {
				kind, before, after = sentinel.NullabilityTightened, after, before
			}
			drifts = append(drifts, sentinel.Drift{Kind: kind, Object: want.Name, Column: true,
				Before: before, After: after, Compatibility: sentinel.Breaking})
		}
	}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		if !slices.ContainsFunc(s.Columns, func(d DeclaredColumn) bool { return rel.SameColumn(d.Name, c.Name) }) {
			drifts = append(drifts, sentinel.Drift{Kind: sentinel.ColumnAdded, Object: c.Name, Column: true,
				After: describeColumn(c), Compatibility: sentinel.Additive})
		}
	}
	return drifts
}

// result sets the status of each drift, and returns findings of those not ignored.
func (s *Schema) result(drifts []sentinel.Drift, pass string) sentinel.Result {
	var findings []sentinel.Finding
	kept := drifts[:0:0]
	for _, d := range drifts {
		status, shown := s.policy(d)
		if !shown {
			continue
		}
		d.Status = status
		kept = append(kept, d)
		if d.Status != sentinel.Pass {
			text := driftText(d)
			if s.Like != nil { // drifts are named from the table's side: added is what the other has
				text += ", in " + s.Like.String()
			}
			findings = append(findings, sentinel.Finding{Key: d.Key(), Status: d.Status, Message: text,
				Expected: orNone(d.Before), Statement: d.Statement})
		}
	}
	r := conclude("schema", findings, pass)
	r.Drifts = kept
	r.Evidence = sentinel.Evidence{Source: "catalog", Confidence: sentinel.Exact}
	return r
}

// policy returns the status of a drift. A drift of an ignored column is not shown.
func (s *Schema) policy(d sentinel.Drift) (status sentinel.Status, shown bool) {
	switch {
	case d.Column && s.ignored(d.Object):
		return sentinel.Pass, false
	case d.Kind == sentinel.ColumnAdded && len(s.Columns) > 0:
		return s.Extra.status(), true
	}
	return s.of(d.Kind).status(), true
}

func (s *Schema) ignored(column string) bool {
	return slices.ContainsFunc(s.IgnoreColumns, func(p string) bool {
		ok, err := path.Match(p, column)
		return ok && err == nil
	})
}

// driftText describes a drift in one line.
func driftText(d sentinel.Drift) string {
	text := string(d.Kind)
	if d.Object != "" {
		text += " " + d.Object
	}
	switch {
	case d.Before != "" && d.After != "":
		before, after := shortenPair(d.Before, d.After)
		text += ": " + before + " -> " + after
	case d.Before+d.After != "":
		text += ": " + shorten(d.Before+d.After)
	}
	return text
}

// RenderDrifts formats drifts for a terminal, one per line, with + for additive, ~ for
// compatible and ! for breaking.
func RenderDrifts(drifts []sentinel.Drift) string {
	marks := map[sentinel.Compatibility]string{sentinel.Additive: "+", sentinel.Compatible: "~", sentinel.Breaking: "!"}
	var b strings.Builder
	for _, d := range drifts {
		status := d.Status.String()
		if d.Status == sentinel.Pass {
			status = "ignored"
		}
		fmt.Fprintf(&b, "  %s %-8s %s\n", marks[d.Compatibility], status, driftText(d))
		if d.Statement != "" {
			fmt.Fprintf(&b, "             statement: %s;\n", d.Statement)
		}
	}
	return b.String()
}
