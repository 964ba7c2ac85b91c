//go:build !race

package schedule

const everyNth = 1
