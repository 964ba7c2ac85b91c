package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newInit() *cobra.Command {
	var name string
	var catalogOnly bool
	cmd := &cobra.Command{
		Use:   "init DSN",
		Short: "Read a warehouse's catalog and propose a configuration",
		Long: `Reads the catalog and prints a configuration. For each table with a time column, one
GROUP BY reads how its rows came in during the last weeks, within the statement
timeout. The proposed thresholds lie above what is usual. A comment says how many
alarms each check would have raised.

The DSN is not printed: the configuration reads it from an environment variable.`,
		Example: "  sentinel init postgres://reader@db/shop > sentinel.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			db, err := warehouse.Open(warehouse.Config{Name: name, DSN: sentinel.NewSecret(args[0]), Clock: clock})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			facts := warehouse.Columns | warehouse.Indexes | warehouse.Estimates | warehouse.Partitions
			catalog, err := db.Catalog(cmd.Context(), warehouse.Scope{Facts: facts, Definitions: []warehouse.TableName{}})
			if err != nil {
				return unavailable(err)
			}
			if len(catalog.Tables) == 0 {
				return unavailable(errors.New("the catalog shows no table: does the user of the DSN have privileges on one?"))
			}
			known := map[warehouse.TableName]past{}
			if !catalogOnly {
				if known, err = readPast(cmd.Context(), db, catalog); err != nil {
					return err
				}
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), proposal(name, catalog, known))
			return err
		},
	}
	cmd.Flags().BoolVar(&catalogOnly, "catalog-only", false, "read the catalog only, and no rows")
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

// proposalHead is for a warehouse's name and the variable with its DSN.
const proposalHead = `state: sqlite:sentinel.db

warehouses:
  %s:
    dsn: ${%s}

defaults: {schedule: "*/5 * * * *", timezone: UTC}

datasets:
`

// proposal writes the configuration of a catalog.
func proposal(name string, c *warehouse.Catalog, known map[warehouse.TableName]past) string {
	variable := variableOf(name)
	var b strings.Builder
	fmt.Fprintf(&b, proposalHead, name, variable)
	for _, key := range slices.SortedFunc(maps.Keys(c.Tables), compareNames) {
		t := c.Tables[key]
		fmt.Fprintf(&b, "  - table: %s\n",
			yamlText(sentinel.Table{Warehouse: name, Schema: key.Schema, Name: key.Name}.String()))
		column := timeColumn(t)
		if column != "" {
			fmt.Fprintf(&b, "    time_column: %s\n", yamlText(column))
		}
		if t.Filtered {
			b.WriteString("    # row security hides rows of it from this user: its checks are errors without\n" +
				"    # row_security: visible\n")
		}
		b.WriteString("    checks:\n      - schema\n")
		if t.Kind != warehouse.View {
			b.WriteString("      - row_count > 0\n")
		}
		rows, read := known[key]
		switch {
		case column == "":
		case !read:
			b.WriteString("      - freshness: {warn: 1d, fail: 2d}\n")
		default:
			fmt.Fprintf(&b, "      - %s\n", rows.freshness())
			if volume, ok := rows.volume(); ok {
				fmt.Fprintf(&b, "      - %s\n", volume)
			}
		}
	}
	return b.String()
}

func yamlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// timeColumn guesses the column that tells when a row was written: a timestamp
// by name, the most telling name first, one that leads an index before others.
func timeColumn(t *warehouse.Table) string {
	hints := []string{
		"loaded", "ingested", "updated", "modified", "changed", "created", "inserted",
		"event", "time", "_at", "_ts", "date",
	}
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
