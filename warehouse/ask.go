package warehouse

import (
	"context"
	"fmt"
)

// ReadAll runs the catalog's statements and returns their answers in order; the
// first error ends it, so that half a catalog is never taken for a whole one.
func ReadAll(ctx context.Context, s Sessions, statements []Statement) ([]Rows, error) {
	answers := make([]Rows, len(statements))
	errs := make([]error, len(statements))
	s.Run(ctx, statements, func(i int, rows Rows, err error) { answers[i], errs[i] = rows, err })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// Ask sends one statement of a catalog reading.
func Ask(ctx context.Context, s Sessions, st Statement) (rows Rows, err error) {
	s.Run(ctx, []Statement{st}, func(_ int, r Rows, e error) { rows, err = r, e })
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	return rows, nil
}
