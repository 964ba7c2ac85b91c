package reload

import (
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// pairColumns pairs the columns of a source with those that are loaded, by name.
func pairColumns(engine string, source *warehouse.Table, details planDetails) ([]rowvalues.Pair, error) {
	pairs := make([]rowvalues.Pair, len(details.Columns))
	for i, name := range details.Columns {
		c := source.Column(name)
		if c == nil {
			return nil, &repair.RefusedError{Why: "it has no column " + name}
		}
		p, err := rowvalues.NewPair(name, rowvalues.Side{Engine: engine, UTC: details.UTC, Type: c.Type}, details.side(i))
		if err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
		pairs[i] = p
	}
	return pairs, nil
}

// side returns a column that is loaded, as the table has it.
func (d planDetails) side(i int) rowvalues.Side {
	return rowvalues.Side{Engine: d.Engine, UTC: d.UTC, Type: d.Types[i]}
}
