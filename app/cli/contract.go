package cli

import (
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
	var dataset string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the checks of the configuration as a data contract",
		Long: `Writes a contract of version 3.1 of the Open Data Contract Standard. A check that the
standard has no words for becomes a rule of the engine "sentinel" with the check as YAML, so
that "sentinel import odcs" gives the same checks. Sends no statement to a warehouse.`,
		Example: "  sentinel contract export --dataset 'shop.public.*' > shop.odcs.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := loadFor(cmd); err != nil {
				return err
			}
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			source := contract.Source{Config: importers.File{Name: path, Data: data}}
			if dataset != "" {
				if err := sentinel.CheckPatterns(dataset); err != nil {
					return fmt.Errorf("--dataset: %w", err)
				}
				source.Pattern = dataset
			}
			text, err := contract.Export(source)
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "write only the datasets that match, such as shop.public.*")
	return cmd
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
			r, err := checkConfig(cmd, cfg, "", true)
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Table, c.Object, c.Kind, breaks, c.Before, c.After)
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
