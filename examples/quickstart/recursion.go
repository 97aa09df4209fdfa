package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// The second part sorts the strings of the first by quicksort. Each step splits the strings into
// two parts and sorts one of them in parallel. That makes very many small pieces of work, most of
// them at the leaves.
const (
	leafSize = 8    // parts of at most this many strings are sorted without another split
	cutoff   = 2048 // with a cut-off, parts of fewer strings are sorted without a goroutine
)

// stringsOf returns the distinct strings of t, in an order that depends only on the strings.
func stringsOf(t *tally) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(t.names)), maps.Keys(t.words))
	slices.Sort(all)
	all = slices.Compact(all)
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// split reorders xs so that no string of low is greater than a string of high, and returns both
// parts. xs must have more than leafSize strings, so that neither part is empty.
func split(xs []string) (low, high []string) {
	a, b, c := xs[0], xs[len(xs)/2], xs[len(xs)-1]
	pivot := max(min(a, b), min(max(a, b), c)) // the median of the three
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

// sortHere sorts with the same steps, but without forks.
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

// sorters returns the ways to sort, heddle's first.
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
