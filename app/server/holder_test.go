package server

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// TestHoldersThatHaveEnded: only of a process of this host is it known that it has ended.
func TestHoldersThatHaveEnded(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	gone := ended.Process.Pid
	for holder, want := range map[string]bool{
		fmt.Sprintf("%s/%d/1", host, gone):         true,
		fmt.Sprintf("%s/%d/1", host, os.Getpid()):  true,
		fmt.Sprintf("%s/%d/1", host, os.Getppid()): false,
		fmt.Sprintf("other-%s/%d/1", host, gone):   false,
		"":                                         false, "a/b": false, host + "/x/1": false,
	} {
		if hasEnded(holder) != want {
			t.Errorf("%q has ended: %v", holder, !want)
		}
	}
}
