// Package config reads a YAML file into validated values. It is the only package that
// knows YAML. It reports all mistakes of a file at once, each with its position. Begin
// with file.go: its structs are the file, and their tags are the keys (see package
// settings). decode.go decodes into them, kinds.go finds the kinds of checks, channels,
// exporters and repair actions, read.go and its neighbours validate, and jsonschema.go
// describes the format.
package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Config holds the values of a file.
type Config struct {
	State          sentinel.Secret // sqlite:PATH or postgres://...
	Listen         string
	Token          sentinel.Secret // the one in token:
	Web            access.Access   // its tokens include the one in token:
	Outbound       *outbound.Rules // how requests leave
	Backup         *backup.Config  // nil: the state is not backed up
	Retention      time.Duration
	RetentionSize  int64 // bytes of history; 0: any
	AuditRetention time.Duration
	Agents         int // how many share the state; 0: not said
	MaxSilence     time.Duration
	Flaps          notify.Flaps
	Jitter         time.Duration
	CatchUp        string // missed ticks that run: one, all or none
	MaxSeries      int
	Warehouses     []warehouse.Config // sorted by name
	Datasets       []Dataset
	Channels       []notify.Channel // by name
	Routes         []notify.Route   // default routes if the file has none
	Windows        []notify.Window  // maintenance
	Exporters      []Exporter
	Unwatched      *Unwatched // nil: nobody looks for tables that nobody watches
	URL            string     // address of the agent for people; may be empty
	RepairsOff     bool       // the kill switch
	RepairBudget   int        // largest number of repairs that may begin in an hour; 0: 60
	Warnings       []string   // settings that are allowed but probably mistakes

	// Secrets are the files and commands that secrets come from.
	Secrets secrets.Set

	digest []byte            // digest of the file's lines
	path   string            // of the file
	sum    [sha256.Size]byte // of its content
}

// Fingerprint returns a hash of the file and of another text, such as the program's
// version, as 16 hexadecimal digits. It ignores the addresses at which an agent is
// reached, so agents that share a state have the same fingerprint.
func (c *Config) Fingerprint(and string) string {
	sum := sha256.Sum256(append([]byte(and), c.digest...))
	return hex.EncodeToString(sum[:8])
}

// digest returns the hash of the lines that the fingerprint covers.
func digest(source []byte) []byte {
	h := sha256.New()
	for line := range bytes.Lines(source) {
		if !bytes.HasPrefix(line, []byte("listen:")) && !bytes.HasPrefix(line, []byte("external_url:")) {
			h.Write(bytes.TrimRight(line, " \r\n"))
			h.Write([]byte{'\n'})
		}
	}
	return h.Sum(nil)
}

// Exporter is one configured destination of results.
type Exporter struct {
	Kind string
	exporters.Exporter
}

// Dataset is one entry under `datasets:`.
type Dataset struct {
	Table      sentinel.Table
	Pattern    sentinel.Pattern // the name as it is configured; Table has its parts until Resolve
	Exclude    []string         // names that a wildcard does not match
	TimeColumn string
	Time       *checks.TimeColumn // how times are read; nil: by the type of TimeColumn
	Location   *time.Location     // nil: none configured
	DependsOn  []sentinel.Table
	Tags       []string // sorted
	Checks     []Check
	Risk       *Risk            // nil: there is no deadline, or risk is off
	SLO        *SLO             // nil: no service level is promised
	Repairs    []*repair.Policy // policies; Resolve sets their Table for a pattern

	Line      int  // of the entry in the file, from 1
	ofPattern bool // Resolve created the dataset from a pattern
}

// Check is one validated check.
type Check struct {
	checks.Check
	Kind     string
	Schedule schedule.Schedule
	Tier     string
	Owner    string
	Runbook  string
}

// maxSize is the largest size of a file. One with 20,000 checks has 2 MB.
const maxSize = 8 << 20

// Load reads and validates a file. The error is an *Errors with every mistake.
// env returns a variable of the environment, as os.LookupEnv does.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	return load(path, env, needs{})
}

func load(path string, env func(string) (string, bool), needed needs) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSize {
		const message = "the file is larger than 8 MB: is it the right one?"
		return nil, &Errors{List: []Mistake{{File: path, Line: 1, Column: 1, Message: message}}}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(newReader(path, data, env), needed)
}

// LoadFor is as [Load], for a command that needs the secrets of some keys of the file alone,
// such as state. It reads no other secret: no variable, file or command in the value of one.
// What it did not read is not checked, and is an empty text where it is revealed. Outside of
// `datasets:` and `defaults:`, other values of variables that are not set are not missed either.
func LoadFor(path string, env func(string) (string, bool), keys ...string) (*Config, error) {
	return load(path, env, needs{keys: keys, some: true})
}

// Parse validates the content of a file. Mistakes are reported under its name, and
// relative paths in the file start from its directory.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(newReader(name, data, env), needs{})
}

func parse(r *reader, needed needs) (*Config, error) {
	root := r.parse(r.source)
	if root == nil {
		return nil, r.errors()
	}
	r.root, r.needed = root, needed
	c := r.config(root)
	c.digest, c.path, c.sum = digest(r.source), r.file, sha256.Sum256(r.source)
	for _, name := range slices.Sorted(maps.Keys(r.sources)) {
		c.Secrets = append(c.Secrets, r.sources[name])
	}
	if len(r.mistakes) > 0 {
		return nil, r.errors()
	}
	return c, nil
}

func newReader(name string, data []byte, env func(string) (string, bool)) *reader {
	return &reader{
		file:      name,
		dir:       filepath.Dir(name),
		env:       env,
		source:    data,
		bad:       map[*yaml.Node]bool{},
		unread:    map[*yaml.Node]bool{},
		schedules: map[cron]parsed{},
		words:     map[string]string{},
		sources:   map[string]secrets.Source{},
	}
}
