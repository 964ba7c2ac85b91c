package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// Tick is one tick of one dataset: it was skipped, or it was run.
type Tick struct {
	Dataset string `json:"dataset"`
	Skipped string `json:"skipped,omitempty"` // the reason why it was not run
	Runs    []Run  `json:"runs,omitempty"`    // one for each check that was run
}

// Run is one run of one check.
type Run struct {
	Check    string `json:"check"`
	Status   int    `json:"status,omitempty"`   // a sentinel.Status
	Duration int64  `json:"duration,omitempty"` // microseconds
	Message  string `json:"message,omitempty"`
}

// TickEncoder encodes ticks. Its zero value is ready to use. It may be reused, but is
// not safe for concurrent use.
type TickEncoder struct{ compressor *zlib.Writer }

// Encode returns the encoded ticks. The caller owns the result.
func (e *TickEncoder) Encode(ticks []Tick) ([]byte, error) {
	text, err := json.Marshal(ticks)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if e.compressor == nil {
		if e.compressor, err = zlib.NewWriterLevel(&out, zlib.BestSpeed); err != nil {
			return nil, err
		}
	} else {
		e.compressor.Reset(&out)
	}
	if _, err := e.compressor.Write(text); err != nil {
		return nil, err
	}
	if err := e.compressor.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// DecodeTicks decodes the output of [TickEncoder.Encode]. Its error is [ErrDamaged].
func DecodeTicks(b []byte) (ticks []Tick, err error) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: ticks: %w", ErrDamaged, err)
	}
	text, err := io.ReadAll(r)
	if err == nil {
		err = json.Unmarshal(text, &ticks)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: ticks: %w", ErrDamaged, err)
	}
	return ticks, nil
}
