//go:build !race

package differential_test

const usualRounds = 500
