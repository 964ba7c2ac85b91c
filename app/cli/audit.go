package cli

import (
	"cmp"
	"errors"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newAudit() *cobra.Command {
	return &cobra.Command{
		Use:     "audit",
		Short:   "Verify the audit log and print its newest entries",
		Example: "  sentinel repair audit",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			n, head, err := s.VerifyAudit(cmd.Context())
			if err != nil {
				return &exitCodeError{exitFailed, err}
			}
			entries, err := s.Audit(cmd.Context(), "", 50)
			if err != nil {
				return unavailable(err)
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, e := range entries {
				printf(tw, "%d\t%s\t%s\t%s\t%s\t%s\n",
					e.Seq, e.At.Format(time.RFC3339), e.Actor, e.What, e.Subject, e.Detail)
			}
			printf(tw, "\nnone of the entries up to %d was altered; the last hash is %s\n", n, cmp.Or(head, "none"))
			return tw.Flush()
		},
	}
}
