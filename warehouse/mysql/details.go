package mysql

import (
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// serverName is the name and the major version of a server, from its version(), such as
// "10.11.6-MariaDB-0+deb12u1" or "8.0.36".
func serverName(version string) string {
	name := "MySQL"
	if strings.Contains(version, "MariaDB") {
		name = "MariaDB"
	}
	numbers := strings.SplitN(version, ".", 3)
	return name + " " + strings.Join(numbers[:min(2, len(numbers))], ".")
}

// addDetail adds a fact unless it is empty.
func addDetail(t *warehouse.Table, part warehouse.Part, name, fact, value string) {
	if value != "" {
		t.Details = append(t.Details, warehouse.Detail{Part: part, Name: name, Fact: fact, Value: value})
	}
}

// readExtra reads the facts that information_schema.columns has in EXTRA.
func readExtra(t *warehouse.Table, column, extra string) {
	lower := strings.ToLower(extra)
	if _, after, ok := strings.Cut(lower, "on update "); ok {
		value, _, _ := strings.Cut(after, ",")
		addDetail(t, warehouse.ColumnPart, column, "on update", strings.TrimSpace(value))
	}
	switch {
	case strings.Contains(lower, "virtual generated"):
		addDetail(t, warehouse.ColumnPart, column, "kept", "virtual")
	case strings.Contains(lower, "stored generated"), strings.Contains(lower, "persistent"):
		addDetail(t, warehouse.ColumnPart, column, "kept", "stored")
	}
	if strings.Contains(lower, "invisible") {
		addDetail(t, warehouse.ColumnPart, column, "visibility", "invisible")
	}
	if strings.Contains(lower, "without system versioning") {
		addDetail(t, warehouse.ColumnPart, column, "versioning", "without system versioning")
	}
}

func readChecks(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]
		if t == nil {
			continue
		}
		name := r[2].Text
		addDetail(t, warehouse.CheckPart, name, "definition", "check ("+r[3].Text+")")
		addDetail(t, warehouse.CheckPart, name, "enforced", r[4].Text)
		if r[5].Text == "Column" { // it says where the check stands, and is no difference by itself
			level := warehouse.Detail{Part: warehouse.CheckPart, Name: name, Fact: warehouse.CheckLevel, Stored: "column"}
			t.Details = append(t.Details, level)
		}
		// MariaDB's JSON is a text with this check.
		if col := t.Column(name); col != nil && r[5].Text == "Column" && r[3].Text == "json_valid(`"+name+"`)" {
			col.Type.Family, col.Type.Length = warehouse.JSON, 0
		}
	}
	return nil
}

func readTriggers(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		if t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]; t != nil {
			addDetail(t, warehouse.TriggerPart, r[2].Text, "definition", r[3].Text)
		}
	}
	return nil
}

func readPartitionKeys(c *warehouse.Catalog, rows warehouse.Rows) error {
	for _, r := range rows {
		if t := c.Tables[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}]; t != nil {
			addDetail(t, warehouse.TablePart, "", "partition key", r[2].Text)
		}
	}
	return nil
}

// readRulePrivileges marks the tables whose triggers and checks the account may not see.
func readRulePrivileges(c *warehouse.Catalog, rows warehouse.Rows) error {
	seen := map[warehouse.TableName]bool{}
	for _, r := range rows {
		seen[warehouse.TableName{Schema: r[0].Text, Name: r[1].Text}] = true
	}
	for name, t := range c.Tables {
		if !seen[name] && !seen[warehouse.TableName{Schema: name.Schema}] {
			t.Unreadable |= warehouse.Rules
		}
	}
	return nil
}
