package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newInit() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "init DSN",
		Short: "Read a warehouse's catalog and propose a configuration",
		Long: `Reads the catalog and nothing else, and prints a configuration: every table with
its time column where one is to be recognised, and checks that pass from the
first run unless the data is bad. The DSN itself is not printed: it is read from
an environment variable.`,
		Example: "  sentinel init postgres://reader@db/shop > sentinel.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			db, err := warehouse.Open(warehouse.Config{Name: name, DSN: sentinel.Secret(args[0]), Now: clock})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			catalog, err := db.Catalog(cmd.Context(), warehouse.Scope{Facts: warehouse.Columns | warehouse.Indexes | warehouse.Estimates | warehouse.Partitions})
			if err != nil {
				return couldNotLook(err)
			}
			if len(catalog.Tables) == 0 {
				return couldNotLook(errors.New("the catalog shows no table: may the user of the DSN see any?"))
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), proposal(name, catalog))
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "main", "name of the warehouse in the configuration")
	return cmd
}

// variableOf is the environment variable with the DSN of a warehouse.
func variableOf(warehouse string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, warehouse)) + "_DSN"
}

// proposal writes the configuration of a catalog.
func proposal(name string, c *warehouse.Catalog) string {
	variable := variableOf(name)
	var b strings.Builder
	fmt.Fprintf(&b, "state: sqlite:sentinel.db\n\nwarehouses:\n  %s:\n    dsn: ${%s}\n\ndefaults: {schedule: \"*/5 * * * *\", timezone: UTC}\n\ndatasets:\n", name, variable)
	for _, key := range slices.SortedFunc(maps.Keys(c.Tables), func(a, b warehouse.TableName) int {
		return strings.Compare(a.Schema+"\x00"+a.Name, b.Schema+"\x00"+b.Name)
	}) {
		t := c.Tables[key]
		fmt.Fprintf(&b, "  - table: %s\n", yamlText(sentinel.Table{Warehouse: name, Schema: key.Schema, Name: key.Name}.String()))
		column := timeColumn(t)
		if column != "" {
			fmt.Fprintf(&b, "    time_column: %s\n", yamlText(column))
		}
		b.WriteString("    checks:\n      - schema\n")
		if t.Kind != warehouse.View {
			b.WriteString("      - row_count > 0\n")
		}
		if column != "" {
			fmt.Fprintf(&b, "      - freshness: {warn: 1d, fail: 2d}\n")
		}
	}
	return b.String()
}

func yamlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// timeColumn guesses the column that tells when a row was written: a timestamp
// by name, the most telling name first, one that leads an index before others.
func timeColumn(t *warehouse.Table) string {
	hints := []string{"loaded", "ingested", "updated", "modified", "changed", "created", "inserted", "event", "time", "_at", "_ts", "date"}
	best, rank := "", 1<<30
	for _, c := range t.Columns {
		if c.Type.Family != warehouse.Timestamp && c.Type.Family != warehouse.Date {
			continue
		}
		at := slices.IndexFunc(hints, func(h string) bool { return strings.Contains(strings.ToLower(c.Name), h) })
		if at < 0 {
			at = len(hints)
		}
		score := at * 4
		if !t.LeadsIndex(c.Name) {
			score += 2
		}
		if c.Type.Family == warehouse.Date {
			score++
		}
		if score < rank {
			best, rank = c.Name, score
		}
	}
	return best
}
