//go:build !race

package monitor

// cycles is how often a service is started and stopped in each of the two ways: 1,000 times in all.
const cycles = 500
