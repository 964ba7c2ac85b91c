package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/notify"
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

// selection says which datasets a command is about. Where both are given, both must match.
type selection struct {
	// dataset is a pattern like shop.public.*; "": any. Parts in double quotes are exact. A
	// name without a schema means the table of any schema.
	dataset string
	tag     string // a pattern of which one tag of the dataset must match, as of a route; "": any
}

// flags adds the flags of a selection. does says what the command does with the datasets.
func (s *selection) flags(f *pflag.FlagSet, does string) {
	f.StringVar(&s.dataset, "dataset", "", does+" only the datasets that match, such as shop.public.*")
	f.StringVar(&s.tag, "tag", "", does+" only the datasets with a tag that matches, such as finance")
}

// valid returns what is wrong with the flags.
func (s selection) valid() error {
	if s.dataset == "" {
		return nil
	}
	if err := sentinel.CheckPatterns(s.dataset); err != nil {
		return fmt.Errorf("--dataset: %w", err)
	}
	return nil
}

// has reports whether a table with its tags is selected.
func (s selection) has(t sentinel.Table, tags []string) bool {
	return (s.dataset == "" || sentinel.MatchTable(s.dataset, t)) && (s.tag == "" || notify.MatchTag(s.tag, tags))
}

// String is the flags as they were given.
func (s selection) String() string {
	var given []string
	if s.dataset != "" {
		given = append(given, "--dataset "+s.dataset)
	}
	if s.tag != "" {
		given = append(given, "--tag "+s.tag)
	}
	return strings.Join(given, " ")
}

// only keeps the datasets of a selection. It is an error if there is none.
func only(datasets []agent.Dataset, s selection) ([]agent.Dataset, error) {
	if s == (selection{}) {
		return datasets, nil
	}
	if err := s.valid(); err != nil {
		return nil, err
	}
	var kept []agent.Dataset
	for _, d := range datasets {
		if s.has(d.Table, d.Tags()) {
			kept = append(kept, d)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("%s names none of the %d datasets", s, len(datasets))
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
