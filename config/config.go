// Package config turns a YAML file into validated values. It is the only
// package that knows YAML, and reports every mistake of a file at once, each at
// its place. A reader begins with file.go: its structs are the file, and their
// tags are the keys (see package settings). decode.go decodes into them, kinds.go
// finds the kinds of checks, channels, exporters and repair actions, read.go and
// its neighbours validate, and jsonschema.go describes.
package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Config is a whole file.
type Config struct {
	State        string // sqlite:PATH, relative to the file
	Listen       string
	Token        sentinel.Secret
	Retention    time.Duration
	Jitter       time.Duration
	CatchUp      string // of ticks slept through: one, all, none
	MaxSeries    int
	Warehouses   []warehouse.Config // by name
	Datasets     []Dataset
	Channels     []notify.Channel // by name
	Routes       []notify.Route   // the default ones where none are written
	Windows      []notify.Window  // maintenance
	Exporters    []Exporter
	URL          string   // where people reach the agent; may be empty
	RepairsOff   bool     // the kill switch
	RepairBudget int      // repairs of all kinds that may begin in an hour; 0: 60
	Warnings     []string // what is allowed but seldom meant

	digest []byte // of the file's lines
}

// Fingerprint names what the file and something else, such as a program's
// version, say: 16 letters and digits, the same for files that differ only in
// where an agent is reached.
func (c *Config) Fingerprint(and string) string {
	sum := sha256.Sum256(append([]byte(and), c.digest...))
	return hex.EncodeToString(sum[:8])
}

// digest is of what the fingerprint is about.
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
	Table      sentinel.Table // Schema and Name may hold the wildcards * and %
	Exclude    []string       // names taken back from a wildcard
	TimeColumn string
	Location   *time.Location // nil: none configured
	DependsOn  []sentinel.Table
	Checks     []Check
	Risk       *Risk            // nil: no deadline is known, or risk is off
	Repairs    []*repair.Policy // Table is the dataset's, or for a pattern set by Resolve

	ofPattern bool // Resolve has made it of a pattern
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

// maxSize bounds what is read: a configuration of 20,000 checks has 2 MB.
const maxSize = 8 << 20

// Load reads and validates a file. The error is an *Errors with every mistake.
// env looks a variable up, as os.LookupEnv does.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
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
	return Parse(path, data, env)
}

// Parse validates a file's content; name is what mistakes are reported for, and
// relative paths in the file start from its directory.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	r := &reader{
		file:      name,
		dir:       filepath.Dir(name),
		env:       env,
		source:    data,
		bad:       map[*yaml.Node]bool{},
		schedules: map[cron]parsed{},
		words:     map[string]string{},
	}
	root := r.parse(data)
	if root == nil {
		return nil, r.errors()
	}
	r.root = root
	c := r.config(root)
	c.digest = digest(data)
	if len(r.mistakes) > 0 {
		return nil, r.errors()
	}
	return c, nil
}
