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
	cfg, err := config.Load(path, os.LookupEnv)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: name a file with -c, or write one with `sentinel init DSN`", err)
	}
	return cfg, err
}
