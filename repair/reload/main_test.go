package reload_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

func TestMain(m *testing.M) { repairtest.Main(m, nil) }
