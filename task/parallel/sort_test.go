package parallel_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Sorts of sizes that merge in parallel, and in orders that are difficult for sorts.
func TestSortLarge(t *testing.T) {
	n := scale(400_000)
	orders := map[string]func(i int) int{
		"random":    func(int) int { return rand.Int() },
		"ascending": func(i int) int { return i },
		"falling":   func(i int) int { return -i },
		"few":       func(int) int { return rand.IntN(4) },
		"organ":     func(i int) int { return min(i, n-i) },
	}
	for name, at := range orders {
		t.Run(name, func(t *testing.T) {
			s := open(t, 4)
			xs := make([]pair, n)
			keys := make([]int, n)
			for i := range xs {
				keys[i] = at(i)
				xs[i] = pair{keys[i], i}
			}
			within(t, s, func(c *task.Ctx) error {
				if err := parallel.Sort(c, keys); err != nil || !slices.IsSorted(keys) {
					return fmt.Errorf("Sort: %v", err)
				}
				if err := parallel.SortStableFunc(c, xs, byKey); err != nil {
					return err
				}
				for i := range xs {
					if xs[i].key != keys[i] || i > 0 && xs[i].key == xs[i-1].key && xs[i].at < xs[i-1].at {
						return fmt.Errorf("SortStableFunc at %d", i)
					}
				}
				return nil
			})
		})
	}
}

func TestNaN(t *testing.T) {
	within(t, open(t, 2), func(c *task.Ctx) error {
		xs := make([]float64, 50_000)
		for i := range xs {
			xs[i] = rand.Float64()
			if i%1000 == 5 {
				xs[i] = math.NaN()
			}
		}
		least, most, err := parallel.MinMax(c, xs)
		if err != nil || !math.IsNaN(least) || !math.IsNaN(most) {
			return fmt.Errorf("MinMax: %v, %v, %v", least, most, err)
		}
		if err := parallel.Sort(c, xs); err != nil || !slices.IsSorted(xs) {
			return fmt.Errorf("Sort: %v", err)
		}
		return nil
	})
}

func TestEmptyExtremes(t *testing.T) {
	within(t, open(t, 1), func(c *task.Ctx) error {
		if panicText(func() { parallel.MinMax(c, []int{}) }) == nil {
			return errors.New("MinMax did not panic")
		}
		if panicText(func() { parallel.MinMaxFunc(c, []int{}, cmp.Compare[int]) }) == nil {
			return errors.New("MinMaxFunc did not panic")
		}
		return nil
	})
}
