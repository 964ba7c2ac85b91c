package store

import (
	"encoding/json"
	"fmt"

	sentinel "github.com/sentinel-dq/sentinel"
)

// part is some results as the arguments of the inserts they take.
type part struct {
	runs, last []any
	observed   []observed
	body       []byte // the JSON of all of them; what grows out of it stays valid
	table      sentinel.Table
	dataset    any // the table's name
}

func newPart(results int) *part {
	return &part{
		runs: make([]any, 0, results*insertResult.width), last: make([]any, 0, results*insertLast.width),
		observed: make([]observed, 0, 2*results), body: make([]byte, 0, 480*results),
	}
}

// add appends a result. Values of earlier buckets are remembered as observations
// alone.
func (p *part) add(r *sentinel.Result) (err error) {
	if r.Table != p.table || p.dataset == nil {
		p.table, p.dataset = r.Table, r.Table.String()
	}
	whole := *r
	whole.Past = nil
	begin := len(p.body)
	if p.body, err = whole.AppendJSON(p.body); err != nil {
		return fmt.Errorf("the result of %s: %w", r.Check, err)
	}
	var check, tick any = r.Check, micros(r.Tick)
	p.runs = append(p.runs, check, tick, int(r.Status), r.Duration.Microseconds(), r.Message)
	p.last = append(p.last, check, p.dataset, tick, p.body[begin:])
	for _, o := range r.Past {
		p.observed = append(p.observed, observe(r, o))
	}
	for _, o := range r.Observations {
		p.observed = append(p.observed, observe(r, o))
	}
	return nil
}

// clear empties the part and keeps its memory for the next.
func (p *part) clear() {
	p.runs, p.last, p.observed, p.body = p.runs[:0], p.last[:0], p.observed[:0], p.body[:0]
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
