package store

import (
	"encoding/json"
	"fmt"
	"slices"

	sentinel "github.com/sentinel-dq/sentinel"
)

// row is a result as the arguments of the inserts it takes.
type row struct {
	table                   sentinel.Table
	run, last, observations []any
}

// encode turns results into rows, before the transaction begins.
func encode(results []sentinel.Result) ([]row, error) {
	rows := make([]row, len(results))
	for i, r := range results {
		observations := slices.Concat(r.Past, r.Observations)
		r.Past = nil // remembered as observations alone
		body, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("the result of %s: %w", r.Check, err)
		}
		tick := micros(r.Tick)
		rows[i] = row{
			table: r.Table,
			run:   []any{r.Check, tick, int(r.Status), r.Duration.Microseconds(), r.Message},
			last:  []any{r.Check, r.Table.String(), tick, body},
		}
		for _, o := range observations {
			at := tick
			if !o.Bucket.IsZero() {
				at = micros(o.Bucket)
			}
			rows[i].observations = append(rows[i].observations, r.Check, o.Metric, o.Segment, at, sqlValue(o.Value))
		}
	}
	return rows, nil
}

// sqlValue keeps integers exact; what is absent or no finite number is NULL.
func sqlValue(n sentinel.Number) any {
	if v, ok := n.Int64(); ok {
		return v
	}
	if n.Finite() {
		return n.Float64()
	}
	return nil
}

func scanJSON(scan func(...any) error, v any) error {
	var body []byte
	if err := scan(&body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// exactValue reads an observation's number from either engine with all its
// digits: nil, an int64 or a float64.
type exactValue struct{ value any }

// Scan implements sql.Scanner.
func (e *exactValue) Scan(v any) error {
	switch v := v.(type) {
	case nil, int64, float64:
		e.value = v
		return nil
	case string:
		n, err := sentinel.ParseNumber(v)
		e.value = sqlValue(n)
		return err
	case []byte:
		return e.Scan(string(v))
	}
	return fmt.Errorf("an observation of type %T", v)
}
