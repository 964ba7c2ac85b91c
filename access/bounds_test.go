package access

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// TestWhatIsRememberedOfClientsIsBounded: whoever asks with many names, passwords or addresses
// fills no memory.
func TestWhatIsRememberedOfClientsIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var refused failures
	for i := range 3 * failureClients {
		refused.add(fmt.Sprint(i), now.Add(time.Duration(i)*time.Millisecond))
		if len(refused.clients) > failureClients {
			t.Fatalf("%d addresses are remembered", len(refused.clients))
		}
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var known passwords
	for i := range 2 * keptPasswords {
		if known.match("ann", string(hash), fmt.Sprint("wrong", i)) || !known.match("ann", string(hash), "right") {
			t.Fatalf("after %d passwords", i)
		}
		if len(known.known) > keptPasswords {
			t.Fatalf("%d passwords are remembered", len(known.known))
		}
	}
}
