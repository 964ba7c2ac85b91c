//go:build !race

package oracle_test

const usualRounds = 2000
