//go:build race

package monitor

// cycles is few where each process takes its time.
const cycles = 40
