package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A tile is one job.
type tile struct {
	Index      int
	Poison     bool          `json:",omitempty"` // always fails
	Columns    int           `json:",omitempty"` // tiles in a row of the picture
	Side       int           `json:",omitempty"` // pixels
	Iterations int           `json:",omitempty"`
	Burn       int           `json:",omitempty"` // for -growth: iterations instead of a tile
	Wait       time.Duration `json:",omitempty"` // for -growth: a wait instead of a tile
}

func (c *config) columns() int { return int(math.Ceil(math.Sqrt(float64(c.jobs)))) }

func (c *config) tileOf(i int) tile {
	return tile{Index: i, Columns: c.columns(), Side: c.tile, Iterations: c.iterations}
}

func tileID(i int) string { return "tile-" + strconv.Itoa(i) }

// inside is the pixel of a point that has not left the set.
const inside = 255

// render returns the tile's pixels, row by row: inside, or how fast the point left the set.
func render(c *task.Ctx, t tile) ([]byte, error) {
	if t.Poison {
		return nil, errors.New("this job always fails")
	}
	if t.Burn > 0 || t.Wait > 0 {
		return carry(c, t)
	}
	side := float64(t.Columns * t.Side)
	x0, y0 := t.Index%t.Columns*t.Side, t.Index/t.Columns*t.Side
	pixels := make([]byte, 0, t.Side*t.Side)
	for y := range t.Side {
		for x := range t.Side {
			re := -2.2 + 3*float64(x0+x)/side
			im := -1.5 + 3*float64(y0+y)/side
			pixels = append(pixels, escape(re, im, t.Iterations))
		}
		c.Checkpoint()
		if err := c.Cause(); err != nil {
			return nil, err
		}
	}
	return pixels, nil
}

func escape(re, im float64, most int) byte {
	var a, b float64
	for i := range most {
		a, b = a*a-b*b+re, 2*a*b+im
		if a*a+b*b > 4 {
			return byte(i % inside)
		}
	}
	return inside
}

// local renders all tiles on this machine's scheduler alone.
func local(ctx context.Context, c *config) ([][]byte, error) {
	sched, err := scheduler.New()
	if err != nil {
		return nil, err
	}
	defer sched.Close()
	want := make([][]byte, c.jobs)
	g, _ := task.NewGroupContext(ctx, sched)
	for i := range want {
		g.Go(func(tc *task.Ctx) (err error) {
			want[i], err = render(tc, c.tileOf(i))
			return err
		})
	}
	return want, g.Wait()
}

// writePicture writes the tiles to a PNG file.
func writePicture(c *config, tiles [][]byte) (err error) {
	cols := c.columns()
	rows := (c.jobs + cols - 1) / cols
	palette := make(color.Palette, 256)
	for i := range 255 {
		v := math.Sqrt(float64(i) / 255)
		palette[i] = color.RGBA{uint8(255 * v * v), uint8(255 * v), uint8(96 + 159*v), 255}
	}
	palette[inside] = color.Black
	img := image.NewPaletted(image.Rect(0, 0, cols*c.tile, rows*c.tile), palette)
	for i, pixels := range tiles {
		x, y := i%cols*c.tile, i/cols*c.tile
		for r := range c.tile {
			copy(img.Pix[img.PixOffset(x, y+r):], pixels[r*c.tile:(r+1)*c.tile])
		}
	}
	f, err := os.Create(c.out)
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	return png.Encode(f, img)
}
