package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// The second part sorts what the first has found by quicksort: each step splits the strings in two parts, and sorts one of them in
// parallel. That is very many small pieces of work, most of them at the leaves.
const (
	leafSize = 8    // strings that are sorted without another split
	cutoff   = 2048 // strings below which goroutines with a cut-off do not fork
)

// stringsOf returns the different strings of a tally, in an order that only they decide.
func stringsOf(t *tally) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(t.names)), maps.Keys(t.words))
	slices.Sort(all)
	all = slices.Compact(all)
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// split puts the strings in an order in which none of the first part is greater than one of the second, and returns both. There
// are more than leafSize strings, so neither part is empty.
func split(xs []string) (low, high []string) {
	a, b, c := xs[0], xs[len(xs)/2], xs[len(xs)-1]
	pivot := max(min(a, b), min(max(a, b), c)) // the one in the middle
	i, j := 0, len(xs)-1
	for {
		for xs[i] < pivot {
			i++
		}
		for xs[j] > pivot {
			j--
		}
		if i >= j {
			break
		}
		xs[i], xs[j] = xs[j], xs[i]
		i++
		j--
	}
	return xs[:j+1], xs[j+1:]
}

// sortHere sorts by the same steps without a fork.
func sortHere(xs []string) {
	if len(xs) <= leafSize {
		slices.Sort(xs)
		return
	}
	low, high := split(xs)
	sortHere(low)
	sortHere(high)
}

// A sorter sorts strings.
type sorter struct {
	name string
	sort func(xs []string) error
}

// sorters are the ways to sort, heddle's first.
func sorters(heddle func(xs []string) error) []sorter {
	plain := func(f func(xs []string)) func(xs []string) error {
		return func(xs []string) error { f(xs); return nil }
	}
	return []sorter{
		{"heddle, a fork at each step", heddle},
		{"goroutines, a fork at each step", plain(func(xs []string) { sortOnGoroutines(xs, leafSize) })},
		{fmt.Sprintf("goroutines, cut-off at %d", cutoff), plain(func(xs []string) { sortOnGoroutines(xs, cutoff) })},
		{"no forks", plain(sortHere)},
	}
}
