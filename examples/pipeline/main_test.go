package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

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

// tree makes folders with some files: empty files, equal files, one file that is longer than a step
// of the hash, and a link, which the pipeline must skip.
func tree(t *testing.T, files int) (root string) {
	root = t.TempDir()
	write := func(name string, data []byte) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	for i := range files {
		write(fmt.Sprintf("d%d/e%d/f%d", i%7, i%3, i), bytes.Repeat([]byte{byte(i % 50)}, i%50*10))
	}
	write("large", bytes.Repeat([]byte("heddle"), 50_000))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "empty", "folder"), 0o755))
	_ = os.Symlink(root, filepath.Join(root, "link")) // some systems have no links
	return root
}

// naive hashes the tree in the simplest way.
func naive(t *testing.T, root string) (sums []sum) {
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		sums = append(sums, sum{path, len(data), sha256.Sum256(data)})
		return err
	}))
	return sums
}

type side func(ctx context.Context, set settings, bar *cli.Counter) (*pass, error)

var sides = map[string]side{"heddle": onHeddle, "goroutines": onGoroutines}

func TestSums(t *testing.T) {
	root := tree(t, 200)
	want := &pass{sums: naive(t, root)}
	want.seal()
	require.Len(t, want.sums, 201)
	for name, run := range sides {
		for _, set := range []settings{
			{workers: 1, readers: 1, bound: 0},
			{workers: 2, readers: 8, bound: 1},
			{workers: 4, readers: 3, bound: 64, pinning: scheduler.None},
		} {
			t.Run(fmt.Sprintf("%s/workers=%d", name, set.workers), func(t *testing.T) {
				set.root = root
				bar := cli.Count(io.Discard, "", 0, "files")
				p, err := run(context.Background(), set, bar)
				bar.Stop()
				require.NoError(t, err)
				p.seal()
				require.Equal(t, want.sums, p.sums)
				require.Equal(t, want.digest, p.digest)
				require.Empty(t, p.problems)
				require.EqualValues(t, 201, bar.Done())
				for _, s := range p.stages()[1:] {
					require.EqualValues(t, 201, s.files.Load(), s.name)
					require.EqualValues(t, p.size(), s.bytes.Load(), s.name)
				}
			})
		}
	}
}

// TestInterrupted ends the context at various moments. All stages must end with the context's
// cause, and no goroutine may be left behind, which TestMain checks.
func TestInterrupted(t *testing.T) {
	stop := errors.New("stop")
	root := tree(t, 300)
	for name, run := range sides {
		for _, after := range []int64{0, 1, 50, 250} {
			t.Run(fmt.Sprintf("%s/after=%d", name, after), func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				bar := cli.Count(io.Discard, "", 0, "files")
				defer bar.Stop()
				if after == 0 {
					cancel(stop)
				}
				bar.OnEach(func(n int64) {
					if n == after {
						cancel(stop)
					}
				})
				p, err := run(ctx, settings{root: root, workers: 2, readers: 4, bound: 2}, bar)
				require.Equal(t, stop, err)
				require.Less(t, len(p.sums), 301)
			})
		}
	}
}

// TestRootGone checks that a failure in one stage ends the others.
func TestRootGone(t *testing.T) {
	for name, run := range sides {
		bar := cli.Count(io.Discard, "", 0, "files")
		_, err := run(context.Background(), settings{root: filepath.Join(t.TempDir(), "gone"), workers: 2, readers: 2}, bar)
		bar.Stop()
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
}

func TestUnreadable(t *testing.T) {
	root := tree(t, 10)
	require.NoError(t, os.Chmod(filepath.Join(root, "large"), 0))
	if _, err := os.ReadFile(filepath.Join(root, "large")); err == nil {
		t.Skip("this user may read every file")
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(context.Background(), []string{"-dir", root, "-rounds", "1"}, &out, &errs))
	require.Contains(t, out.String(), "10 files")
	require.Contains(t, errs.String(), "cannot read "+filepath.Join(root, "large"))
}

func TestRun(t *testing.T) {
	root := tree(t, 100)
	for _, args := range [][]string{
		{}, {"-workers", "1", "-rounds", "1"}, {"-pinning", "none", "-workers", "3", "-readers", "1", "-bound", "0"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 0, run(context.Background(), append(args, "-dir", root), &out, &errs), errs.String())
		for _, part := range []string{
			"101 files, 324500 bytes", "   300000 bytes  large", "more than once: 49, 12250 bytes too many", "2 x 490 bytes",
			"heddle     read", "goroutines walk", "the slowest: ", "ratio of the medians",
		} {
			require.Contains(t, out.String(), part, "%q", args)
		}
		require.Contains(t, errs.String(), "101 files")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	require.Equal(t, 130, run(ended, []string{"-dir", root}, &out, &errs))
	require.Contains(t, errs.String(), "interrupted")
}

func TestNothingToHash(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "sub", "notes.txt")
	require.NoError(t, os.MkdirAll(filepath.Join(empty, "sub"), 0o755))
	for arg, want := range map[string]string{
		filepath.Join(empty, "missing"): "there is no folder ",
		empty:                           "there are no files under ",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 1, run(context.Background(), []string{"-dir", arg, "-rounds", "1"}, &out, &errs))
		require.Contains(t, errs.String(), want+arg)
	}
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	var out, errs bytes.Buffer
	require.Equal(t, 1, run(context.Background(), []string{"-dir", file}, &out, &errs))
	require.Contains(t, errs.String(), "is a file: give the folder that holds it")
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-workers", "0"}, {"-readers", "0"}, {"-bound", "-1"}, {"-rounds", "0"}, {"-pinning", "glue"}, {"folder"}, {"-x"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(context.Background(), args, &out, &errs), "%q", args)
		require.NotEmpty(t, errs.String())
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(context.Background(), []string{"-h"}, &out, &errs))
	require.Contains(t, errs.String(), "-bound")
}
