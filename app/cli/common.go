package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
)

// load reads the file named by --config, for a command that asks a warehouse.
func load(cmd *cobra.Command) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return setup.Load(path)
}

// loadFor reads the file named by --config, for a command that asks no warehouse. It reads
// the secrets of some keys of the file alone.
func loadFor(cmd *cobra.Command, keys ...string) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return setup.LoadFor(path, keys...)
}

// agentKeys returns the keys that have the secrets with which the state is opened or the
// running agent is asked. Who has a token in the environment needs none of the file.
func agentKeys() []string {
	if os.Getenv(envToken) != "" {
		return []string{"state"}
	}
	return []string{"state", "token", "web"}
}

// backupKeys have the secrets with which the state is opened and its backups are kept.
var backupKeys = []string{"state", "backup", "outbound"}

// setupOf makes parts for a command that runs once: nothing is counted or traced.
func setupOf(cfg *config.Config) setup.Setup { return setup.Setup{Config: cfg, Clock: clock} }

// reader opens the configured state for reading.
func reader(cmd *cobra.Command) (*store.Store, error) {
	cfg, err := loadFor(cmd, "state")
	if err != nil {
		return nil, err
	}
	s, err := store.OpenReaderDSN(cmd.Context(), cfg.State)
	return s, unavailable(err)
}

// only keeps the datasets a pattern like shop.public.* names; "" keeps all. Parts in
// double quotes are exact. A name without a schema means the table of any schema.
func only(datasets []agent.Dataset, pattern string) ([]agent.Dataset, error) {
	if pattern == "" {
		return datasets, nil
	}
	if err := sentinel.CheckPatterns(pattern); err != nil {
		return nil, fmt.Errorf("--dataset: %w", err)
	}
	var kept []agent.Dataset
	for _, d := range datasets {
		if sentinel.MatchTable(pattern, d.Table) {
			kept = append(kept, d)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("--dataset %s names none of the %d datasets", pattern, len(datasets))
	}
	return kept, nil
}

func parseDataset(name string) (sentinel.Pattern, error) {
	p, err := sentinel.ParsePattern(name)
	if err == nil && p.Wild() {
		err = fmt.Errorf("%s is a pattern: name one dataset", name)
	}
	if err != nil {
		return p, fmt.Errorf("--dataset: %w", err)
	}
	return p, nil
}
