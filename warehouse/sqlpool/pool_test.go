package sqlpool

import (
	"errors"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestAPanicIsTheErrorOfItsStatement: the other statements are answered.
func TestAPanicIsTheErrorOfItsStatement(t *testing.T) {
	t.Parallel()
	query := func(st warehouse.Statement) (warehouse.Rows, error) {
		if st.SQL == "bug" {
			panic("a bug")
		}
		return warehouse.Rows{{{Text: st.SQL}}}, nil
	}
	statements := []warehouse.Statement{{SQL: "a"}, {SQL: "bug"}, {SQL: "b"}, {SQL: "bug"}}
	var mu sync.Mutex
	answered := 0
	Each(2, statements, query, func(i int, rows warehouse.Rows, err error) {
		mu.Lock()
		defer mu.Unlock()
		answered++
		if bug := errors.As(err, new(*panics.Error)); bug != (statements[i].SQL == "bug") || bug == (len(rows) == 1) {
			t.Errorf("%s: %v, %v", statements[i].SQL, rows, err)
		}
	})
	if answered != len(statements) {
		t.Errorf("%d answers to %d statements", answered, len(statements))
	}
}
