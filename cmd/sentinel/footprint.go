package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// forgetStart gives the pages of the program's own file back that only starting
// has touched: every package's initialisation maps the 64 KB around it, which is
// half of a small agent's memory. The system keeps them in its cache, and maps
// again what is used. Where that cannot be done, nothing is lost.
func forgetStart() {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return // not Linux
	}
	defer f.Close()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uintptr
		var mode string
		if line := lines.Text(); !strings.HasSuffix(line, " "+self) {
			continue
		} else if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[1] == 'w' {
			continue
		}
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
	}
}

// firstMinute is over when an agent does only what it does all day.
const firstMinute = time.Minute

// settle gives back once more what the agent's first minute alone has used: reading
// the configuration, making the state, the first looks.
func settle(ctx context.Context) {
	timer := time.NewTimer(firstMinute)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		forgetStart()
	}
}
