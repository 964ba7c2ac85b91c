package mysql

import (
	"fmt"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestSlowStatementsRunSideBySide(t *testing.T) {
	t.Parallel()
	dialecttest.SideBySide(t, testenv.MySQL(t), func(i int) string {
		const now = "timestampdiff(MICROSECOND, '1970-01-01', sysdate(6)) / 1000000"
		return fmt.Sprintf("SELECT %s, %s + sleep(0.25) + 0.25 /* %d */", now, now, i)
	})
}
