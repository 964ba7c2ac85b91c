package checks_test

import (
	"sync/atomic"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// statementCount counts the statements that are answered.
type statementCount struct {
	warehouse.NopObserver
	atomic.Int64
}

// Statement implements warehouse.Observer.
func (c *statementCount) Statement(warehouse.ErrorKind) { c.Add(1) }
