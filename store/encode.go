package store

import (
	"encoding/json"
	"fmt"

	sentinel "github.com/sentinel-dq/sentinel"
)

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
