package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/contract"
	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/importers/odcs"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newContract() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contract",
		Short: "Write, test and compare data contracts of ODCS",
		Example: `  sentinel contract export > shop.odcs.yaml
  sentinel contract test orders.odcs.yaml --dsn postgres://reader@db/shop
  sentinel contract check main:orders.odcs.yaml orders.odcs.yaml`,
	}
	cmd.AddCommand(newContractExport(), newContractTest(), newContractCheck())
	return cmd
}

func newContractExport() *cobra.Command {
	var of selection
	var types bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the checks of the configuration as a data contract",
		Long: `Writes a contract of version 3.1 of the Open Data Contract Standard. A check that the
standard has no words for becomes a rule of the engine "sentinel" with the check as YAML, so
that "sentinel import odcs" gives the same checks. Sends no statement to a warehouse, unless
--types asks for the columns of the catalogs.`,
		Example: `  sentinel contract export --dataset 'shop.public.*' > shop.odcs.yaml
  sentinel contract export --types > shop.odcs.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return exportContract(cmd, of, types) },
	}
	of.flags(cmd.Flags(), "write")
	cmd.Flags().BoolVar(&types, "types", false, "also write the columns of the catalogs, with their types")
	return cmd
}

func exportContract(cmd *cobra.Command, of selection, types bool) error {
	if err := of.valid(); err != nil {
		return err
	}
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	cfg, err := loadFor(cmd)
	if types && err == nil {
		cfg, err = load(cmd)
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	source := contract.Source{Config: importers.File{Name: path, Data: data}, Lines: []int{}}
	for _, d := range cfg.Datasets {
		if of.has(d.Table, d.Tags) {
			source.Lines = append(source.Lines, d.Line)
		}
	}
	if types {
		if source.Columns, err = catalogColumns(cmd.Context(), cfg, of); err != nil {
			return err
		}
	}
	text, err := contract.Export(source)
	if err != nil {
		return err
	}
	_, err = io.WriteString(cmd.OutOrStdout(), text)
	return err
}

// logicalTypes are the words of the standard for types.
var logicalTypes = map[warehouse.Family]string{
	warehouse.Boolean: "boolean", warehouse.Integer: "integer", warehouse.Decimal: "number", warehouse.FloatType: "number",
	warehouse.Text: "string", warehouse.FixedText: "string", warehouse.UUID: "string", warehouse.Enum: "string",
	warehouse.Date: "date", warehouse.Timestamp: "timestamp", warehouse.Time: "time", warehouse.JSON: "object",
	warehouse.Array: "array",
}

// catalogColumns reads the columns of the configured tables that match. A table that does not
// exist, or whose columns cannot be read, is an error: a contract without them would promise less.
func catalogColumns(
	ctx context.Context, cfg *config.Config, of selection,
) (found map[sentinel.Table][]contract.Column, err error) {
	open, err := setupOf(cfg).Warehouses()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	found = map[sentinel.Table][]contract.Column{}
	catalogs := map[string]*warehouse.Catalog{}
	for _, d := range cfg.Datasets {
		if d.Pattern.Wild() || !of.has(d.Table, d.Tags) {
			continue
		}
		c := catalogs[d.Table.Warehouse]
		if c == nil {
			scope := warehouse.Scope{Facts: warehouse.Columns, Definitions: []warehouse.TableName{}}
			if c, err = open[d.Table.Warehouse].Catalog(ctx, scope); err != nil {
				return nil, unavailable(err)
			}
			catalogs[d.Table.Warehouse] = c
		}
		named, err := d.Resolve(c)
		if err != nil {
			return nil, err
		}
		t := c.Tables[warehouse.TableName{Schema: named[0].Table.Schema, Name: named[0].Table.Name}]
		if t == nil || len(t.Columns) == 0 || t.Unreadable&warehouse.Columns != 0 {
			return nil, unavailable(fmt.Errorf("the columns of %s cannot be read", named[0].Table))
		}
		for _, col := range t.Columns {
			found[d.Table] = append(found[d.Table], contract.Column{
				Name: col.Name, Native: col.Type.Native, Logical: logicalTypes[col.Type.Family], Required: !col.Nullable,
			})
		}
	}
	return found, nil
}

func newContractTest() *cobra.Command {
	var dsn string
	var options importers.Options
	var judge judgement
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Check the tables of a contract now, without a configuration",
		Long: `Turns the contract into checks, as "sentinel import odcs" does, and runs them once.
What the contract says beyond checks is listed on standard error.

` + exitCodes,
		Example: "  sentinel contract test orders.odcs.yaml --dsn postgres://reader@db/shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dsn == "" {
				return errors.New("want --dsn: the warehouse that holds the tables")
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			got, err := importers.Import("odcs", []importers.File{{Name: args[0], Data: data}}, options)
			if err != nil {
				return err
			}
			for _, n := range got.Left {
				fmt.Fprintln(cmd.ErrOrStderr(), "not tested: "+n.String())
			}
			if len(got.Datasets) == 0 {
				return fmt.Errorf("%s: nothing of it can be tested", args[0])
			}
			env := func(string) (string, bool) { return dsn, true }
			cfg, err := config.Parse(args[0], []byte(got.YAML("contract", options.Schema, "DSN")), env)
			if err != nil {
				return err
			}
			r, err := checkConfig(cmd, cfg, selection{}, true)
			if err != nil {
				return err
			}
			if err := r.write(cmd.OutOrStdout(), "text"); err != nil {
				return err
			}
			return judge.verdict(r.results)
		},
	}
	cmd.Flags().StringVar(&dsn, "dsn", "", "address of the warehouse")
	cmd.Flags().StringVar(&options.Schema, "schema", "", "schema of tables whose names have none")
	judge.flags(cmd)
	return cmd
}

func newContractCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check OLD NEW",
		Short: "Compare two versions of a contract for those who read and those who write the data",
		Long: `Prints what differs between two versions of a contract, and whom it breaks. Each is a file,
or REVISION:PATH of a git repository. A breaking change needs a major step of the version,
any other change a minor step. Ends with 1 if the version of NEW is too low.`,
		Example: "  sentinel contract check origin/main:orders.odcs.yaml orders.odcs.yaml",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := loadContract(cmd, args[0])
			if err != nil {
				return err
			}
			after, err := loadContract(cmd, args[1])
			if err != nil {
				return err
			}
			changes := contract.Compare(before, after)
			if err := printChanges(cmd.OutOrStdout(), changes); err != nil {
				return err
			}
			wanted, err := contract.Step(before.Version, after.Version, changes)
			if err != nil {
				return err
			}
			if wanted != "" {
				return &exitCodeError{code: exitFailed, err: fmt.Errorf("%s:%d: %s", args[1], after.VersionLine, wanted)}
			}
			return nil
		},
	}
}

func printChanges(w io.Writer, changes []contract.Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(w, "no change")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TABLE\tOBJECT\tCHANGE\tBREAKS\tBEFORE\tAFTER")
	for _, c := range changes {
		breaks := "nobody"
		switch {
		case c.Readers && c.Writers:
			breaks = "readers and writers"
		case c.Readers:
			breaks = "readers"
		case c.Writers:
			breaks = "writers"
		}
		printf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Table, c.Object, c.Kind, breaks, c.Before, c.After)
	}
	return t.Flush()
}

// loadContract reads a file, or REVISION:PATH of the git repository of the current folder.
func loadContract(cmd *cobra.Command, name string) (odcs.Contract, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && strings.Contains(name, ":") && !strings.HasPrefix(name, "-") {
		data, err = exec.CommandContext(cmd.Context(), "git", "show", name).Output()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("git show %s: %s", name, strings.TrimSpace(string(failed.Stderr)))
		}
	}
	if err != nil {
		return odcs.Contract{}, err
	}
	return odcs.Load(importers.File{Name: name, Data: data})
}
