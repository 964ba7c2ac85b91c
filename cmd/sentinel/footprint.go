package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/cmd/sentinel/onecpu"
)

// useCPUs ends what onecpu began, for commands that work on more than one CPU. One
// does where the work is the warehouse's: an agent that looks at a thousand tables a
// second uses a twentieth of it, and each further one has caches of its own, and a
// thread that looks for work. Whoever sets GOMAXPROCS decides.
func useCPUs(command string) {
	switch {
	case os.Getenv("GOMAXPROCS") != "":
		runtime.GOMAXPROCS(onecpu.Before)
	case command != "sentinel check" && command != "sentinel run":
		runtime.SetDefaultGOMAXPROCS()
	}
}

// forgetStart gives the pages of the program's own file back that only starting and
// reading the configuration have touched: every package's initialisation maps the
// 64 KB around it, which is half of a small agent's memory. The system keeps them in
// its cache, and maps again what is used. Where that cannot be done, nothing is lost.
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

// Memory is given back once so much was used since the last time, and not more
// often than restEvery.
const worthGiving, restEvery = 4 << 20, 5 * time.Second

// givesBack returns what an agent does when no tick is under way: the garbage of
// the last one is not kept for the next, which may be an hour off.
func givesBack() func() {
	var mu sync.Mutex
	var last time.Time
	var used uint64
	return func() {
		mu.Lock()
		defer mu.Unlock()
		allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(allocated)
		now, total := clock(), allocated[0].Value.Uint64()
		if total-used < worthGiving || now.Sub(last) < restEvery {
			return
		}
		last, used = now, total
		debug.FreeOSMemory()
		leaveRoom()
	}
}

// room is how much a tick may use before garbage is collected: more than a look at a
// thousand tables uses. It is collected when the tick is over anyway. Where much is
// held, a collection takes longer, and waits for leastRoom percent of that.
const room, leastRoom = 6 << 20, 50

// leaveRoom sets when the next collection begins; whoever sets GOGC decides.
func leaveRoom() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(max(leastRoom, int(100*room/max(1, live[0].Value.Uint64()))))
}

// A command may use so much before garbage is collected, so that most are over
// without. The runtime begins at leastHeap, at 100 %.
const commandRoom, leastHeap = 16 << 20, 4 << 20

// leaveRoomOnce leaves a command its room. What needs more goes on as usual.
func leaveRoomOnce() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(100 * commandRoom / leastHeap)
	runtime.AddCleanup(new(*byte), func(usual int) { debug.SetGCPercent(usual) }, 100)
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
