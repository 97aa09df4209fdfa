package main

import (
	"image"
	"image/color"
	"math"
)

// A view is a part of the plane, with the size and the depth of its image.
type view struct {
	width, height int
	depth         int
}

// row computes row y of the image.
func (v view) row(img *image.RGBA, y int) {
	// These values show the set with some room around it. Pixels are square.
	const left, span = -2.2, 3.2
	step := span / float64(v.width)
	im := (float64(y) - float64(v.height-1)/2) * step
	for x := range v.width {
		img.SetRGBA(x, y, v.colour(left+float64(x)*step, im))
	}
}

// colour iterates z -> z*z + c until z is far away, and turns the number of steps into a colour.
func (v view) colour(re, im float64) color.RGBA {
	x, y := 0.0, 0.0
	for n := range v.depth {
		xx, yy := x*x, y*y
		if xx+yy > 64 {
			// The logarithm turns the number of steps into a continuous value.
			t := math.Log(float64(n) + 2 - math.Log2(math.Log2(xx+yy)/2))
			wave := func(phase float64) uint8 { return uint8(127.5 - 127.5*math.Cos(2.1*t+phase)) }
			return color.RGBA{wave(0.2), wave(0.9), wave(1.7), 255}
		}
		x, y = xx-yy+re, 2*x*y+im
	}
	return color.RGBA{0, 0, 0, 255}
}
