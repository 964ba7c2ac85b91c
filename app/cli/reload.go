package cli

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newReload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Ask the running agent to load its configuration again",
		Long: `Sends POST /-/reload with a token of an admin. The answer has the mistakes of a file that
does not load; the agent keeps the configuration that it has then.`,
		Example: "  sentinel reload -c sentinel.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadFor(cmd, agentKeys()...)
			if err != nil {
				return err
			}
			answer, err := askAgent(cmd.Context(), cfg, http.MethodPost, "/-/reload", nil)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), string(answer))
			return err
		},
	}
}
