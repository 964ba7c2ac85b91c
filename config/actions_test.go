package config_test

import _ "github.com/sentinel-dq/sentinel/repair/all" // the documentation configures them
