//go:build race

package differential_test

// The race detector makes rounds several times slower. Under it there are few, and
// `make test` runs all without it.
const usualRounds = 100
