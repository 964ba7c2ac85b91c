package mysql

import (
	"testing"
)

func TestServersWhoseInstantIsUnsound(t *testing.T) {
	t.Parallel()
	for version, sound := range map[string]bool{
		"8.0.28": true, "8.0.29": false, "8.0.31-commercial": false, "8.0.32": true, "8.4.3": true, "9.1.0": true,
		"10.11.19-MariaDB-0+deb12u1": true, "8.0.30-MariaDB": true, "odd": true,
	} {
		if why := instantDefect(version); (why == "") != sound {
			t.Errorf("%s: %s", version, why)
		}
	}
}
