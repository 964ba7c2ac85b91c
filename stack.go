package sentinel

// GrowStack makes room on the stack of a goroutine that has little on it yet and will
// have much. Where a stack grows bit by bit below many frames, all of them are looked
// up each time, in tables of the program's file, of which the system maps the 64 KB
// around every entry.
func GrowStack() { useStack(0) }

// useStack reads of its room, which stays in the program for that.
//
//go:noinline
func useStack(at int) byte {
	var room [40 << 10]byte
	return room[at]
}
