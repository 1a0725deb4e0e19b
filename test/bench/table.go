package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// row is a line of the table.
func row(label string, columns ...string) string {
	line := fmt.Sprintf("%-80s", label)
	for _, c := range columns {
		line += fmt.Sprintf("%9s", c)
	}
	return strings.TrimRight(line, " ") + "\n"
}

// raceTable shows contestants in pairs, the C program before hookd, and the time of the second in terms of the first.
func raceTable(all []*contestant, rounds int) string {
	text := "\n" + row(fmt.Sprintf("%s (%d rounds each, in turn, %s apart)", raceTitle, rounds, pause), "p50 µs", "p90 µs")
	for i, c := range children() {
		bare, hookd := all[2*i].took, all[2*i+1].took
		text += row("bare C, "+c.name, micros(bare, 0.5), micros(bare, 0.9)) +
			row("hookd, "+c.name, micros(hookd, 0.5), micros(hookd, 0.9)) +
			row("ratio", ratio(hookd, bare, 0.5), ratio(hookd, bare, 0.9))
	}
	return text
}

func micros(times []time.Duration, q float64) string {
	return fmt.Sprintf("%.0f", float64(quantile(times, q))/1e3)
}

func ratio(a, b []time.Duration, q float64) string {
	return fmt.Sprintf("%.2f", float64(quantile(a, q))/float64(quantile(b, q)))
}

// quantile is the smallest of some times, of which there is one at least, that a share of q of them do not exceed.
func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}
