package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

func TestSidesAgree(t *testing.T) {
	v := view{width: 45, height: 30, depth: 200}
	var first []byte
	for _, workers := range []int{1, 2, 4} {
		for _, side := range sides {
			img := image.NewRGBA(image.Rect(0, 0, v.width, v.height))
			last := 0
			require.NoError(t, side.render(v, img, workers, func(done, total int) {
				last = done
				require.Equal(t, v.height, total)
			}), side.name)
			require.Positive(t, last, side.name)
			if first == nil {
				first = img.Pix
			}
			require.Equal(t, first, img.Pix, "%s, %d workers", side.name, workers)
		}
	}
	// The image must show something: points of the set, and colours around it.
	img := image.NewRGBA(image.Rect(0, 0, v.width, v.height))
	require.NoError(t, sequential(v, img, 1, func(int, int) {}))
	require.Equal(t, uint8(0), img.RGBAAt(v.width*2/3, v.height/2).G, "the middle of the set is black")
	require.NotEqual(t, img.RGBAAt(0, 0), img.RGBAAt(v.width/3, v.height/3))
}

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.png")
	// The old file is longer than the image that replaces it.
	require.NoError(t, os.WriteFile(file, make([]byte, 1<<16), 0o644))
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-width", "30", "-height", "20", "-depth", "50", "-o", file}, &out, &errs), errs.String())
	for _, part := range []string{"30 x 20 pixels", "sequential", "goroutines", "heddle", "x 1.00", "all three alike"} {
		require.Contains(t, out.String(), part)
	}
	require.Equal(t, "sequential: 20 of 20 rows\ngoroutines: 20 of 20 rows\nheddle: 20 of 20 rows\n", errs.String())
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 30, 20), img.Bounds())
	info, err := f.Stat()
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(1<<16), "nothing is left of what was there before")
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-workers", "0"}, {"-width", "0"}, {"-height", "-1"}, {"-depth", "0"}, {"x"}, {"-nonsense"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(args, &out, &errs), "%q", args)
		require.Contains(t, errs.String(), "usage: mandelbrot", "%q", args)
		require.Empty(t, out.String(), "%q", args)
	}
	var errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-h"}, &bytes.Buffer{}, &errs))
	require.Contains(t, errs.String(), "Renders the Mandelbrot set")
}

func TestUnwritable(t *testing.T) {
	var out, errs bytes.Buffer
	file := filepath.Join(t.TempDir(), "missing", "m.png")
	require.Equal(t, 1, run([]string{"-width", "3", "-height", "2", "-depth", "5", "-o", file}, &out, &errs))
	require.Contains(t, errs.String(), "mandelbrot: ")
	require.Empty(t, out.String(), "it is known before anything is rendered")
}
