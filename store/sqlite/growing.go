package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// copyStalls bounds the time in which a copy of the open file does not grow. There is no
// bound on how long a copy takes: a large state takes long.
const copyStalls = 20 * time.Second

// whileGrowing returns a context that ends once a file has not grown for a time. Call stop.
func whileGrowing(parent context.Context, path string, stalls time.Duration) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		look := time.NewTicker(stalls / 20)
		defer look.Stop()
		last, same := int64(-1), 0
		for same < 20 {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			info, err := os.Stat(path)
			switch {
			case err != nil && !errors.Is(err, fs.ErrNotExist):
				cancel(err)
				return
			case err == nil && info.Size() != last:
				last, same = info.Size(), 0
			default:
				same++
			}
		}
		cancel(fmt.Errorf("the copy of the state does not grow any more: %s has %d bytes", path, max(last, 0)))
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}
