package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/dbt" // registers its tool
	_ "github.com/sentinel-dq/sentinel/importers/gx"
	_ "github.com/sentinel-dq/sentinel/importers/odcs"
	_ "github.com/sentinel-dq/sentinel/importers/soda"
)

func newImport() *cobra.Command {
	var warehouse string
	var options importers.Options
	cmd := &cobra.Command{
		Use:   "import " + strings.Join(importers.Tools(), "|") + " FILE|FOLDER...",
		Short: "Convert the checks of another tool into a configuration",
		Long: `Reads tests, contracts and freshness of dbt, checks and contracts of Soda, expectation
suites of Great Expectations, and data contracts of ODCS. Prints a configuration. What cannot
be imported is listed with its place on standard error, and in comments at the end of the
configuration. Nothing is dropped silently.

A folder stands for the files of the tool in it. For dbt, name target/manifest.json after
"dbt compile": it holds no Jinja. Without it, name the folders that define tests, too.`,
		Example: `  sentinel import dbt target/manifest.json --warehouse shop > sentinel.yaml
  sentinel import dbt models tests macros dbt_project.yml --warehouse shop --schema analytics > sentinel.yaml
  sentinel import soda checks/*.yml --warehouse shop --schema public > sentinel.yaml
  sentinel import gx expectations/orders.json --warehouse shop --schema public --table orders`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := importFiles(args[0], args[1:])
			if err != nil {
				return err
			}
			all, err := importers.Import(args[0], files, options)
			if err != nil {
				return err
			}
			for _, n := range all.Left {
				fmt.Fprintln(cmd.ErrOrStderr(), "not taken over: "+n.String())
			}
			for _, n := range all.Remarks {
				fmt.Fprintln(cmd.ErrOrStderr(), "taken over with a difference: "+n.String())
			}
			if len(all.Datasets) == 0 {
				return errors.New("nothing could be imported")
			}
			text := all.YAML(warehouse, options.Schema, propose.VariableOf(warehouse))
			dsn := func(string) (string, bool) { return "sqlite:proposal.db", true }
			if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
				return err
			}
			if _, err := config.Parse("proposal", []byte(text), dsn); err != nil {
				return fmt.Errorf("change the configuration before you load it:\n%w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&warehouse, "warehouse", "main", "name of the warehouse in the configuration")
	cmd.Flags().StringVar(&options.Schema, "schema", "", "schema of tables whose names have none")
	cmd.Flags().StringVar(&options.Table, "table", "", "table of a file that names none, such as an expectation suite")
	return cmd
}

// notRead are folders whose files are copies, or belong to packages.
var notRead = []string{"target", "dbt_packages", "dbt_modules", "node_modules", "venv", "env", "logs"}

// importFiles reads files, and those of a tool in folders.
func importFiles(tool string, args []string) (files []importers.File, err error) {
	kinds := []string{".yml", ".yaml", ".json"}
	if tool == "dbt" {
		kinds = append(kinds, ".sql") // define tests
	}
	read := func(name string) error {
		data, err := os.ReadFile(name)
		files = append(files, importers.File{Name: name, Data: data})
		return err
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, err
		case !info.IsDir():
			if err := read(arg); err != nil {
				return nil, err
			}
			continue
		}
		err = filepath.WalkDir(arg, func(name string, d fs.DirEntry, err error) error {
			hidden := strings.HasPrefix(d.Name(), ".") && name != arg
			switch {
			case err != nil:
				return err
			case d.IsDir() && (hidden || slices.Contains(notRead, d.Name()) && name != arg):
				return fs.SkipDir
			case d.IsDir() || hidden:
				return nil
			}
			if slices.Contains(kinds, strings.ToLower(filepath.Ext(name))) {
				return read(name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}
