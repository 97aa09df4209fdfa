package main

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A panel is one of the plots of a picture. All panels of a picture have the same curves.
type panel struct {
	title, x, y string
	logX, logY  bool   // otherwise x is linear, and y is linear and begins at 0
	ticks       []tick // of the axis of x, or nil for its own
	curves      []curve
}

type tick struct {
	at    float64
	label string
}

type curve struct {
	name   string
	points []point
}

type point struct {
	x float64
	y spread
}

// curves draws panels beside each other.
func curves(title, note string, panels []panel) ([]byte, error) {
	pg := page{
		width: vg.Length(max(420, 330*len(panels))), height: 340, title: title,
		about: "medians of the rounds; bars are quartiles", note: note,
	}
	if len(panels[0].curves) > 1 {
		for i, cv := range panels[0].curves {
			pg.legend = append(pg.legend, mark{cv.name, glyph(i)})
		}
	}
	low, high := panels[0].curves[0].points[0].y.low, 0.0
	for _, p := range panels {
		for _, cv := range p.curves {
			for _, pt := range cv.points {
				low, high = min(low, pt.y.low), max(high, pt.y.high)
			}
		}
	}
	return pg.svg(func(c draw.Canvas) {
		const gap = 16
		width := (c.Max.X - c.Min.X + gap) / vg.Length(len(panels))
		for i, p := range panels {
			before, after := vg.Length(i)*width, vg.Length(len(panels)-1-i)*width
			p.plot(low, high).Draw(draw.Crop(c, before, -after, 0, 0))
		}
	})
}

// plot makes the plot of a panel. low and high are the least and the greatest value of all panels,
// which share their axis.
func (p panel) plot(low, high float64) *plot.Plot {
	pl := newPlot()
	pl.Title.Text, pl.X.Label.Text, pl.Y.Label.Text = p.title, p.x, p.y
	xs := p.curves[0].points
	pl.X.Min, pl.X.Max = xs[0].x, xs[len(xs)-1].x
	if p.logY {
		pl.Y.Min, pl.Y.Max = low*0.85, high*1.15
		pl.Y.Scale, pl.Y.Tick.Marker = plot.LogScale{}, steps(pl.Y.Min, pl.Y.Max)
	} else {
		pl.Y.Min, pl.Y.Max = 0, high*1.1
		pl.Y.Tick.Marker = even(pl.Y.Max)
	}
	const room = 0.03 // beside the first and the last point, as a share of the axis
	if p.logX {
		pl.X.Scale = plot.LogScale{}
		f := math.Pow(pl.X.Max/pl.X.Min, room)
		pl.X.Min, pl.X.Max = pl.X.Min/f, pl.X.Max*f
	} else {
		d := room * (pl.X.Max - pl.X.Min)
		pl.X.Min, pl.X.Max = pl.X.Min-d, pl.X.Max+d
	}
	var ticks plot.ConstantTicks
	for _, t := range p.ticks {
		ticks = append(ticks, plot.Tick{Value: t.at, Label: t.label})
	}
	if ticks == nil {
		for _, pt := range xs {
			ticks = append(ticks, plot.Tick{Value: pt.x, Label: short(pt.x)})
		}
	}
	pl.X.Tick.Marker = ticks
	pl.Add(curvePlotter(p.curves))
	return pl
}

// A curvePlotter is a plot.Plotter.
type curvePlotter []curve

func (cs curvePlotter) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	grid := draw.LineStyle{Color: rule, Width: 0.4}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if t.Label != "" {
			c.StrokeLine2(grid, c.Min.X, ty(t.Value), c.Max.X, ty(t.Value))
		}
	}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		c.StrokeLine2(grid, tx(t.Value), c.Min.Y, tx(t.Value), c.Max.Y)
	}
	for i := len(cs) - 1; i >= 0; i-- { // heddle's curve is the last, above the others
		g := glyph(i)
		faint := color.NRGBAModel.Convert(g.Color).(color.NRGBA)
		faint.A = 0x80
		var line []vg.Point
		for _, pt := range cs[i].points {
			at := vg.Point{X: tx(pt.x), Y: ty(pt.y.mid)}
			line = append(line, at)
			c.StrokeLine2(
				draw.LineStyle{Color: faint, Width: 3}, at.X, ty(pt.y.low), at.X, ty(pt.y.high),
			)
		}
		c.StrokeLines(draw.LineStyle{Color: g.Color, Width: 1.5}, line)
		for _, at := range line {
			c.DrawGlyphNoClip(g, at)
		}
	}
}
