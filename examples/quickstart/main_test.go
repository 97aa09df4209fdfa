package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// tree makes a folder with two Go files and another file. If the system has links, it adds a link
// that leads nowhere and so cannot be read.
func tree(t *testing.T) (root string, linked bool) {
	root = t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	write("a.go", "package a\n\n// Some words, SOME more.\nvar x, y = 1, x\n")
	write("sub/b.go", "package b // more\n\nfunc f(x int) int { return x }")
	write("sub/notes.txt", "not Go\n")
	// A broken file is counted as far as it can be parsed.
	write("sub/broken.go", "pack\"age \x00\n")
	linked = os.Symlink(filepath.Join(root, "nowhere"), filepath.Join(root, "sub", "gone.go")) == nil
	return root, linked
}

func counts(c counter) map[string]int {
	m := map[string]int{}
	for s, n := range c {
		m[s] = *n
	}
	return m
}

func TestCounts(t *testing.T) {
	root, linked := tree(t)
	files, problems, err := list(root)
	require.NoError(t, err)
	require.Len(t, files, 3)
	if linked {
		require.Len(t, problems, 1)
		require.ErrorContains(t, problems[0], "gone.go")
	}
	files = append(files, filepath.Join(root, "deleted.go")) // as if deleted after it was listed

	check := func(t *testing.T, p pass) {
		require.Equal(t, 3, p.found.files)
		require.Equal(t, 4+3+1, p.found.lines)
		require.Equal(t, map[string]int{"a": 1, "b": 1, "x": 4, "y": 1, "f": 1, "int": 2, "pack": 1}, counts(p.found.names))
		require.Equal(t, 11, p.found.idents)
		require.Equal(t, map[string]int{"some": 2, "words": 1, "more": 2}, counts(p.found.words))
		require.Len(t, p.found.problems, 1)
		require.ErrorIs(t, p.found.problems[0], fs.ErrNotExist)
		require.ErrorContains(t, p.found.problems[0], "deleted.go")
	}
	for _, workers := range []int{1, 2, 4} {
		p, err := onHeddle(files, settings{workers: workers}, cli.Count(io.Discard, "", len(files), "files"))
		require.NoError(t, err)
		check(t, p)
		require.EqualValues(t, len(files)+1, p.stats.Finished)
	}
	check(t, onGoroutines(files, cli.Count(io.Discard, "", len(files), "files")))
	for _, workers := range []int{1, 2, 8} {
		check(t, byIndex(files, settings{workers: workers}, cli.Count(io.Discard, "", len(files), "files")))
	}
}

func TestRun(t *testing.T) {
	root, linked := tree(t)
	for _, args := range [][]string{
		{root}, {"-root", root}, {"-workers", "1", "-rounds", "1", root}, {"-pinning", "none", "-workers", "3", root},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 0, run(args, &out, &errs), errs.String())
		for _, part := range []string{
			"indexing 3 .go files", "8 lines, 11 identifiers (7 different)", "x 4, int 2",
			"more 2, some 2, words 1", "4 tasks, workers=", "worker 0", "thefts",
			"  heddle, a task a file ", "  goroutines, one a file ", "  goroutines, one a worker ",
			"files/s", "heddle / this: ",
			"sorting the 10 different identifiers and words", "  heddle, a fork at each step ", "  goroutines, a fork at each step ",
			"  goroutines, cut-off at 2048 ", "  no forks ",
		} {
			require.Contains(t, out.String(), part, "%q", args)
		}
		require.Contains(t, errs.String(), "3 of 3 files")
		require.Equal(t, 2+3, strings.Count(out.String(), "heddle / this: "), "a ratio for each other side, losses too")
		if linked {
			require.Equal(t, 1, strings.Count(errs.String(), "gone.go"), errs.String())
			require.Contains(t, errs.String(), "going on without it")
		}
	}
}

func TestUnreadableFolder(t *testing.T) {
	root, _ := tree(t)
	locked := filepath.Join(root, "locked")
	require.NoError(t, os.Mkdir(locked, 0))
	t.Cleanup(func() { _ = os.Chmod(locked, 0o755) })
	if _, err := os.ReadDir(locked); err == nil {
		t.Skip("this user may read every folder")
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{root}, &out, &errs))
	require.Contains(t, errs.String(), "cannot read "+locked)
	require.Contains(t, out.String(), "found in 3 files")
}

func TestNothingToIndex(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "notes.txt")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for arg, want := range map[string]string{
		filepath.Join(empty, "missing"): "there is no folder ",
		empty:                           "there are no .go files under ",
		file:                            "is a file: give the folder that holds it",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 1, run([]string{arg}, &out, &errs))
		require.Contains(t, errs.String(), want)
		require.Contains(t, errs.String(), arg)
		require.Empty(t, out.String())
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-workers", "0"}, {"-workers", "x"}, {"-pinning", "glue"}, {"-rounds", "0"}, {"a", "b"}, {"-root", "a", "b"}, {"-x"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(args, &out, &errs), "%q", args)
		require.Contains(t, errs.String(), "usage: quickstart", "%q", args)
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-h"}, &out, &errs))
	require.Contains(t, errs.String(), "-pinning")
}

func TestPinningNames(t *testing.T) {
	for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.CPUs, scheduler.None} {
		set, err := parse([]string{"-pinning", p.String()}, &bytes.Buffer{})
		require.NoError(t, err)
		require.Equal(t, p, set.pinning)
	}
}

// TestSorters checks that all ways to sort give the same result: with few and with many equal
// strings, in order, reversed and mixed.
func TestSorters(t *testing.T) {
	many := map[string][]string{"none": nil, "one": {"a"}}
	for _, n := range []int{leafSize, leafSize + 1, 100, 5000} {
		for _, different := range []int{1, 2, 10_000} {
			var xs []string
			for i := range n {
				xs = append(xs, strconv.Itoa(i*7919%different))
			}
			many[fmt.Sprintf("%d strings, %d different", n, different)] = xs
			up := slices.Sorted(slices.Values(xs))
			many[fmt.Sprintf("%d strings, %d different, sorted", n, different)] = up
			down := slices.Clone(up)
			slices.Reverse(down)
			many[fmt.Sprintf("%d strings, %d different, reversed", n, different)] = down
		}
	}
	for _, workers := range []int{1, 2, 4} {
		require.NoError(t, withSorter(settings{workers: workers}, func(heddle func(xs []string) error) error {
			for _, way := range sorters(heddle) {
				for name, xs := range many {
					got := slices.Clone(xs)
					require.NoError(t, way.sort(got))
					require.Equal(t, slices.Sorted(slices.Values(xs)), got, "%s: %s", way.name, name)
				}
			}
			return nil
		}))
	}
}

// TestSplit checks that neither part is empty, because otherwise the recursion would not end.
func TestSplit(t *testing.T) {
	for n := leafSize + 1; n < 40; n++ {
		for different := 1; different < 12; different++ {
			xs := make([]string, n)
			for i := range xs {
				xs[i] = strconv.Itoa(i * 7919 % different)
			}
			low, high := split(xs)
			require.NotEmpty(t, low)
			require.NotEmpty(t, high)
			require.Len(t, xs, len(low)+len(high))
			require.LessOrEqual(t, slices.Max(low), slices.Min(high))
		}
	}
}

func TestRatioOf(t *testing.T) {
	require.Equal(t, "0.50 (0.25 to 3.00)", ratioOf([]time.Duration{1, 3, 1}, []time.Duration{4, 1, 2}))
	require.Equal(t, time.Duration(1), middle([]time.Duration{2, 1}))
}
