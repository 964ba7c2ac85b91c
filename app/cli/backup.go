package cli

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func newStateBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup [DESTINATION]",
		Short: "Write a consistent copy of the state, and verify it; the agent may run",
		Long: "DESTINATION is a new file, a directory that exists, or s3://bucket/prefix. Without it, the backup goes where\n" +
			"`backup:` says. For S3 the keys of `backup:` are used, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
		Args: cobra.MaximumNArgs(1),
		Example: `  sentinel state backup sentinel-backup.db
  sentinel state backup
  sentinel state backup s3://backups/sentinel`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadFor(cmd, backupKeys...)
			if err != nil {
				return err
			}
			return takeBackup(cmd, cfg, strings.Join(args, ""))
		},
	}
}

// takeBackup writes a backup to a destination: that of the configuration where it is "".
func takeBackup(cmd *cobra.Command, cfg *config.Config, to string) (err error) {
	s, err := store.OpenReaderDSN(cmd.Context(), cfg.State)
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if to != "" && !backup.Remote(to) && !isDirectory(to) {
		if err := s.Backup(cmd.Context(), to); err != nil {
			return unavailable(err)
		}
		return verifyState(cmd.Context(), cmd.OutOrStdout(), stateIn(to))
	}
	k, err := keeper(cfg, to)
	if err != nil {
		return err
	}
	b, err := k.Take(cmd.Context(), s)
	if err != nil {
		return unavailable(err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is in %s: %d bytes, read back and verified\n", b.Name, k.Config.To, b.Bytes)
	return err
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// keepAll is more backups than there are: a command that names a destination removes none.
const keepAll = 1 << 30

// keeper keeps backups at a destination, with the keys of `backup:`; without a destination,
// where `backup:` says.
func keeper(cfg *config.Config, to string) (*backup.Keeper, error) {
	s := setupOf(cfg)
	if to == "" {
		if k := s.Keeper(); k != nil {
			return k, nil
		}
		return nil, errors.New("say where: a file, a directory or s3://bucket/prefix, or configure `backup:`")
	}
	c := &backup.Config{Endpoint: os.Getenv("AWS_ENDPOINT_URL"), Region: os.Getenv("AWS_REGION")}
	if cfg.Backup != nil {
		*c = *cfg.Backup
	}
	c.To, c.Keep = to, keepAll
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return s.KeeperOf(c), nil
}

func newStateBackups() *cobra.Command {
	return &cobra.Command{
		Use:     "backups [DESTINATION]",
		Short:   "List the backups that are kept, the newest first",
		Args:    cobra.MaximumNArgs(1),
		Example: "  sentinel state backups",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadFor(cmd, backupKeys...)
			if err != nil {
				return err
			}
			k, err := keeper(cfg, strings.Join(args, ""))
			if err != nil {
				return err
			}
			all, err := k.List(cmd.Context())
			if err != nil {
				return unavailable(err)
			}
			if len(all) == 0 {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "there is no backup in %s\n", k.Config.To)
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "NAME\tTAKEN\tAGE\tBYTES")
			for _, b := range all {
				age := notify.Span(clock.Now().Sub(b.At))
				printf(tw, "%s\t%s\t%s\t%d\n", b.Name, b.At.Format(time.RFC3339), age, b.Bytes)
			}
			return tw.Flush()
		},
	}
}

// restoreBackup restores a file, or a backup that is fetched first.
func restoreBackup(cmd *cobra.Command, from string, force bool) (err error) {
	cfg, err := loadFor(cmd, backupKeys...)
	if err != nil {
		return err
	}
	to, name := "", from
	switch _, err := os.Stat(from); {
	case err == nil, !backup.Remote(from) && filepath.Base(from) != from, !backup.Remote(from) && cfg.Backup == nil:
		return restoreState(cmd, from, force)
	case backup.Remote(from) && strings.HasSuffix(from, ".db"):
		to, name = strings.TrimSuffix(from, "/"+path.Base(from)), path.Base(from)
	case backup.Remote(from):
		to, name = from, "latest"
	}
	k, err := keeper(cfg, to)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(k.Scratch, "sentinel-restore-")
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "backup.db")
	b, err := k.Fetch(cmd.Context(), name, file)
	if err != nil {
		return unavailable(err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "restoring %s, taken at %s\n", b.Name, b.At.Format(time.RFC3339))
	return restoreState(cmd, file, force)
}
