package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/docs"
)

func newDocs() *cobra.Command {
	return &cobra.Command{
		Use:   "docs [PAGE]",
		Short: "Print the documentation of this version",
		Long: `Without PAGE: the pages. With PAGE: its text, which is Markdown. A running agent
serves the same pages below /docs.`,
		Example: `  sentinel docs
  sentinel docs checks/freshness`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listDocs(cmd)
			}
			p, err := docs.Read(strings.TrimSuffix(strings.TrimPrefix(args[0], "docs/"), ".md") + ".md")
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
				return fmt.Errorf("there is no page %s: `sentinel docs` lists the pages", args[0])
			}
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), p.Text)
			}
			return err
		},
	}
}

func listDocs(cmd *cobra.Command) error {
	pages, err := docs.Pages()
	if err != nil {
		return err
	}
	tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, p := range pages {
		printf(tw, "%s\t%s\n", p.Name(), p.Title)
	}
	return tw.Flush()
}
