// Package backup keeps copies of the agent's state in a directory or in an S3-compatible
// store. A copy is verified: it is read back, restored into a scratch file, and read as a
// whole. Begin with [Config] and [Keeper.Take].
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/store"
)

// Config is `backup:` of the configuration.
type Config struct {
	To        string          `yaml:"to" required:"true" doc:"Directory, or s3://bucket/prefix."`
	Schedule  string          `yaml:"schedule" default:"0 3 * * *" doc:"When a backup is taken, as a cron expression."`
	Timezone  string          `yaml:"timezone" default:"UTC" doc:"Time zone of the schedule (IANA name)."`
	Keep      int             `yaml:"keep" default:"14" doc:"How many backups are kept; older ones are removed."`
	Endpoint  string          `yaml:"endpoint" default:"https://s3.amazonaws.com" doc:"Address of the S3-compatible store."`
	Region    string          `yaml:"region" doc:"Region of the bucket. Default: what the store says."`
	AccessKey sentinel.Secret `yaml:"access_key" doc:"Access key. Default: AWS_ACCESS_KEY_ID, ~/.aws, or the machine's role."`
	SecretKey sentinel.Secret `yaml:"secret_key" doc:"Secret key of access_key."`

	Outbound *outbound.Rules `yaml:"-"` // how requests to the store leave; nil: as those of the system

	when schedule.Schedule
}

// Validate checks the configuration, and sets defaults.
func (c *Config) Validate() (err error) {
	if err := settings.Complete(c); err != nil {
		return err
	}
	zone, err := schedule.Zone(c.Timezone)
	if err != nil {
		return settings.In("timezone", err)
	}
	if c.when, err = schedule.Parse(c.Schedule, zone); err != nil {
		return settings.In("schedule", err)
	}
	switch {
	case c.Keep < 1:
		return settings.Wrong("keep", "want how many backups are kept, at least 1")
	case c.AccessKey.Reveal() == "" && c.SecretKey.Reveal() != "":
		return settings.Wrong("access_key", "goes with secret_key")
	case c.AccessKey.Reveal() != "" && c.SecretKey.Reveal() == "":
		return settings.Wrong("secret_key", "goes with access_key")
	}
	if _, err := c.open(); err != nil {
		return err
	}
	return nil
}

// Due returns the first instant after the newest backup at which the next one is due. The
// zero time stands for no backup.
func (c *Config) Due(newest time.Time) time.Time { return c.when.Next(newest) }

// Remote reports whether an address is one of an S3-compatible store.
func Remote(address string) bool { return strings.HasPrefix(address, "s3://") }

// destination keeps named files.
type destination interface {
	// put writes a file under a name. Nothing is there under it if put fails.
	put(ctx context.Context, name, path string) error
	// get writes a file to path, which must not exist.
	get(ctx context.Context, name, path string) error
	// list returns what is there, in any order.
	list(ctx context.Context) ([]Backup, error)
	remove(ctx context.Context, name string) error
}

func (c *Config) open() (destination, error) {
	if Remote(c.To) {
		return newS3(c)
	}
	return directory(c.To), nil
}

// Backup is one copy that is kept.
type Backup struct {
	Name  string
	At    time.Time // when it was taken, to the second
	Bytes int64
}

// names of backups have the time at which they were taken, so that they sort by it.
var names = regexp.MustCompile(`^sentinel-(\d{8}T\d{6}Z)\.db$`)

const stamp = "20060102T150405Z"

func nameAt(at time.Time) string { return "sentinel-" + at.UTC().Format(stamp) + ".db" }

// parse returns the backup that a name is of.
func parse(name string, size int64) (b Backup, ok bool) {
	m := names.FindStringSubmatch(name)
	if m == nil {
		return b, false
	}
	at, err := time.Parse(stamp, m[1])
	return Backup{Name: name, At: at, Bytes: size}, err == nil
}

// Keeper takes and restores backups.
type Keeper struct {
	Config  *Config // validated
	Scratch string  // directory with space for two copies of the state; others may use it too
	State   string  // the address of the state without secrets, which tells its scratch files from others'
	Clock   sentinel.Clock
}

// List returns the backups that are kept, the newest first.
func (k *Keeper) List(ctx context.Context) ([]Backup, error) {
	to, err := k.Config.open()
	if err != nil {
		return nil, err
	}
	all, err := to.list(ctx)
	if err != nil {
		return nil, k.wrap("listing the backups", err)
	}
	slices.SortFunc(all, func(a, b Backup) int { return b.At.Compare(a.At) })
	return all, nil
}

// PruneError says that backups beyond those that are kept cannot be removed.
type PruneError struct{ Err error }

func (e *PruneError) Error() string { return e.Err.Error() }

func (e *PruneError) Unwrap() error { return e.Err }

// Take writes a backup of a state, verifies it, and removes those that are too many. An
// agent may write meanwhile. With a [PruneError] the backup is there all the same.
func (k *Keeper) Take(ctx context.Context, s *store.Store) (b Backup, err error) {
	to, err := k.Config.open()
	if err != nil {
		return b, err
	}
	dir, err := k.scratch()
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, "copy.db")
	if err := s.Backup(ctx, copied); err != nil {
		return b, err
	}
	info, err := os.Stat(copied)
	if err != nil {
		return b, err
	}
	at := k.Clock.Now().UTC().Truncate(time.Second)
	b = Backup{Name: nameAt(at), At: at, Bytes: info.Size()}
	if err := to.put(ctx, b.Name, copied); err != nil {
		return b, k.wrap("writing "+b.Name, err)
	}
	if err := k.verify(ctx, to, b, dir); err != nil {
		return b, k.wrap("verifying "+b.Name, errors.Join(err, to.remove(context.WithoutCancel(ctx), b.Name)))
	}
	if err := k.prune(ctx, to); err != nil {
		return b, &PruneError{err}
	}
	return b, nil
}

// verify reads a backup back, and compares it with the copy that was written. Then it reads
// the whole of it, as a restore does.
func (k *Keeper) verify(ctx context.Context, to destination, b Backup, dir string) error {
	copied, restored := filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	if err := to.get(ctx, b.Name, restored); err != nil {
		return err
	}
	want, err := digest(copied)
	if err != nil {
		return err
	}
	got, err := digest(restored)
	if err != nil {
		return err
	}
	if want != got {
		return errors.New("what was read back is not what was written")
	}
	before, err := newestTick(ctx, copied)
	if err != nil {
		return err
	}
	if err := Verify(ctx, restored); err != nil {
		return err
	}
	after, err := newestTick(ctx, restored)
	if err == nil && !before.Equal(after) {
		err = fmt.Errorf("its newest tick is %s, that of the state %s", after, before)
	}
	return err
}

func digest(path string) (text string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Verify reads all of a backup in a file, and the chain of its audit log.
func Verify(ctx context.Context, path string) (err error) {
	s, err := store.OpenReader(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Verify(ctx); err != nil {
		return err
	}
	_, _, err = s.VerifyAudit(ctx)
	return err
}

func newestTick(ctx context.Context, path string) (at time.Time, err error) {
	s, err := store.OpenReader(ctx, "sqlite:"+path)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	st, err := s.Stats(ctx)
	return st.Newest, err
}

// prune removes the oldest backups beyond those that are kept.
func (k *Keeper) prune(ctx context.Context, to destination) error {
	all, err := k.List(ctx)
	if err != nil {
		return err
	}
	for _, old := range all[min(k.Config.Keep, len(all)):] {
		err = errors.Join(err, to.remove(ctx, old.Name))
	}
	if err != nil {
		err = k.wrap("removing old backups", err)
	}
	return err
}

// Fetch writes a backup to path, which must not exist. name is "latest" or that of a backup.
func (k *Keeper) Fetch(ctx context.Context, name, path string) (b Backup, err error) {
	all, err := k.List(ctx)
	if err != nil {
		return b, err
	}
	at := slices.IndexFunc(all, func(b Backup) bool { return name == "latest" || b.Name == name })
	if at < 0 {
		return b, fmt.Errorf("there is no backup %s in %s: `sentinel state backups` lists them", name, k.Config.To)
	}
	to, err := k.Config.open()
	if err != nil {
		return b, err
	}
	if err := to.get(ctx, all[at].Name, path); err != nil {
		return b, k.wrap("reading "+all[at].Name, err)
	}
	return all[at], nil
}

func (k *Keeper) wrap(doing string, err error) error {
	return fmt.Errorf("backup to %s: %s: %w", k.Config.To, doing, err)
}
