package setup

import (
	"errors"
	"fmt"
	"os"

	"github.com/sentinel-dq/sentinel/config"
)

// Load reads the configuration file at path. `${NAME}` in it is read from the
// environment.
func Load(path string) (*config.Config, error) {
	return named(config.Load(path, os.LookupEnv))
}

// LoadFor is as [Load], but reads the secrets of some keys of the file alone: see
// [config.LoadFor].
func LoadFor(path string, keys ...string) (*config.Config, error) {
	return named(config.LoadFor(path, os.LookupEnv, keys...))
}

// named says how to name a file where there is none.
func named(cfg *config.Config, err error) (*config.Config, error) {
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: name a file with -c, or write one with `sentinel init DSN`", err)
	}
	return cfg, err
}
