//go:build race

package schedule

// The race detector makes the laws of the calendar ten times slower. Under it they are
// tried at every fifth change; make test tries them at all changes without it.
const everyNth = 5
