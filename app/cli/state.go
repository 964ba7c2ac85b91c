package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

func newState() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "state",
		Short:   "Back up, restore and verify the agent's state",
		Example: "  sentinel state backup sentinel-backup.db",
	}
	var force bool
	restore := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Replace the state with a backup; stop the agent first",
		Args:  cobra.ExactArgs(1),
		Example: `  sentinel state restore sentinel-backup.db --force
  sentinel state restore latest
  sentinel state restore s3://backups/sentinel/sentinel-20261130T030000Z.db`,
		Long: "BACKUP is a file, `latest` or a name of `sentinel state backups`, or an address s3://bucket/prefix/NAME.\n" +
			"The backup is verified first. An existing state is kept as STATE.before-restore.",
		RunE: func(cmd *cobra.Command, args []string) error { return restoreBackup(cmd, args[0], force) },
	}
	restore.Flags().BoolVar(&force, "force", false, "replace an existing state")
	cmd.AddCommand(
		newStateBackup(), newStateBackups(),
		&cobra.Command{
			Use:     "verify [FILE]",
			Short:   "Read the whole state or a backup, and report damage",
			Args:    cobra.MaximumNArgs(1),
			Example: "  sentinel state verify",
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return verifyState(cmd.Context(), cmd.OutOrStdout(), stateIn(args[0]))
				}
				cfg, err := loadFor(cmd, "state")
				if err != nil {
					return err
				}
				return verifyState(cmd.Context(), cmd.OutOrStdout(), cfg.State)
			},
		}, restore)
	return cmd
}

// stateIn is the address of a state in a file.
func stateIn(path string) sentinel.Secret { return sentinel.NewSecret("sqlite:" + path) }

// verifyState reads every page, and the audit log's chain.
func verifyState(ctx context.Context, w io.Writer, dsn sentinel.Secret) (err error) {
	s, err := store.OpenReaderDSN(ctx, dsn)
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Verify(ctx); err != nil {
		return &exitCodeError{exitFailed, err}
	}
	entries, head, err := s.VerifyAudit(ctx)
	if err != nil {
		return &exitCodeError{exitFailed, err}
	}
	st, err := s.Stats(ctx)
	if err != nil {
		return unavailable(err)
	}
	_, err = fmt.Fprintf(w, "%s is sound: %d bytes, %d ticks, "+
		"%d observations of %d series, %d incidents, %d audit entries (last hash %s)\n",
		strings.TrimPrefix(store.Redact(dsn.Reveal()), "sqlite:"), st.Bytes, st.Ticks, st.Observations, st.Series,
		st.Incidents, entries, cmp.Or(head, "none"))
	return err
}

// restoreState copies the backup beside the state and renames it into place. A
// crash leaves either the old state or the restored one.
func restoreState(cmd *cobra.Command, from string, force bool) error {
	cfg, err := loadFor(cmd, "state")
	if err != nil {
		return err
	}
	path := strings.TrimPrefix(cfg.State.Reveal(), "sqlite:")
	if err := verifyState(cmd.Context(), io.Discard, stateIn(from)); err != nil {
		return fmt.Errorf("the backup %s: %w", from, err)
	}
	if store.Shared(cfg.State.Reveal()) {
		return importState(cmd, cfg.State, from)
	}
	_, err = os.Stat(path)
	if there := err == nil; there {
		if !force {
			return fmt.Errorf("%s exists: move it away, or restore with --force", path)
		}
		current, err := store.OpenDSN(cmd.Context(), cfg.State)
		if errors.Is(err, store.ErrLocked) {
			return unavailable(fmt.Errorf("%w: stop the agent first", err))
		}
		if err == nil { // a damaged one is what restoring is for
			if err := current.Close(); err != nil {
				return unavailable(err)
			}
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			err := os.Rename(path+suffix, path+".before-restore"+suffix)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return unavailable(err)
			}
		}
	}
	backup, err := store.OpenReader(cmd.Context(), "sqlite:"+from)
	if err != nil {
		return unavailable(err)
	}
	if err := errors.Join(backup.Backup(cmd.Context(), path), backup.Close()); err != nil {
		return unavailable(err)
	}
	return verifyState(cmd.Context(), cmd.OutOrStdout(), cfg.State)
}

// importState fills an empty state in PostgreSQL from a backup.
func importState(cmd *cobra.Command, dsn sentinel.Secret, from string) error {
	s, err := store.OpenDSN(cmd.Context(), dsn)
	if errors.Is(err, store.ErrLocked) {
		return unavailable(fmt.Errorf("%w: stop the agents first", err))
	}
	if err != nil {
		return unavailable(err)
	}
	if err := errors.Join(s.Import(cmd.Context(), from), s.Close()); err != nil {
		return unavailable(err)
	}
	return verifyState(cmd.Context(), cmd.OutOrStdout(), dsn)
}
