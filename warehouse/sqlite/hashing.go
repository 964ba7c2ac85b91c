package sqlite

import (
	"crypto/md5"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"sync"

	"modernc.org/sqlite"

	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() {
	sqlite.MustRegisterDeterministicScalarFunction("sentinel_text", 2, hashText)
	sqlite.MustRegisterDeterministicScalarFunction("sentinel_hash", 1, hash)
	sqlite.MustRegisterFunction("sentinel_sum", &sqlite.FunctionImpl{NArgs: 1, Deterministic: true,
		MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) { return &hashSum{}, nil }})
}

// hashSpec is the second argument of sentinel_text, as JSON.
type hashSpec struct {
	Kind     warehouse.HashKind
	From, To rowvalues.Side
}

// HashText implements warehouse.RowHasher. The type belongs to the value, so that a function
// of this package reads it as the other table's type.
func (d Dialect) HashText(column string, t warehouse.Type, form warehouse.HashForm) (string, error) {
	spec := hashSpec{form.Kind, rowvalues.Side{Engine: d.Name(), UTC: form.UTC, Type: t},
		rowvalues.Side{Engine: form.Engine, UTC: form.UTC, Type: form.As}}
	if form.Kind == warehouse.HashStored {
		spec.From, spec.To = rowvalues.Side{}, rowvalues.Side{}
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	return "sentinel_text(" + column + ", '" + strings.ReplaceAll(string(text), "'", "''") + "')", nil
}

// Hash implements warehouse.RowHasher.
func (Dialect) Hash(texts []string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = "coalesce(" + text + ", '~')"
	}
	return "sentinel_hash(" + strings.Join(parts, " || ',' || ") + " || ',')"
}

// SumHashes implements warehouse.RowHasher. The engine's own sum overflows.
func (Dialect) SumHashes(hash string) string { return "sentinel_sum(" + hash + ")" }

// hashPairs keeps the pairs of specs: the function is called for each value.
type hashPairs struct {
	mu   sync.Mutex
	kept map[string]hashPair
}

type hashPair struct {
	stored bool
	pair   rowvalues.Pair
}

var knownHashPairs = hashPairs{kept: map[string]hashPair{}}

// mostHashPairs is how many pairs are kept.
const mostHashPairs = 10_000

func (k *hashPairs) get(text string) (hashPair, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p, ok := k.kept[text]; ok {
		return p, nil
	}
	var spec hashSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return hashPair{}, err
	}
	out := hashPair{stored: spec.Kind == warehouse.HashStored}
	if !out.stored {
		var err error
		if out.pair, err = rowvalues.NewPair("", spec.From, spec.To); err != nil {
			return out, err
		}
	}
	if len(k.kept) >= mostHashPairs {
		k.kept = map[string]hashPair{}
	}
	k.kept[text] = out
	return out, nil
}

// hashText is the function sentinel_text(value, spec).
func hashText(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	v, err := storedValue(args[0])
	if err != nil || v.Null() {
		return nil, err
	}
	spec, _ := args[1].(string)
	p, err := knownHashPairs.get(spec)
	if err != nil {
		return nil, fmt.Errorf("sentinel_text: %w", err)
	}
	if p.stored {
		return string(v.Kind) + ":" + rowvalues.HashText(v), nil
	}
	carried, err := p.pair.Carry(v)
	if err != nil { // no value of the other type is equal to it
		return "?" + string(v.Kind) + ":" + rowvalues.HashText(v), nil
	}
	return rowvalues.HashText(carried), nil
}

// storedValue returns the argument of a function as a value.
func storedValue(arg driver.Value) (warehouse.Value, error) {
	switch v := arg.(type) {
	case nil:
		return warehouse.Value{}, nil
	case int64:
		return warehouse.Value{Kind: warehouse.NumberValue, Text: fmt.Sprint(v)}, nil
	case float64:
		return warehouse.Value{Kind: warehouse.FloatValue, Text: warehouse.FloatText(v)}, nil
	case string:
		return warehouse.Value{Kind: warehouse.TextValue, Text: v}, nil
	case []byte:
		return warehouse.Value{Kind: warehouse.BytesValue, Text: string(v)}, nil
	}
	return warehouse.Value{}, fmt.Errorf("a value of the class %T has no hash", arg)
}

// hash is the function sentinel_hash(text).
func hash(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("sentinel_hash() takes a text, not %T", args[0])
	}
	sum := md5.Sum([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[8:]) & (1<<60 - 1)), nil
}

// hashSum is the aggregate sentinel_sum(hash).
type hashSum struct{ sum big.Int }

// Step takes a hash in.
func (s *hashSum) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	n, ok := args[0].(int64)
	if !ok {
		return fmt.Errorf("sentinel_sum() takes a hash, not %T", args[0])
	}
	s.sum.Add(&s.sum, big.NewInt(n))
	return nil
}

// WindowInverse takes a hash out.
func (s *hashSum) WindowInverse(_ *sqlite.FunctionContext, args []driver.Value) error {
	if n, ok := args[0].(int64); ok {
		s.sum.Sub(&s.sum, big.NewInt(n))
	}
	return nil
}

// WindowValue returns the digits of the sum.
func (s *hashSum) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	return s.sum.String(), nil
}

// Final does nothing.
func (*hashSum) Final(*sqlite.FunctionContext) {}
