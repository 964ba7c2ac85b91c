package store

import (
	"encoding/json"
	"fmt"

	"github.com/sentinel-dq/sentinel"
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
