package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/config"
)

// completeNames lets a shell complete --dataset, --check and --tag of all commands by the names
// in the configuration.
func completeNames(cmd *cobra.Command) error {
	var failed []error
	for flag, names := range map[string]func(*config.Config) []string{
		"dataset": datasetNames, "check": checkNames, "tag": tagNames,
	} {
		if cmd.Flags().Lookup(flag) != nil {
			failed = append(failed, cmd.RegisterFlagCompletionFunc(flag, completeBy(names)))
		}
	}
	for _, below := range cmd.Commands() {
		failed = append(failed, completeNames(below))
	}
	return errors.Join(failed...)
}

// completeBy completes by names of the configuration; by nothing if it cannot be read.
func completeBy(names func(*config.Config) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		cfg, err := loadFor(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
		}
		found := names(cfg)
		slices.Sort(found)
		return slices.Compact(found), cobra.ShellCompDirectiveNoFileComp
	}
}

func datasetNames(cfg *config.Config) (names []string) {
	for _, d := range cfg.Datasets {
		names = append(names, d.Pattern.String())
	}
	return names
}

func tagNames(cfg *config.Config) (names []string) {
	for _, d := range cfg.Datasets {
		names = append(names, d.Tags...)
	}
	return names
}

func checkNames(cfg *config.Config) (names []string) {
	for _, d := range cfg.Datasets {
		for _, c := range d.Checks {
			names = append(names, c.Common().ID)
		}
	}
	return names
}
