package oracle_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// started is when the zones of the oracle begin to change their clocks.
var started = time.Now().UTC().Truncate(time.Hour)

// changesAhead is how many hours of a run have zones whose clock has just been changed.
const changesAhead = 24

// writeZones makes zones whose clock is changed by an hour at each full hour of the run,
// forward or back. The freshness of rows near a change can be judged only then.
func writeZones(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "Oracle"), 0o755); err != nil {
		return err
	}
	for hour := -3; hour <= changesAhead; hour++ {
		for name, shift := range map[string]int32{"Forward": 3600, "Back": -3600} {
			data := []byte("TZif" + strings.Repeat("\x00", 16))
			change := started.Add(time.Duration(hour) * time.Hour)
			for _, n := range []uint32{0, 0, 0, 1, 2, 8} { // counts
				data = binary.BigEndian.AppendUint32(data, n)
			}
			data = binary.BigEndian.AppendUint32(data, uint32(change.Unix()))
			data = append(data, 1) // to the second offset
			data = append(binary.BigEndian.AppendUint32(data, uint32(7200)), 0, 0)
			data = append(binary.BigEndian.AppendUint32(data, uint32(7200+shift)), 1, 4)
			data = append(data, "AAA\x00BBB\x00"...)
			file := filepath.Join(dir, zoneName(name, hour))
			if err := os.WriteFile(file, data, 0o600); err != nil {
				return err
			}
		}
	}
	return os.Setenv("ZONEINFO", dir)
}

func zoneName(name string, hour int) string {
	return fmt.Sprintf("Oracle/%s%d", name, hour+100)
}

// changedZone draws a zone whose clock was changed in the last three hours.
func changedZone(r *rand.Rand, now time.Time) (*time.Location, error) {
	hours := min(int(now.Sub(started)/time.Hour), changesAhead)
	return time.LoadLocation(zoneName(pick(r, []string{"Forward", "Back"}), hours-r.IntN(3)))
}
