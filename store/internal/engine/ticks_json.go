package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"

	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// jsonTick is a tick as the body of a row held it before names had numbers: an array of
// them in JSON, compressed with zlib.
type jsonTick struct {
	Dataset string    `json:"dataset"`
	Skipped string    `json:"skipped,omitempty"`
	Runs    []jsonRun `json:"runs,omitempty"`
}

type jsonRun struct {
	Check    string `json:"check"`
	Status   int    `json:"status,omitempty"`
	Duration int64  `json:"duration,omitempty"` // microseconds
	Message  string `json:"message,omitempty"`
}

const insertJSONTicks = `INSERT INTO tick (tick, schedule, low, high, n, checks, body) VALUES (?, ?, ?, ?, ?, ?, ?)`

// jsonTickArgs returns the arguments of [insertJSONTicks]. ticks must not be empty.
func jsonTickArgs(at int64, schedule string, ticks []jsonTick) ([]any, error) {
	low := ticks[0].Dataset
	high := low
	checks := 0
	for _, t := range ticks {
		low = min(low, t.Dataset)
		high = max(high, t.Dataset)
		checks += len(t.Runs)
	}
	text, err := json.Marshal(ticks)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	w := zlib.NewWriter(&body)
	_, err = w.Write(text)
	err = errors.Join(err, w.Close())
	return []any{at, schedule, low, high, len(ticks), checks, body.Bytes()}, err
}

func decodeJSONTicks(body []byte) (ticks []jsonTick, err error) {
	r, err := zlib.NewReader(bytes.NewReader(body))
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

// number replaces the names in ticks by their numbers.
func number(ticks []jsonTick, id func(name string) (int64, error)) (out []format.Tick, err error) {
	for _, t := range ticks {
		numbered := format.Tick{Skipped: t.Skipped}
		if numbered.Dataset, err = id(t.Dataset); err != nil {
			return nil, err
		}
		for _, r := range t.Runs {
			run := format.Run{Status: r.Status, Duration: r.Duration, Message: r.Message}
			if run.Check, err = id(r.Check); err != nil {
				return nil, err
			}
			numbered.Runs = append(numbered.Runs, run)
		}
		out = append(out, numbered)
	}
	return out, nil
}
